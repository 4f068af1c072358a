"""Texts with formulas in them: broken into lines, set, and turned into one shape each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from uniseg.graphemecluster import grapheme_clusters
from uniseg.linebreak import line_break_units

from bloop_manim.drawing.canvas import Box
from bloop_manim.drawing.fonts import NO_INK, Ink, Style, own
from bloop_manim.drawing.latex import FormulaError
from bloop_manim.drawing.shaping import ATOM, Set, right_to_left, set_line
from bloop_manim.drawing.typeset import formula
from bloop_sdk.storyboard import FORMULA, dollars, latex_of
from bloop_sdk.storyboard.words import unspaced

Align = Literal["start", "middle", "end"]
LEADING: Final = 1.36
_ORPHAN: Final = 14
_TAIL: Final = 4
"""Letters of a broken word that may stand alone."""
_MATHS_SIZE: Final = 1.06
"""Typst's letters are a little smaller than ours at the same size."""
_LATIN: Final = re.compile(f"[ -~\u00a1-\u00ac\u00ae-\u024f\u2018-\u201d\u2026\u20ac{ATOM}]*")
_BREAKS: Final = re.compile(r"(?<= )(?! )|(?<=[^\W\d]-)(?=[^\W\d])|(?<=[^\W\d]/)(?=[^\W\d])")
_EXPLICIT: Final = dict.fromkeys(
    map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
)


