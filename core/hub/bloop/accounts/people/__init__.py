"""The users of an institution, their roles, and how one becomes a user."""
