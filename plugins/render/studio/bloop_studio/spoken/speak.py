"""From a line as it is written to what a voice is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from bloop_sdk.storyboard.words import words
from bloop_studio.spoken import signs
from bloop_studio.spoken.model import Span, Spoken
from bloop_studio.spoken.numerals import Numerals, Rule
from bloop_studio.spoken.tables import Tables, tables

_CLOSING = frozenset(".,;:!?)]}…»”’")
_OPENING = frozenset("([{«„“\"'¿¡-")


def speak(text: str, language: str, lexicon: Mapping[str, str] | None = None) -> Spoken:
    """A line in the words of its language, and which of them says what.

    ``lexicon`` is how an institution wants words said, by how they are written: in small letters
    for any case. In a language without tables, numbers and symbols are left to the voice.
    """
    claims = _claims(text, language, lexicon or {})
    out = _Out()
    at = 0
    for start, end, said in claims:
        out.written(text, at, start)
        out.said(start, end, said)
        at = end
    out.written(text, at, len(text))
    return out.spoken()


def _claims(text: str, language: str, lexicon: Mapping[str, str]) -> list[tuple[int, int, str]]:
    """Stretches that are said otherwise than they are written, in order."""
    taken, code = bytearray(len(text)), bytearray(len(text))
    for start, end, _, _ in signs.code_spans(text):
        code[start:end] = b"\1" * (end - start)
    claims: list[tuple[int, int, str]] = []
    for pattern, say in _rules(language, tuple(sorted(lexicon.items()))):
        for match in pattern.finditer(text):
            start, end = match.span()
            if start == end or any(taken[start:end]):
                continue
            if any(code[start:end]) and signs.spares_code(pattern):
                continue
            said = say(match)
            if said is not None:
                taken[start:end] = b"\1" * (end - start)
                claims.append((start, end, " ".join(said.split())))
    return sorted(claims)


@lru_cache(maxsize=64)
def _rules(language: str, lexicon: tuple[tuple[str, str], ...]) -> tuple[Rule, ...]:
    """Tried in this order: what one has taken, the later ones leave."""
    known = tables(language)
    own = signs.word_rule(dict(lexicon))
    chosen = [own] if own else []
    if known is None:
        formulas, *rest = signs.neutral_rules()
        return (formulas, *chosen, *rest)
    return tuple(_known(known, chosen))


def _known(known: Tables, own: list[Rule]) -> Iterator[Rule]:
    formulas, *markdown = signs.formula_rules(known)
    yield formulas
    yield from own
    yield from signs.power_rules(known)
    yield from markdown
    yield from signs.link_rules(known)
    built_in = signs.word_rule(known.lexicon)
    if built_in:
        yield built_in
    numerals = list(Numerals(known).rules())
    yield from numerals
    yield signs.abbreviation_rule(known.abbreviations)
    yield from signs.sign_rules(known)


class _Out:
    """What is said so far."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._length = 0
        self._spans: list[Span] = []
        self._apart = False

    def written(self, text: str, start: int, end: int) -> None:
        """Say ``text[start:end]`` as it stands."""
        at = start
        for word in words(text[start:end]):
            self._between(text[at : start + word.start])
            first = self._add(text[start + word.start : start + word.end])
            self._spans.append(Span(start + word.start, start + word.end, first, self._length))
            at = start + word.end
        self._between(text[at:end])

    def said(self, start: int, end: int, said: str) -> None:
        """Say ``said`` for what is written from ``start`` to ``end``."""
        if not said:
            here = self._length - (self._last == " ")
            self._spans.append(Span(start, end, here, here))
            return
        if self._length and said[0] not in _CLOSING and self._last not in _OPENING | {" "}:
            self._put(" ")
        first = self._add(said)
        self._spans.append(Span(start, end, first, self._length))
        self._apart = True

    def spoken(self) -> Spoken:
        """All of it, without spaces at its ends."""
        text = "".join(self._text).rstrip()
        long = len(text)
        spans = (
            Span(s.start, s.end, min(s.said_start, long), min(s.said_end, long))
            for s in self._spans
        )
        return Spoken(text, tuple(spans))

    @property
    def _last(self) -> str:
        return self._text[-1][-1:] if self._text else ""

    def _add(self, text: str) -> int:
        if self._apart and text[:1].isalnum() and self._last != " ":
            self._put(" ")
        first = self._length
        self._put(text)
        return first

    def _between(self, text: str) -> None:
        for character in text:
            if character.isspace():
                if self._length and self._last != " ":
                    self._put(" ")
                continue
            if character in _CLOSING and self._last == " ":
                self._drop()
            self._put(character)

    def _put(self, text: str) -> None:
        self._text.append(text)
        self._length += len(text)
        self._apart = False

    def _drop(self) -> None:
        self._text.pop()
        self._length -= 1