def tidy(text: str) -> str:
    """Without what can't be drawn in a line: controls, private characters, explicit directions."""
    plain = unicodedata.normalize("NFC", text).translate(_EXPLICIT)
    plain = re.sub(r"[\t\n\r\f\v]+", " ", plain)
    return "".join(char for char in plain if unicodedata.category(char) not in {"Cc", "Co", "Cs"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a text holds that can't be set: a ``glyph`` or a ``formula``."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Rich:
    """A text with its formulas taken out."""

    text: str
    atoms: tuple[Set, ...] = ()
    troubles: tuple[Trouble, ...] = ()


@lru_cache(2048)
def rich(text: str) -> Rich:
    """Reads formulas in a text; what can't be set stands as it was written."""
    atoms: list[Set] = []
    troubles: list[Trouble] = []

    def replaced(found: re.Match[str]) -> str:
        latex = latex_of(found)
        try:
            one = formula(latex.strip(), display=False)
        except FormulaError as err:
            message = f"${latex}$, character {err.place + 1}: {err}"
            troubles.append(Trouble("formula", message))
            return latex
        size = _MATHS_SIZE
        atoms.append(Set(one.ink * size, one.width * size, one.above * size, one.below * size))
        return ATOM

    return Rich(dollars(FORMULA.sub(replaced, tidy(text))), tuple(atoms), tuple(troubles))


@dataclass(slots=True)
class Block:
    """Lines of text; its own box starts at (0, 0), the left top, and goes down."""

    ink: Ink
    width: float
    height: float
    size: float
    cap: float
    lines: int
    base: float
    troubles: tuple[Trouble, ...] = ()
    missing: int = 0
    letters: int = 0
    at: tuple[float, float] = field(default=(0.0, 0.0))

    def place(self, x: float, top: float) -> Block:
        """Put its left top there."""
        self.ink = self.ink + np.array([x - self.at[0], top - self.at[1]])
        self.at = (x, top)
        return self

    def centre(self, x: float, y: float) -> Block:
        """Put its middle there."""
        return self.place(x - self.width / 2, y + self.height / 2)

    @property
    def box(self) -> Box:
        """The box of its lines."""
        x, top = self.at
        return Box(x, top - self.height, x + self.width, top)

    @property
    def inked(self) -> Box:
        """The box of what is seen."""
        if not len(self.ink):
            return self.box
        (left, bottom), (right, top) = self.ink.min(axis=(0, 1)), self.ink.max(axis=(0, 1))
        return Box(float(left), float(bottom), float(right), float(top))


def block(
    text: str,
    size: float,
    *,
    width: float = 1e9,
    style: Style = "body",
    language: str = "en",
    align: Align = "start",
    leading: float = LEADING,
    balanced: bool = False,
    rtl: bool | None = None,
) -> Block:
    """A text within a width; ``start`` is the right where it is written from there.

    The block is as wide as its longest line, and as high as its lines with their leading.
    """
    source = rich(text)
    rtl = right_to_left(source.text) if rtl is None else rtl
    lines = _broken(source.text, source.atoms, style, language, width / size)
    if balanced and len(lines) > 1:
        lines = _balanced(source, style, language, width / size, len(lines))
    elif len(lines) > 1:
        lines = _without_orphan(source, style, language, width / size, lines)
    rows = _rows(lines, source.atoms, style, language, rtl=rtl)
    widest = max((row.width for row in rows), default=0.0)
    ink, height, base = _stacked(rows, widest, own(style).cap, leading, _side(align, rtl=rtl))
    missing = [char for row in rows for char in row.missing]
    troubles = source.troubles
    if missing:
        troubles += (Trouble("glyph", undrawn(missing)),)
    cap = own(style).cap * size
    lines_, up = len(rows), base * size
    made = Block(ink * size, widest * size, height * size, size, cap, lines_, up, troubles)
    made.missing, made.letters = len(missing), sum(not char.isspace() for char in source.text)
    return made


def undrawn(missing: Sequence[str]) -> str:
    """Which characters no font draws, and what to do."""
    names = [
        f"{char} (U+{ord(char):04X} {unicodedata.name(char, 'without a name')})"
        for char in dict.fromkeys(missing)
    ]
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return (
        f"no font on this machine draws {', '.join(names[:4])}{more}; install one that does "
        "(Debian: fonts-noto-core, fonts-noto-cjk) or write it otherwise"
    )


def _side(align: Align, *, rtl: bool) -> float:
    return {"start": float(rtl), "middle": 0.5, "end": float(not rtl)}[align]


def _rows(
    lines: Sequence[str], atoms: tuple[Set, ...], style: Style, language: str, *, rtl: bool
) -> list[Set]:
    rows, used = [], 0
    for line in lines:
        count = line.count(ATOM)
        rows.append(set_line(line, style, language, atoms[used : used + count], rtl=rtl))
        used += count
    return rows


def _stacked(
    rows: Sequence[Set], widest: float, cap: float, leading: float, side: float
) -> tuple[Ink, float, float]:
    """All rows in em, downwards from 0; their height, and where the first base line is."""
    above, below = (leading + cap) / 2, (leading - cap) / 2
    y, first, parts = 0.0, 0.0, []
    for number, row in enumerate(rows):
        y += max(above, row.above + 0.12)
        if not number:
            first = y
        if len(row.ink):
            parts.append(row.ink + np.array([(widest - row.width) * side, -y]))
        y += max(below, row.below + 0.12)
    return np.concatenate(parts) if parts else NO_INK, y, -first


def _broken(
    text: str, atoms: tuple[Set, ...], style: Style, language: str, width: float
) -> list[str]:
    """Greedy lines; a word wider than a line is broken between its characters."""
    return list(
        _greedy(text, style, language, width)
        if not atoms
        else _fill(text, atoms, style, language, width)
    )


@lru_cache(8192)
def _greedy(text: str, style: Style, language: str, width: float) -> tuple[str, ...]:
    return tuple(_fill(text, (), style, language, width))


def _fill(
    text: str, atoms: tuple[Set, ...], style: Style, language: str, width: float
) -> list[str]:
    if _width(text, style, language, atoms) <= width:
        return [text.strip()]
    lines, line, room, used = [], "", width, 0
    for unit in _units(text):
        count = unit.count(ATOM)
        inside = atoms[used : used + count]
        used += count
        length = _width(unit.rstrip(), style, language, inside)
        if line and length > room:
            lines.append(line.rstrip())
            line, room = "", width
        if length > width and not count:
            *whole, unit = _cut(unit, style, language, width)  # noqa: PLW2901 - its last piece goes on
            lines += whole
            length = _width(unit, style, language, ())
        line += unit
        room -= (
            length
            + _width(unit, style, language, inside)
            - _width(unit.rstrip(), style, language, inside)
        )
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


@lru_cache(4096)
def _units(text: str) -> tuple[str, ...]:
    """Where lines may be broken (UAX 14); for plain Latin text by a short rule, much quicker."""
    if _LATIN.fullmatch(text):
        return tuple(piece for piece in _BREAKS.split(text) if piece)
    return tuple(line_break_units(text))


def _cut(word: str, style: Style, language: str, width: float) -> list[str]:
    """Pieces of a word that is wider than a line, with hyphens between letters."""
    pieces = _pieces(word, style, language, width)
    for share in (0.95, 0.9, 0.84, 0.76, 0.66):
        if len(pieces[-1]) >= _TAIL:
            break
        other = _pieces(word, style, language, width * share)
        if len(other) > len(pieces):
            break
        pieces = other
    return pieces


def _pieces(word: str, style: Style, language: str, width: float) -> list[str]:
    pieces = [""]
    room = width - _width("-", style, language, ())
    for cluster in grapheme_clusters(word):
        if pieces[-1] and _width(pieces[-1] + cluster, style, language, ()) > room:
            if _cased(pieces[-1][-1]) and _cased(cluster[0]):
                pieces[-1] += "-"
            pieces.append("")
        pieces[-1] += cluster
    return pieces


def _cased(char: str) -> bool:
    """Whether it is a letter of a script that knows hyphens."""
    return char.isalpha() and char.lower() != char.upper()


def _balanced(source: Rich, style: Style, language: str, width: float, count: int) -> list[str]:
    """The narrowest lines that are no more than ``count`` and break no word."""
    low, high = max(width / count / 2, min(width, longest_unit(source, style, language))), width
    for _ in range(9):
        middle = (low + high) / 2
        if len(_broken(source.text, source.atoms, style, language, middle)) > count:
            low = middle
        else:
            high = middle
    return _broken(source.text, source.atoms, style, language, high)


def _without_orphan(
    source: Rich, style: Style, language: str, width: float, lines: list[str]
) -> list[str]:
    """Somewhat narrower lines where the last one would hold a single word, if that is enough."""
    spaceless = unspaced(lines[-1][:1] or " ")
    enough = _TAIL if spaceless else _ORPHAN
    if " " in lines[-1] or ((spaceless or not lines[-1].isalpha()) and len(lines[-1]) > enough):
        return lines
    for share in (0.94, 0.88, 0.8):
        other = _broken(source.text, source.atoms, style, language, width * share)
        if len(other) == len(lines) and (
            " " in other[-1] or (spaceless and len(other[-1]) > enough)
        ):
            return other
    return lines


@lru_cache(16384)
def _plain_width(text: str, style: Style, language: str) -> float:
    return set_line(text, style, language).width


def _width(text: str, style: Style, language: str, atoms: tuple[Set, ...]) -> float:
    words = text.replace(ATOM, "") if atoms else text
    return _plain_width(words, style, language) + sum(atom.width for atom in atoms)


def longest_word(text: str, style: Style, language: str) -> float:
    """Width in em of the longest that is not broken well."""
    return longest_unit(rich(text), style, language)


def longest_unit(source: Rich, style: Style, language: str) -> float:
    """The same of a text that is read already."""
    used, longest = 0, 0.0
    for unit in _units(source.text):
        count = unit.count(ATOM)
        longest = max(
            longest, _width(unit.rstrip(), style, language, source.atoms[used : used + count])
        )
        used += count
    return longest
