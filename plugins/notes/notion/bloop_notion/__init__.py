"""Notion for Bloop: pages, rows of databases and files as notes, read and written back."""

from __future__ import annotations

from bloop_sdk import Plugin


class NotionPlugin(Plugin):
    """The plugin itself; the provider is named by the manifest."""
