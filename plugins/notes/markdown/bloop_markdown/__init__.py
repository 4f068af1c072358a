"""Markdown notes for Bloop: reads a folder, a zip of one, or a single file."""

from __future__ import annotations

from bloop_sdk import Plugin


class MarkdownPlugin(Plugin):
    """The plugin itself; the provider is named by the manifest."""
