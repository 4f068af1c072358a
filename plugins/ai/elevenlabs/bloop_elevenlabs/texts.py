"""Texts as ElevenLabs takes them, and what it tells of their characters as tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bloop_sdk.providers.ai import Word
from bloop_sdk.speech import sayable

LONGEST = 3000
"""Characters of a request: every model takes so many, and a break in it costs little."""

_MARKUP = str.maketrans("<>[]", "    ")
_SENTENCE = re.compile(r"[.!?\u2026]+[\"'\u201d\u2019)]*\s+|[\u3002\uff01\uff1f]+|\n+")
_SPACE = re.compile(r"\s+")
_AHEAD = 40
"""So many characters of a text may be missing in the times that are told."""


def plain(text: str) -> str:
    """As long, with spaces for what the voice would obey: pauses in <>, moods in []."""
    return sayable(text).translate(_MARKUP)


def pieces(text: str, longest: int = LONGEST) -> Iterator[tuple[int, int]]:
    """Where to cut a text: behind the last sentence that fits, or else behind a word."""
    start = 0
    while len(text) - start > longest:
        part = text[start : start + longest]
        ends = [found.end() for found in _SENTENCE.finditer(part)]
        ends = ends or [found.end() for found in _SPACE.finditer(part)] or [longest]
        yield start, start + ends[-1]
        start += ends[-1]
    if start < len(text):
        yield start, len(text)


def tokens(
    said: str, characters: Sequence[str], begins: Sequence[float], ends: Sequence[float]
) -> list[Word]:
    """The characters of ``said`` with their times; what is told of others is left out."""
    found: list[Word] = []
    at = 0
    for char, begin, end in zip(characters, begins, ends, strict=False):
        here = said.find(char, at, at + _AHEAD + len(char)) if char else -1
        if here >= 0:
            at = here + len(char)
            if not char.isspace():
                found.append(Word(start=here, end=at, begins=begin, ends=end))
    return found
