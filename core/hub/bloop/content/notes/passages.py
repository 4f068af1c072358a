"""Passages of a lesson, named by their words and found again after the lesson was edited.

A quote is a TextQuoteSelector of the W3C's Web Annotation Data Model (4.2.4). Blanks say nothing
about where a text is: all comparing is done on its letters, the text without any. What is not there
word for word is sought by edit distance, with the bit vectors of Myers (A fast bit-vector algorithm
for approximate string matching, 1999), where parts of the quote stand.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from bloop.content.texts import text_of_html

LONGEST_QUOTE = 2000
LONGEST_CONTEXT = 64

_TOLERANCE = 0.35
"""So much of a quote may read otherwise, and it still counts as the same passage."""
_SHORT = 12
"""A quote of fewer letters says little by itself: what stands around it has to agree."""
_AGREE = 8
"""So many letters around a short quote have to."""
_GRAM = 5
_COMMON = 40
"""What stands more often in a text than this does not tell where something is."""
_ANCHORS = 24
"""Letters before and after a passage that was written anew, between which it is found."""
_MOST_PLACES = 500
_LETTER = re.compile(r"\S")
_FORMULA = re.compile(r"\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)

State = Literal["same", "changed", "gone"]


@dataclass(frozen=True, slots=True)
class Quote:
    """What was marked, what stood before and after it, and about how many letters were before."""

    exact: str
    prefix: str = ""
    suffix: str = ""
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A quote as the lesson has it now; of one that is ``gone``, as it was."""

    state: State
    quote: Quote


