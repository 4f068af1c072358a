"""Quizzes taken in the hub: attempts, what was answered in them, and what was right about it."""
