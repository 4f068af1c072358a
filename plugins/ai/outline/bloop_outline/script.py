"""A scene in the making: its lines, and the words at which its parts appear."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bloop_outline.inline import narrated
from bloop_outline.languages import Language
from bloop_outline.sentences import finished, fit
from bloop_sdk.storyboard import Cue, Line, WrittenWord, words

WORDS_A_SECOND = 2.5
PAUSE_SECONDS = 0.5
_MATH = re.compile(r"\$([^$]*)\$")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0eff]")


def seconds_of(text: str) -> float:
    """About how long a line takes to be said."""
    formulas = sum(len(re.findall(r"\w+|[=+*/<>-]", one)) for one in _MATH.findall(text))
    plain = _MATH.sub(" ", text)
    unspaced = len(_UNSPACED.findall(plain))
    spoken = len(_UNSPACED.sub("", plain).split()) + 0.6 * formulas
    return spoken / WORDS_A_SECOND + unspaced / 4.5 + PAUSE_SECONDS


@dataclass(slots=True)
class Script:
    """What is said in a scene."""

    language: Language
    lines: list[str] = field(default_factory=list)
    cues: list[Cue] = field(default_factory=list)

    def say(self, text: str) -> int:
        """Add a line; its number, from 0."""
        self.lines.append(fit(finished(text), 990))
        return len(self.lines) - 1

    def prepend(self, text: str) -> None:
        """Say something before all other lines."""
        self.lines.insert(0, fit(finished(text), 990))
        self.cues = [
            cue.model_copy(update={"line": f"line-{int(cue.line.removeprefix('line-')) + 1}"})
            for cue in self.cues
        ]

    def at(self, line: int, phrase: str, target: str, action: Any = "show") -> None:
        """Let a part come at the word of a line that speaks of ``phrase``."""
        cue = self._cue(line, phrase, target, action)
        if cue is not None:
            self.cues.append(cue)

    def _cue(self, line: int, phrase: str, target: str, action: Any) -> Cue | None:
        text = self.lines[line]
        formulas = [match.span() for match in _MATH.finditer(text)]
        wanted = {word.key for word in words(_MATH.sub(" ", phrase))}
        spoken = words(text)
        first, last = _run(spoken, words(phrase))
        seen: dict[str, int] = {}
        best: tuple[int, str, int] | None = None
        for number, word in enumerate(spoken):
            seen[word.key] = seen.get(word.key, 0) + 1
            written = text[word.start : word.end]
            if any(start < word.end and word.start < end for start, end in formulas):
                continue
            if len(written) > 60 or seen[word.key] > 50:
                continue
            weight = 2 if word.key in wanted and self._says_much(word.key) else 0
            weight += 1 if word.key in wanted else 0
            weight += 3 if first <= number < last else 0
            if best is None or weight > best[0]:
                best = weight, written, seen[word.key]
        if best is None:
            return None
        return Cue(line=f"line-{line + 1}", word=best[1], nth=best[2], action=action, target=target)

    def _says_much(self, key: str) -> bool:
        return key not in self.language.stop and (len(key) > 2 or not key.isascii())

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return sum(seconds_of(line) for line in self.lines)

    def narration(self) -> list[Line]:
        """The lines with their ids."""
        return [
            Line(id=f"line-{number}", text=narrated(text))
            for number, text in enumerate(self.lines, 1)
            if text
        ]


@dataclass(slots=True)
class Draft:
    """A scene that may be told: ``value`` says how much it is worth, ``place`` where it belongs.

    ``uses`` are the numbers of the sentences that it tells, in their part.
    """

    kind: str
    title: str
    visual: Any
    script: Script
    value: float
    place: tuple[int, int, int]
    uses: frozenset[int] = frozenset()

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return max(self.script.seconds, self.least)

    @property
    def least(self) -> float:
        """How long it has to be seen to be read."""
        if self.kind == "code":
            lines = int(self.visual.text.count("\n"))
            return min(14.0, 3.0 + 0.5 * lines)
        return 5.0


def _run(spoken: Sequence[WrittenWord], phrase: Sequence[WrittenWord]) -> tuple[int, int]:
    """Where in a line a phrase, or how it begins, is said; an empty range where it is not."""
    keys, wanted = [one.key for one in spoken], [one.key for one in phrase]
    begins = wanted[: min(4, len(wanted))]
    for at in range(len(keys) - len(begins) + 1) if begins else ():
        if keys[at : at + len(begins)] == begins:
            return at, at + len(wanted)
    return 0, 0


def heading(text: str) -> str:
    """A heading as it stands above a visual."""
    return fit(re.sub(r"^\s*(?:\d+[.)]\s*)+", "", text).strip(), 80)


def until(lines: Iterable[str], most: float) -> list[str]:
    """The first lines that take no longer than ``most`` seconds; at least one."""
    kept: list[str] = []
    spent = 0.0
    for line in lines:
        spent += seconds_of(line)
        if kept and spent > most:
            break
        kept.append(line)
    return kept
