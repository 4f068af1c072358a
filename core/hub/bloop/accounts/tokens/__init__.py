"""What programs show instead of a password: access and refresh tokens, and API keys."""
