"""Commerce: from a price to access, exactly once."""

from __future__ import annotations

from bloop_sdk import Plugin


class CommercePlugin(Plugin):
    """It has no hooks: all it does is named in ``bloop-plugin.toml``, and imported when used."""