class LessonText:
    """The words of a lesson's HTML as its page shows them; a formula is its LaTeX."""

    def __init__(self, html: str) -> None:
        # Lines of the source are no lines of what is shown.
        words = text_of_html(" ".join(html.split()))
        self.words = _FORMULA.sub(lambda match: f"${match[1] or match[2]}$", words)
        self._places = [match.start() for match in _LETTER.finditer(self.words)]
        self.letters = _letters(self.words)

    def find(self, quote: Quote) -> Passage:
        """Where the quote is now, with its context as it is now."""
        exact = _letters(quote.exact)
        around = _letters(quote.prefix), _letters(quote.suffix)
        start = self._word_for_word(exact, around, quote.position)
        if start is not None:
            return Passage("same", self._quote(start, start + len(exact)))
        span = self._nearly(exact, around, quote.position) or self._between(exact, around)
        if span is None:
            return Passage("gone", quote)
        return Passage("changed", self._quote(*span))

    def _quote(self, start: int, end: int) -> Quote:
        """The quote between two letters, the second not included."""
        first, last = self._places[start], self._places[end - 1] + 1
        return Quote(
            self.words[first:last],
            self.words[max(0, first - LONGEST_CONTEXT) : first],
            self.words[last : last + LONGEST_CONTEXT],
            start,
        )

    def _word_for_word(self, exact: str, around: tuple[str, str], hint: int | None) -> int | None:
        """The best place of these letters: where most agrees around it, then nearest to it."""
        if not exact:
            return None
        best: tuple[int, int, int] | None = None
        for start in _places_of(exact, self.letters):
            away = 0 if hint is None else abs(start - hint)
            agreed = self._agreed(start, start + len(exact), around)
            best = max(best or (-1, 0, 0), (agreed, -away, start))
        if best is None:
            return None
        wanted = min(_AGREE, len(around[0]) + len(around[1])) if len(exact) < _SHORT else 0
        return best[2] if best[0] >= wanted else None

    def _agreed(self, start: int, end: int, around: tuple[str, str]) -> int:
        prefix, suffix = around
        before = self.letters[max(0, start - len(prefix)) : start]
        after = self.letters[end : end + len(suffix)]
        return _common(before[::-1], prefix[::-1]) + _common(after, suffix)

    def _nearly(
        self, exact: str, around: tuple[str, str], hint: int | None
    ) -> tuple[int, int] | None:
        """Where these letters stand with few errors."""
        if len(exact) < _SHORT:
            return None
        best: tuple[int, int, int, int] | None = None
        for start, end in self._windows(exact):
            errors, first, last = nearest(exact, self.letters[start:end])
            if errors > _TOLERANCE * len(exact) or first == last:
                continue
            first, last = start + first, start + last
            away = 0 if hint is None else abs(first - hint)
            gain = self._agreed(first, last, around) // 4
            best = min(best or (len(exact) * 2, 0, 0, 0), (errors - gain, away, first, last))
        return best[2:] if best else None

    def _windows(self, exact: str) -> Iterator[tuple[int, int]]:
        """Parts of the text that have most in common with these letters, at most three."""
        votes: Counter[int] = Counter()
        wide = max(16, len(exact) // 4)
        for at in range(len(exact) - _GRAM + 1):
            for place in self._grams.get(exact[at : at + _GRAM], ()):
                votes[(place - at) // wide] += 1
        for step, _ in votes.most_common(3):
            start = max(0, (step - 1) * wide)
            yield start, (step + 2) * wide + len(exact) + wide

    @cached_property
    def _grams(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for at in range(len(self.letters) - _GRAM + 1):
            found[self.letters[at : at + _GRAM]].append(at)
        return {gram: places for gram, places in found.items() if len(places) <= _COMMON}

    def _between(self, exact: str, around: tuple[str, str]) -> tuple[int, int] | None:
        """What stands between the words that stood around a passage: it was written anew."""
        before, after = around[0][-_ANCHORS:], around[1][:_ANCHORS]
        if len(before) < _AGREE or len(after) < _AGREE:
            return None
        ends = _places_of(after, self.letters)
        for place in _places_of(before, self.letters):
            start = place + len(before)
            index = bisect_left(ends, start)
            if index < len(ends) and 0 < ends[index] - start <= 3 * len(exact) + _ANCHORS:
                return start, ends[index]
        return None


def found_in(html: str, quotes: list[Quote]) -> list[Passage]:
    """Each of the quotes as a lesson has it now."""
    text = LessonText(html) if quotes else None
    return [text.find(quote) for quote in quotes] if text else []


def nearest(pattern: str, text: str) -> tuple[int, int, int]:
    """The part of ``text`` with the least edit distance to ``pattern``: errors, start, end."""
    errors, end = _ends(pattern, text)
    # Backwards from where it ends, what is best ends where it begins.
    backwards = text[max(0, end - 2 * len(pattern)) : end][::-1]
    _, length = _ends(pattern[::-1], backwards, whole=True)
    return errors, end - length, end


def _ends(pattern: str, text: str, *, whole: bool = False) -> tuple[int, int]:
    """Errors and end of what is nearest to ``pattern``, beginning anywhere, or ``whole`` at 0."""
    masks: dict[str, int] = defaultdict(int)
    for at, letter in enumerate(pattern):
        masks[letter] |= 1 << at
    full, top = (1 << len(pattern)) - 1, 1 << len(pattern) - 1
    more, less, errors = full, 0, len(pattern)
    best = (errors, 0)
    for at, letter in enumerate(text, 1):
        same = masks.get(letter, 0)
        down = same | less
        across = ((same & more) + more ^ more) | same
        up, away = less | ~(across | more) & full, more & across
        errors += bool(up & top) - bool(away & top)
        up, away = (up << 1 | whole) & full, away << 1 & full
        more, less = away | ~(down | up) & full, up & down
        if errors < best[0]:
            best = (errors, at)
    return best


def _places_of(part: str, text: str) -> list[int]:
    found, at = list[int](), text.find(part)
    while at >= 0 and len(found) < _MOST_PLACES:
        found.append(at)
        at = text.find(part, at + 1)
    return found


def _common(one: str, other: str) -> int:
    """How many letters two texts begin alike with."""
    most = min(len(one), len(other))
    return next((at for at in range(most) if one[at] != other[at]), most)


def _letters(text: str) -> str:
    return "".join(text.split())
