"""Cues as marks within a line: ``[word]{show=item-1}``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import ValidationError

from bloop_sdk import gettext_noop
from bloop_sdk.storyboard import Cue, Line
from bloop_sdk.storyboard.words import find_word
from bloop_studio.faults import Fault, fault_of

_ACTIONS = "show|highlight|hide"
_MARK = re.compile(
    rf"(?<!\\)(?P<slashes>\\*)\[(?P<word>[^\[\]]+)\]"
    rf"\{{(?P<does>(?:{_ACTIONS})=[^\s{{}}=]+(?: (?:{_ACTIONS})=[^\s{{}}=]+)*)\}}"
)
_MOST = 50


def marked(line: Line, cues: Sequence[Cue]) -> tuple[str, list[Cue]]:
    """The line's text with marks, and the cues that can't be marks in it.

    Text that looks like a mark gets a backslash before it.
    """
    at: dict[tuple[int, int], list[Cue]] = {}
    left: list[Cue] = []
    for cue in cues:
        where = find_word(line.text, cue.word, cue.nth)
        fits = where is not None and line.text[slice(*where)] == cue.word
        free = where in at or not any(_overlap(where, one) for one in at)
        plain = not re.search(r"[\[\]]", cue.word) and re.fullmatch(r"[^\s{}=]+", cue.target)
        if where is None or not (fits and free and plain):
            left.append(cue)
        else:
            at.setdefault(where, []).append(cue)
    return _written(line.text, at), left


def _overlap(where: tuple[int, int] | None, other: tuple[int, int]) -> bool:
    return where is not None and where[0] < other[1] and other[0] < where[1]


def _written(text: str, at: dict[tuple[int, int], list[Cue]]) -> str:
    out = ""
    done = 0
    for (start, end), cues in sorted(at.items()):
        before = text[done:start]
        does = " ".join(f"{one.action}={one.target}" for one in cues)
        # Backslashes before a mark are doubled, so that an odd one can say that it is none.
        slashes = len(before) - len(before.rstrip("\\"))
        out += f"{_literal(before)}{before[len(before) - slashes :]}[{text[start:end]}]{{{does}}}"
        done = end
    return out + _literal(text[done:])


def _literal(text: str) -> str:
    return _MARK.sub(lambda match: "\\" * (len(match["slashes"]) + 1) + match[0], text)


def unmarked(text: str, line: str) -> tuple[str, list[Cue]]:
    """The text without its marks, and the cues that these are.

    Raises ValueError for a mark on something that is no whole word.
    """
    out = ""
    done = 0
    spots: list[tuple[int, str, str]] = []
    for match in _MARK.finditer(text):
        slashes = len(match["slashes"])
        out += text[done : match.start()] + "\\" * (slashes // 2)
        if slashes % 2:
            out += match[0][slashes:]
        else:
            spots.append((len(out), match["word"], match["does"]))
            out += match["word"]
        done = match.end()
    out += text[done:]
    return out, [
        _cue(out, line, at, word, *does.split("="))
        for at, word, doings in spots
        for does in doings.split(" ")
    ]


def _cue(text: str, line: str, at: int, word: str, action: str, target: str) -> Cue:
    for nth in range(1, _MOST + 1):
        where = find_word(text, word, nth)
        if where is None:
            break
        if where == (at, at + len(word)):
            return Cue.model_validate({
                "line": line, "word": word, "nth": nth, "action": action, "target": target
            })  # fmt: skip
    raise ValueError(gettext_noop("[{word}] marks no whole word").format(word=word))


def mark_fault(err: ValueError) -> Fault:
    """Why a line's marks can't be read (:func:`unmarked`)."""
    if isinstance(err, ValidationError):
        one = err.errors()[0]
        return fault_of(one, part=".".join(map(str, one["loc"])))
    return Fault(str(err)[:200])
