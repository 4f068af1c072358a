"""Texts as ElevenLabs takes them."""

from __future__ import annotations

from bloop_sdk.speech import sayable

LONGEST = 1500
"""Characters of a request. Every model takes more, but the SDK holds the loop while it reads."""

_MARKUP = str.maketrans("<>[]", "    ")


def plain(text: str) -> str:
    """As long, with spaces for what the voice would obey: pauses in <>, moods in []."""
    return sayable(text).translate(_MARKUP)
