"""A text as it is said, and which written word is said where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """``written[start:end]`` is said as ``text[said_start:said_end]`` (may be empty)."""

    start: int
    end: int
    said_start: int
    said_end: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a voice is given for a line.

    ``spans`` are in order in both texts, do not overlap, and hold each word of either.
    """

    text: str
    spans: tuple[Span, ...]

    def said(self, start: int, end: int) -> tuple[int, int] | None:
        """The stretch of ``text`` that says what is written from ``start`` to ``end``."""
        return _hull(
            (one.said_start, one.said_end)
            for one in self.spans
            if one.start < end and start < one.end and one.said_start < one.said_end
        )

    def written(self, start: int, end: int) -> tuple[int, int] | None:
        """What was written where ``text[start:end]`` is said."""
        return _hull(
            (one.start, one.end)
            for one in self.spans
            if one.said_start < end and start < one.said_end
        )


def _hull(stretches: Iterable[tuple[int, int]]) -> tuple[int, int] | None:
    found = list(stretches)
    return (found[0][0], found[-1][1]) if found else None
