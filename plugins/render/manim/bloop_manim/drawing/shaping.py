"""From characters to outlines: bidirectional order (UAX 9), faces, and HarfBuzz's shaping."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import uharfbuzz as hb
from bidi import algorithm as bidi

from bloop_manim.drawing.fonts import NO_INK, Face, Ink, Style, face_for, ignorable, own

ATOM: Final = "\ue000"
"""Stands in a text for what is no text: a formula set elsewhere. Breaks lines like a word."""

_RIGHT: Final = {"R", "AL", "AN", "RLE", "RLO", "RLI"}


@dataclass(frozen=True, slots=True)
class Set:
    """Something set in one line: outlines from its origin on the base line, in em."""

    ink: Ink
    width: float
    above: float = 0.0
    below: float = 0.0
    missing: tuple[str, ...] = ()


def right_to_left(text: str) -> bool:
    """Whether a paragraph begins at the right (UAX 9, P2 and P3)."""
    return any(unicodedata.bidirectional(char) in _RIGHT for char in text) and bool(
        bidi.get_base_level(text)
    )


def set_line(
    text: str,
    style: Style,
    language: str,
    atoms: tuple[Set, ...] = (),
    *,
    rtl: bool = False,
) -> Set:
    """One line of text in em; each :data:`ATOM` in it is one of ``atoms``, in their order."""
    return _set(text, style, language, atoms, rtl) if atoms else _plain(text, style, language, rtl)


@lru_cache(8192)
def _plain(text: str, style: Style, language: str, rtl: bool) -> Set:  # noqa: FBT001 - a key
    return _set(text, style, language, (), rtl)


def _set(
    text: str,
    style: Style,
    language: str,
    atoms: tuple[Set, ...],
    rtl: bool,  # noqa: FBT001
) -> Set:
    x, parts, missing, rest = 0.0, [], [], list(atoms)
    runs = _runs(text, style, language, rtl=rtl)
    # Atoms are told in the order of reading, runs are walked in the order of the eye.
    placed = {
        id(run): rest.pop(0) for run in sorted(runs, key=lambda r: r.start) if run.face is None
    }
    above = below = 0.0
    for run in runs:
        if run.face is None:
            one = placed[id(run)]
            above, below = max(above, one.above), max(below, one.below)
        else:
            one = _shaped(run.text, run.face, language, rtl=run.level % 2 == 1)
            missing += run.missing
        if len(one.ink):
            parts.append(one.ink + np.array([x, 0.0]))
        x += one.width
    ink = np.concatenate(parts) if parts else NO_INK
    return Set(ink, x, above, below, tuple(missing))


@dataclass(slots=True)
class _Run:
    start: int
    text: str
    face: Face | None
    level: int
    missing: list[str]


def _runs(text: str, style: Style, language: str, *, rtl: bool) -> list[_Run]:
    """Runs of one face and one direction, in the order of the eye."""
    runs: list[_Run] = []
    for at, (char, level) in enumerate(zip(text, _levels(text, rtl=rtl), strict=True)):
        if char == ATOM:
            runs.append(_Run(at, char, None, level, []))
            continue
        last = runs[-1] if runs and runs[-1].level == level else None
        joins = char.isspace() or unicodedata.combining(char) or ignorable(char)
        face = last.face if last and last.face and joins and _takes(last.face, char) else None
        face = face or face_for(char, style, language)
        gone = face is None and not ignorable(char)
        if face is None:
            char = ""  # noqa: PLW2901 - nothing is drawn for it
            face = last.face if last and last.face else own(style)
        if last is None or last.face is not face:
            runs.append(last := _Run(at, "", face, level, []))
        last.text += char
        if gone:
            last.missing.append(text[at])
    return _reordered(runs)


def _takes(face: Face, char: str) -> bool:
    return ignorable(char) or face.covers(char)


def _reordered(runs: list[_Run]) -> list[_Run]:
    """UAX 9, L2: from the highest level down to the lowest odd one, turn what is at least that."""
    for level in range(max((run.level for run in runs), default=0), 0, -1):
        turned: list[_Run] = []
        group: list[_Run] = []
        for run in runs:
            if run.level >= level:
                group.insert(0, run)
            else:
                turned += [*group, run]
                group = []
        runs = turned + group
    return runs


def _levels(text: str, *, rtl: bool) -> list[int]:
    if not rtl and not any(unicodedata.bidirectional(char) in _RIGHT for char in text):
        return [0] * len(text)
    storage = bidi.get_empty_storage()
    storage["base_level"], storage["base_dir"] = int(rtl), "R" if rtl else "L"
    bidi.get_embedding_levels(text, storage)
    # The library drops explicit marks here (X9); they are left out before, in `text.tidy`.
    bidi.explicit_embed_and_overrides(storage)
    bidi.resolve_weak_types(storage, debug=False)
    bidi.resolve_neutral_types(storage, debug=False)
    bidi.resolve_implicit_levels(storage, debug=False)
    return [char["level"] for char in storage["chars"]]


@lru_cache(4096)
def _shaped(text: str, face: Face, language: str, *, rtl: bool) -> Set:
    if not text:  # Of characters that no font has nothing is left.
        return Set(NO_INK, 0.0)
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if rtl else "ltr"
    buffer.language = language
    hb.shape(face.font, buffer, {"kern": True, "liga": True})
    x, parts = 0.0, []
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        outline = face.outline(info.codepoint)
        if len(outline):
            offset = [(x + position.x_offset) / face.em, position.y_offset / face.em]
            parts.append(outline + np.array(offset))
        x += position.x_advance
    return Set(np.concatenate(parts) if parts else NO_INK, x / face.em)
