"""Bloop, a plugin-based learning hub."""
