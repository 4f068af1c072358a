"""OneNote for Bloop: notebooks, pages and their files over Microsoft Graph, both ways."""

from __future__ import annotations

from bloop_sdk import Plugin


class OneNotePlugin(Plugin):
    """The plugin itself; the provider is named by the manifest."""
