"""The studio: from a lesson to a narrated video."""

from __future__ import annotations

from bloop_sdk import Plugin


class StudioPlugin(Plugin):
    """It has no hooks: all it does is named in ``bloop-plugin.toml``, and imported when used."""
