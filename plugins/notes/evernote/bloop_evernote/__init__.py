"""Evernote for Bloop: reads ``.enex`` exports, one or a folder or a zip of them."""

from __future__ import annotations

from bloop_sdk import Plugin


class EvernotePlugin(Plugin):
    """The plugin itself; the provider is named by the manifest."""
