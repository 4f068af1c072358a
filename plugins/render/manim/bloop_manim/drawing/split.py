"""A scene that is too full, as several: each with the lines and cues that speak of its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bloop_sdk.storyboard import Compare, Scene

_SENTENCE: Final = re.compile(r"(?<=[.!?…。！？])\s+")
_MOST: Final = 8
_READING: Final = 2.5
"""Seconds that a part without words is shown, for each of its items."""


@dataclass(frozen=True, slots=True)
class _List:
    """What of a visual is a list, and how its parts are called."""

    field: str
    prefix: str


_LISTS: Final = {
    "bullets": _List("items", "item-"),
    "formula": _List("steps", "step-"),
    "table": _List("rows", "row-"),
    "timeline": _List("moments", "moment-"),
    "code": _List("text", "line-"),
}


def halves(scene: Scene) -> Iterator[tuple[Scene, ...]]:
    """The scene in two, three and more scenes; nothing for a visual that is no list."""
    visual: Any = scene.visual
    kind = _LISTS.get(visual.kind)
    if kind is None:
        return
    items = _items(visual, kind)
    least = 2 if visual.kind == "timeline" else 1
    for count in range(2, min(_MOST, len(items) // least) + 1):
        cuts = _cuts(scene, kind, items, count, least)
        if cuts is not None:
            yield _parted(scene, kind, items, cuts)


def sides(scene: Scene) -> tuple[Scene, ...]:
    """A comparison as two lists, one after the other, with their lines and cues."""
    visual = scene.visual
    if not isinstance(visual, Compare):
        return (scene,)
    made = []
    heard = _heard(scene)
    for number, (name, side) in enumerate((("left", visual.left), ("right", visual.right))):
        lines = heard[number]
        names = {line["id"] for line in lines}
        cues = [
            cue.model_dump()
            | {"target": cue.target.replace(f"{name}-", "item-").replace(name, "title")}
            for cue in scene.cues
            if cue.line in names and cue.target.split("-")[0] == name
        ]
        made.append(
            Scene.model_validate(
                scene.model_dump()
                | {
                    "id": _named(scene.id, number),
                    "narration": lines,
                    "cues": cues,
                    "visual": {"kind": "bullets", "title": side.title, "items": side.items},
                    "seconds": _seconds(scene, lines, len(side.items), 2),
                }
            )
        )
    return tuple(made)


def _heard(scene: Scene) -> list[list[dict[str, Any]]]:
    """Lines by the side of which they speak first; without any cue, half of them each."""
    lines = [line.model_dump() for line in scene.narration]
    first = {cue.line: 0 for cue in scene.cues if cue.target.startswith("left")}
    for cue in scene.cues:
        if cue.target.startswith("right"):
            first.setdefault(cue.line, 1)
    if not first:
        lines = _sentences(lines, 2)
    spoken: list[list[dict[str, Any]]] = [[], []]
    here = 0
    for number, line in enumerate(lines):
        here = max(here, first.get(line["id"], here if first else number * 2 // len(lines)))
        spoken[here].append(line)
    return spoken


def _named(name: str, number: int) -> str:
    suffix = f"-part-{number + 1}"
    return f"{name[: 40 - len(suffix)].rstrip('-')}{suffix}" if number else name


def _items(visual: Any, kind: _List) -> list[Any]:
    value = getattr(visual, kind.field)
    return value.rstrip("\n").split("\n") if visual.kind == "code" else list(value)


def _cuts(
    scene: Scene, kind: _List, items: Sequence[Any], count: int, least: int
) -> list[int] | None:
    """Where each scene begins: evenly, but not within what one line of narration speaks of."""
    bad = _within_lines(scene, kind)
    cuts = [0]
    for number in range(1, count):
        ideal = len(items) * number / count
        low, high = cuts[-1] + least, len(items) - (count - number) * least
        if low > high:
            return None
        cuts.append(
            min(range(low, high + 1), key=lambda at: abs(at - ideal) + _cost(scene, items, at, bad))
        )
    return cuts


def _cost(scene: Scene, items: Sequence[Any], at: int, bad: frozenset[int]) -> float:
    cost = 1.5 if at in bad else 0.0
    if scene.visual.kind == "code":
        # Functions stay together: a cut is best at a blank line, then at one further out.
        indent = len(items[at]) - len(items[at].lstrip())
        cost += min(indent, 12) * 0.3 + (0.0 if not items[at - 1].strip() else 0.8)
    return cost


def _within_lines(scene: Scene, kind: _List) -> frozenset[int]:
    spans: dict[str, list[int]] = {}
    for cue in scene.cues:
        if cue.target.startswith(kind.prefix):
            spans.setdefault(cue.line, []).append(int(cue.target[len(kind.prefix) :]))
    return frozenset(at for found in spans.values() for at in range(min(found), max(found)))


def _parted(
    scene: Scene, kind: _List, items: Sequence[Any], cuts: Sequence[int]
) -> tuple[Scene, ...]:
    ends = [*cuts[1:], len(items)]
    lines = _lines(scene, kind, cuts)
    made = []
    for number, (start, end) in enumerate(zip(cuts, ends, strict=True)):
        own = lines[number]
        names = {line["id"] for line in own}
        cues = [
            moved
            for cue in scene.cues
            if cue.line in names
            and (moved := _moved(cue.model_dump(), kind, start, end, number, len(cuts)))
        ]
        whole = scene.model_dump()
        whole |= {
            "id": _named(scene.id, number),
            "title": _headed(scene.title, number, len(cuts)),
            "narration": own,
            "cues": cues,
            "visual": _visual(scene, kind, items, start, end, last=end == len(items))
            | (
                {"title": _headed(scene.visual.title, number, len(cuts))}
                if scene.visual.title
                else {}
            ),
            "seconds": _seconds(scene, own, end - start, len(cuts)),
        }
        made.append(Scene.model_validate(whole))
    return tuple(made)


def _visual(
    scene: Scene, kind: _List, items: Sequence[Any], start: int, end: int, *, last: bool
) -> dict[str, Any]:
    visual = scene.visual.model_dump()
    chosen: Any = visual[kind.field][start:end]
    if visual["kind"] == "code":
        chosen = "\n".join(items[start:end])
        chosen = chosen if chosen.strip() else " "
    visual[kind.field] = chosen
    if visual["kind"] == "formula" and not last:
        visual["caption"] = ""
    return visual


def _headed(title: str, number: int, count: int) -> str:
    suffix = f" ({number + 1}/{count})"
    return f"{title}{suffix}" if title and len(title) + len(suffix) <= 80 else title


def _seconds(scene: Scene, lines: Sequence[Any], items: int, count: int) -> float | None:
    if scene.seconds is not None:
        return scene.seconds / count
    return None if lines or not scene.narration else max(3.0, items * _READING)


def _moved(
    cue: dict[str, Any], kind: _List, start: int, end: int, number: int, count: int
) -> dict[str, Any] | None:
    """A cue in its new scene; None where what it names is in another."""
    target = cue["target"]
    if target.startswith(kind.prefix):
        at = int(target[len(kind.prefix) :])
        return cue | {"target": f"{kind.prefix}{at - start}"} if start < at <= end else None
    return None if target == "caption" and number < count - 1 else cue


def _lines(scene: Scene, kind: _List, cuts: Sequence[int]) -> list[list[dict[str, Any]]]:
    """Each line in the scene of the first part it speaks of, in the order of speaking."""
    lines = [line.model_dump() for line in scene.narration]
    spoken: list[list[dict[str, Any]]] = [[] for _ in cuts]
    first: dict[str, int] = {}
    for cue in scene.cues:
        if cue.target.startswith(kind.prefix):
            at = int(cue.target[len(kind.prefix) :])
            first.setdefault(cue.line, sum(at > cut for cut in cuts) - 1)
    if not scene.cues:
        lines = _sentences(lines, len(cuts))
    here = 0
    for number, line in enumerate(lines):
        here = max(here, first.get(line["id"], here if first else number * len(cuts) // len(lines)))
        spoken[here].append(line)
    return spoken


def _sentences(lines: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Lines by their sentences, where there are fewer lines than scenes."""
    if len(lines) >= count:
        return lines
    pieces = []
    for line in lines:
        for number, text in enumerate(_SENTENCE.split(line["text"])):
            name = line["id"] if not number else f"{line['id'][:36].rstrip('-')}-{number + 1}"
            pieces.append({"id": name, "text": text})
    names = [piece["id"] for piece in pieces]
    return pieces if len(set(names)) == len(names) and len(pieces) <= 12 else lines
