"""REST under /api/v1, the app factory and its middleware."""
