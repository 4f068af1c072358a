"""Passwords, logging in and what it costs to guess, sessions, and links to a new password."""
