"""How a class is doing: who is how far in a course, who is stuck, and what they lack."""
