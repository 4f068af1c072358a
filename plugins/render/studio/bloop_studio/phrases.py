"""A text cut into captions: two rows at most, broken where people would pause."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from bloop_sdk.storyboard.words import unspaced

WIDTH, ROWS = 42, 2
"""Columns of a row: a character of an East Asian script takes two and a half, so that 16 fit."""
WIDE = 2.5
_SENTENCE, _CLAUSE = frozenset(".!?…。！？؟।"), frozenset(",;:—–)、，；：،؛")
_CLOSING = _SENTENCE | _CLAUSE | frozenset("»”’\"')]}」』）")
_OPENING = frozenset("([{«„“¿¡「『（")
_SMALL = frozenset(
    ["a", "an", "and", "as", "at", "das", "de", "dem", "den", "der", "des", "die", "ein", "eine",
     "el", "en", "for", "für", "het", "i", "il", "im", "in", "la", "le", "les", "mit", "o", "of",
     "on", "or", "the", "to", "um", "un", "und", "une", "von", "with", "y", "zu", "zum"]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """A word with the signs and the space behind it, ``text`` of a line from ``start`` to ``end``.

    ``end`` is before the space.
    """

    text: str
    start: int
    end: int

    @property
    def width(self) -> float:
        """Columns, the space behind it included."""
        return sum(_columns(one) for one in self.text)

    @property
    def bare(self) -> float:
        """Columns without the space."""
        return sum(_columns(one) for one in self.text.rstrip())


def pieces(text: str) -> list[Piece]:
    """Words; in scripts without spaces, characters with the signs that stick to them."""
    found: list[Piece] = []
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or _may_break(text, start, at):
            piece = text[start:at]
            found += _short_enough(piece, start)
            start = at
    return [one for one in found if one.text.strip()]


def _may_break(text: str, start: int, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if before == " ":
        return bool(text[start:at].strip())
    if after == " " or after in _CLOSING or before in _OPENING:
        return False
    if unicodedata.category(after)[0] == "M" or unicodedata.category(before) == "Cf":
        return False
    return unspaced(before) or unspaced(after)


def _short_enough(text: str, start: int) -> list[Piece]:
    """A word longer than a row is cut; nothing else could be done with it."""
    return [
        Piece(text[at : at + WIDTH], start + at, start + min(at + WIDTH, len(text.rstrip())))
        for at in range(0, len(text), WIDTH)
        if text[at : at + WIDTH].strip()
    ]


def cut(found: Sequence[Piece]) -> list[list[list[Piece]]]:
    """Captions of rows of pieces: the cheapest way to break, over the whole line."""
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(found) + 1):
        choices = []
        for start in range(end - 1, -1, -1):
            rows = _rows(found[start:end])
            if rows is None:
                break
            choices.append((best[start][0] + _cost(found, start, end), start))
        best.append(min(choices, key=lambda one: (one[0], -one[1])))
    captions: list[list[list[Piece]]] = []
    end = len(found)
    while end:
        start = best[end][1]
        captions.append(_rows(found[start:end]) or [])
        end = start
    return captions[::-1]


def _cost(found: Sequence[Piece], start: int, end: int) -> float:
    """Each caption costs; breaks inside phrases cost more, and so do captions of a word or two."""
    width = _width(found[start:end])
    lonely = 6.0 if width < WIDTH / 2 and (start or end < len(found)) else 0.0
    return 8.0 + lonely + (_break_cost(found, end) if end < len(found) else 0.0)


def _break_cost(found: Sequence[Piece], at: int) -> float:
    before = found[at - 1].text.rstrip()
    sign = before.rstrip("»”’\"')]}」』）")[-1:] or before[-1:]
    if sign in _SENTENCE:
        return 0.0
    if sign in _CLAUSE:
        return 3.0
    return 14.0 if before.casefold() in _SMALL else 8.0


def _rows(found: Sequence[Piece]) -> list[list[Piece]] | None:
    """One row, or two as even as their phrases allow; None where they don't fit."""
    if _width(found) <= WIDTH:
        return [list(found)]
    if _width(found) > ROWS * WIDTH + 1:
        return None
    best: tuple[float, int] | None = None
    for at in range(1, len(found)):
        first, second = _width(found[:at]), _width(found[at:])
        if first <= WIDTH and second <= WIDTH:
            cost = _break_cost(found, at) + abs(first - second) / 4
            best = min(best or (cost, at), (cost, at))
    return None if best is None else [list(found[: best[1]]), list(found[best[1] :])]


def _width(found: Sequence[Piece]) -> float:
    return sum(one.width for one in found[:-1]) + found[-1].bare


def _columns(character: str) -> float:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0.0
    return WIDE if unicodedata.east_asian_width(character) in {"W", "F"} else 1.0
