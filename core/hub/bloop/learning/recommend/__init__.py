"""What to learn next: what can be, what it is worth, and why, in a sentence."""
