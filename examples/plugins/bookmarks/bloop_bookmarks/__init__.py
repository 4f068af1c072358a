"""Bookmarks: an example of everything that a plugin can contribute."""

from __future__ import annotations

from bloop_sdk import Plugin


class BookmarksPlugin(Plugin):
    """It has no hooks: all it does is named in ``bloop-plugin.toml``, and imported when used."""
