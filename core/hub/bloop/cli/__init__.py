"""The command bloop."""
