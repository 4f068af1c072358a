"""A line as people read it: formulas in plain characters, Markdown's marks gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bloop_sdk.storyboard import FORMULA, latex_of
from bloop_studio.spoken.numerals import Rule
from bloop_studio.spoken.plain import plain_formula
from bloop_studio.spoken.signs import code_spans, markdown_rules, power_rule


@dataclass(frozen=True, slots=True)
class Readable:
    """``text`` and, for each of its characters, where it was written from and to."""

    text: str
    sources: tuple[tuple[int, int], ...]

    def written(self, start: int, end: int) -> tuple[int, int]:
        """Where ``text[start:end]`` stands in the line as it was written."""
        found = self.sources[start:end]
        return (found[0][0], found[-1][1]) if found else (0, 0)


def readable(written: str) -> Readable:
    """``$x^2$`` as x², ``**so**`` as so, code as it stands; spaces are single ones."""
    replaced: list[tuple[int, int, str]] = []
    taken = bytearray(len(written))
    for start, end, first, last in code_spans(written):
        taken[start:end] = b"\1" * (end - start)
        replaced += [(start, first, ""), (last, end, "")]
    for pattern, say in _rules():
        for match in pattern.finditer(written):
            start, end = match.span()
            if start < end and not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                replaced.append((start, end, say(match) or ""))
    characters: list[tuple[str, tuple[int, int]]] = []
    at = 0
    for start, end, text in sorted(replaced):
        characters += [(written[n], (n, n + 1)) for n in range(at, start)]
        characters += [(one, (start, end)) for one in text]
        at = end
    characters += [(written[n], (n, n + 1)) for n in range(at, len(written))]
    return _single_spaced(characters)


def _rules() -> Iterator[Rule]:
    yield FORMULA, lambda match: plain_formula(latex_of(match))
    yield power_rule(), lambda match: match[0]
    yield from markdown_rules()


def _single_spaced(characters: list[tuple[str, tuple[int, int]]]) -> Readable:
    out: list[tuple[str, tuple[int, int]]] = []
    for character, source in characters:
        if not character.isspace() or character in "\u00a0\u202f":
            out.append((character, source))
        elif out and out[-1][0] != " ":
            out.append((" ", source))
    if out and out[-1][0] == " ":
        out.pop()
    return Readable("".join(one for one, _ in out), tuple(source for _, source in out))
