"""Login to Bloop with an account elsewhere: OpenID Connect, and GitHub's OAuth 2.0."""

from __future__ import annotations

from bloop_sdk import Plugin


class OIDCPlugin(Plugin):
    """The plugin itself; the provider is named by the manifest."""
