"""A concept map as its page draws it: names in lines that fit, curves, and words for each state."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

MARGIN = 12
"""Around the drawing, for rings of focus."""
SIZE = 13
"""Of letters, in pixels at full size."""
_BESIDE, _LINE = 32, 16
"""What a mark takes beside a name, and from one line of it to the next."""
_SHARES = {"ijlI.,:;'!|()[] ": 0.33, "frt-": 0.41, "mwMW@%…": 1.0}
"""How broad some letters are, as shares of their size."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A concept on the page: ``x`` and ``y`` are its top left corner, ``words`` what it says."""

    id: str
    name: str
    level: int
    x: int
    y: int
    state: str
    classes: str
    lines: tuple[tuple[str, int], ...]
    cut: bool
    goal: bool
    folded: int
    words: tuple[str, ...]
    after: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """The line of an edge."""

    d: str
    on_way: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is drawn; of ``levels`` those without edges (0) come last."""

    width: int
    height: int
    box: Mapping[str, int]
    marks: Sequence[Mark]
    curves: Sequence[Curve]
    levels: Sequence[tuple[int, Sequence[Mark]]]
    caption: int
    """How far down a line stands over those without edges; 0 where they are all, or none."""


def sheet(found: Mapping[str, Any], _: Callable[[str], str], *, mirrored: bool) -> Sheet:
    """A map of the API in words of a language; ``mirrored`` is for who reads from the right."""
    width, box = found["width"], found["box"]

    def across(x: int, wide: int = 0) -> int:
        return MARGIN + (width - x - wide if mirrored else x)

    names = {one["id"]: one["name"] for one in found["nodes"]}
    after: dict[str, list[tuple[str, str]]] = {}
    for edge in found["edges"]:
        after.setdefault(edge["target"], []).append((edge["source"], names[edge["source"]]))
    marks = [
        _mark(one, across(one["x"], box["width"]), box, after.get(one["id"], ()), _)
        for one in found["nodes"]
    ]
    curves = [
        Curve(_curve([(across(x), y + MARGIN) for x, y in one["points"]]), one["on_way"])
        for one in found["edges"]
    ]
    levels = [(level, list(some)) for level, some in groupby(marks, key=lambda one: one.level)]
    return Sheet(
        width + 2 * MARGIN,
        found["height"] + 2 * MARGIN,
        box,
        marks,
        sorted(curves, key=lambda one: one.on_way),
        levels,
        levels[-1][1][0].y - _LINE if len(levels) > 1 and not levels[-1][0] else 0,
    )


def state_names(_: Callable[[str], str]) -> dict[str, str]:
    """How far somebody is, in words."""
    return {
        "unknown": _("not begun"),
        "started": _("begun"),
        "known": _("known"),
        "due": _("due for review"),
    }


def _mark(
    one: Mapping[str, Any],
    x: int,
    box: Mapping[str, int],
    after: Iterable[tuple[str, str]],
    _: Callable[[str], str],
) -> Mark:
    lines, cut = wrapped(one["name"], box["width"] - _BESIDE - 16)
    first = one["y"] + MARGIN + box["height"] // 2 - (len(lines) - 1) * _LINE // 2
    state = one["state"]
    said = [state_names(_)[state]] if state else []
    said += [_("next for you")] if one["next"] else []
    said += [_("a goal of yours")] if one["goal"] else []
    said += [_("on your way")] if one["on_way"] and not one["goal"] else []
    if one["folded"]:
        said.append(_("{count} parts of it folded in").format(count=one["folded"]))
    flags = [name for name in ("next", "goal", "on_way") if one[name]]
    return Mark(
        one["id"],
        one["name"],
        one["level"],
        x,
        one["y"] + MARGIN,
        state or "",
        " ".join(["node", *filter(None, [state]), *flags]).replace("_", "-"),
        tuple((line, first + at * _LINE) for at, line in enumerate(lines)),
        cut,
        one["goal"],
        one["folded"],
        tuple(said),
        tuple(after),
    )


def _curve(points: Sequence[tuple[int, int]]) -> str:
    """A path that bends between columns and runs straight through them."""
    (x, y), *rest = points
    parts = [f"M{x} {y}"]
    for at, (right, low) in enumerate(rest):
        if at % 2:
            parts.append(f"H{right}")
        else:
            middle = (x + right) // 2
            parts.append(f"C{middle} {y} {middle} {low} {right} {low}")
        x, y = right, low
    return "".join(parts)


def wrapped(name: str, wide: int) -> tuple[list[str], bool]:
    """A name in at most two lines of so many pixels, and whether some of it had to go."""
    lines: list[str] = []
    line = ""
    waiting = name.split()[::-1]
    while waiting:
        word = waiting.pop()
        longer = f"{line} {word}" if line else word
        if length(longer) <= wide:
            line = longer
        elif line:
            lines.append(line)
            line = ""
            waiting.append(word)
        else:
            head = _fitting(word, wide)
            lines.append(head if length(head[-1:]) >= SIZE else f"{head[:-1]}-")
            waiting.append(word[len(lines[-1].removesuffix("-")) :])
    lines += [line] if line else []
    if len(lines) < 3:
        return lines, False
    last = f"{lines[1]} "
    while length(f"{last}…") > wide or last.endswith((" ", "-")):
        last = last[:-1]
    return [lines[0], f"{last}…"], True


def _fitting(word: str, wide: int) -> str:
    """As much of a word as fits, at least two letters of it."""
    end = 2
    while end < len(word) and length(word[: end + 1]) <= wide:
        end += 1
    return word[:end]


def length(text: str) -> float:
    """About how many pixels a text takes in a broad font; others take less."""
    return sum(map(_letter, text)) * SIZE


def _letter(one: str) -> float:
    if unicodedata.combining(one):
        return 0.0
    known = next((share for letters, share in _SHARES.items() if one in letters), 0.0)
    if known or one.isupper():
        return known or 0.75
    return 1.0 if unicodedata.east_asian_width(one) in "WF" else 0.63
