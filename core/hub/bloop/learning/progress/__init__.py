"""How far somebody is: what they have done of a course, their goals, and certificates."""
