"""E-mail for Bloop: the hub's messages to people, over SMTP."""

from __future__ import annotations

from bloop_sdk import Plugin


class SmtpPlugin(Plugin):
    """The plugin itself; the provider is named by the manifest."""
