"""Markdown notes for Bloop: reads a folder, a zip or a single file, and writes to a vault."""

from __future__ import annotations

from bloop_sdk import Plugin


class MarkdownPlugin(Plugin):
    """The plugin itself; the provider is named by the manifest."""
