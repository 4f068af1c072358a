"""Two texts in one: what went, what came, and the words that changed in a line. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

AROUND = 1
"""So many unchanged lines stand around a change."""
MOST_LINES = 6_000
"""Of two texts that have more together, nothing is compared: it would take seconds."""
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")

Piece = tuple[str, str]
"""``same``, ``gone`` or ``new``, and the text."""


@dataclass(frozen=True, slots=True)
class Line:
    """``kind`` is ``same``, ``gone``, ``new``, ``changed``, or ``skipped`` with their ``count``."""

    kind: str
    pieces: tuple[Piece, ...] = ()
    count: int = 0


def differences(before: str, after: str) -> list[Line] | None:
    """The lines of two texts, those that stayed left out; None where there is too much of them."""
    was, now = (_lines(text) for text in (before, after))
    if len(was) + len(now) > MOST_LINES:
        return None
    found: list[Line] = []
    codes = SequenceMatcher(None, was, now, autojunk=False).get_opcodes()
    for tag, i, j, k, m in codes:
        if tag == "equal":
            found += [Line("same", (("same", line),)) for line in was[i:j]]
        else:
            found += _changed(was[i:j], now[k:m])
    return list(_shortened(found))


def _lines(text: str) -> list[str]:
    """Blank lines say nothing: paragraphs stand on lines of their own."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def _changed(was: Sequence[str], now: Sequence[str]) -> Iterator[Line]:
    both = min(len(was), len(now))
    for before, after in zip(was[:both], now[:both], strict=True):
        yield from _words(before, after)
    yield from (Line("gone", (("gone", line),)) for line in was[both:])
    yield from (Line("new", (("new", line),)) for line in now[both:])


def _words(before: str, after: str) -> Iterator[Line]:
    """One line with both; two lines where little of it stayed."""
    was, now = _WORDS.findall(before), _WORDS.findall(after)
    matcher = SequenceMatcher(None, was, now, autojunk=False)
    if len(was) + len(now) > MOST_LINES or matcher.ratio() < 0.4:
        yield Line("gone", (("gone", before),))
        yield Line("new", (("new", after),))
        return
    pieces: list[Piece] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(("same", "".join(was[i:j])))
            continue
        pieces += [("gone", "".join(was[i:j]))] if j > i else []
        pieces += [("new", "".join(now[k:m]))] if m > k else []
    yield Line("changed", tuple(pieces))


def _shortened(lines: Sequence[Line]) -> Iterator[Line]:
    near = {
        place
        for index, line in enumerate(lines)
        if line.kind != "same"
        for place in range(index - AROUND, index + AROUND + 1)
    }
    skipped = 0
    for index, line in enumerate(lines):
        if line.kind != "same" or index in near:
            if skipped:
                yield Line("skipped", count=skipped)
            skipped = 0
            yield line
        else:
            skipped += 1
    if skipped:
        yield Line("skipped", count=skipped)
