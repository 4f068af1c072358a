"""Which characters of names and titles are shown, or join what is."""

from __future__ import annotations

_JOINERS = "\u200c\u200d"
"""Between letters of Persian, Hindi and Sinhala, and within emoji: they change how a word looks."""


def seen(text: str) -> str:
    """A text without line breaks, controls and what else nobody sees."""
    return "".join(sign for sign in text if sign.isprintable() or sign in _JOINERS)


def is_seen(text: str) -> bool:
    """Whether all of a text is, and there is something to be seen."""
    return seen(text) == text and bool(text.strip(_JOINERS + " "))
