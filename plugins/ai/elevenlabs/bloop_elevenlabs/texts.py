"""Texts as ElevenLabs takes them."""

from __future__ import annotations

from bloop_sdk.speech import sayable

LONGEST = 3000
"""Characters of a request: every model takes so many, and a break in it costs little."""

_MARKUP = str.maketrans("<>[]", "    ")


def plain(text: str) -> str:
    """As long, with spaces for what the voice would obey: pauses in <>, moods in []."""
    return sayable(text).translate(_MARKUP)
