"""More than a password: authenticator apps, passkeys, recovery codes, and proving oneself again."""
