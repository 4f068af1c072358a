"""Two texts in one: what went, what came, and the words that changed in a line. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

AROUND = 1
"""So many unchanged lines stand around a change."""
MOST_LINES = 6_000
"""Of two texts that have more together, nothing is compared: it would take seconds."""
MOST_STEPS = 10_000_000
"""Of what would take more, no more is compared: about half a second for all lines of two texts."""
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")

Piece = tuple[str, str]
"""``same``, ``gone`` or ``new``, and the text."""


@dataclass(frozen=True, slots=True)
class Line:
    """``kind`` is ``same``, ``gone``, ``new``, ``changed``, or ``skipped`` with their ``count``."""

    kind: str
    pieces: tuple[Piece, ...] = ()
    count: int = 0


class Effort:
    """What comparing may still cost, of one pair of texts or of all of a page.

    What repeats itself costs the cube of its length (difflib).
    """

    def __init__(self) -> None:
        self._left = MOST_STEPS

    def matcher(self, was: Sequence[str], now: Sequence[str]) -> SequenceMatcher[str] | None:
        """What compares two sequences; None where that would cost too much."""
        counts = Counter(now)
        pairs = sum(counts[one] for one in was)
        # Each search looks at all pairs that are left, and there may be as many as there are items.
        steps = (len(was) + pairs) * min(len(was), len(now)) // 3
        if steps > self._left:
            return None
        self._left -= steps
        return SequenceMatcher(None, was, now, autojunk=False)


def differences(before: str, after: str, effort: Effort | None = None) -> list[Line] | None:
    """The lines of two texts, those that stayed left out; None where there is too much of them."""
    was, now = (_lines(text) for text in (before, after))
    if len(was) + len(now) > MOST_LINES:
        return None
    found: list[Line] = []
    effort = effort or Effort()
    matcher = effort.matcher(was, now)
    if matcher is None:
        return None
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            found += [Line("same", (("same", line),)) for line in was[i:j]]
        else:
            found += _changed(was[i:j], now[k:m], effort)
    return list(_shortened(found))


def _lines(text: str) -> list[str]:
    """Blank lines say nothing: paragraphs stand on lines of their own."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def _changed(was: Sequence[str], now: Sequence[str], effort: Effort) -> Iterator[Line]:
    both = min(len(was), len(now))
    for before, after in zip(was[:both], now[:both], strict=True):
        yield from _words(before, after, effort)
    yield from (Line("gone", (("gone", line),)) for line in was[both:])
    yield from (Line("new", (("new", line),)) for line in now[both:])


def _words(before: str, after: str, effort: Effort) -> Iterator[Line]:
    """One line with both; two lines where little of it stayed, or it is too long to tell."""
    was, now = _WORDS.findall(before), _WORDS.findall(after)
    few = len(was) + len(now) <= MOST_LINES
    matcher = effort.matcher(was, now) if few else None
    if matcher is None or matcher.ratio() < 0.4:
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
