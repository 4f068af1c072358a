"""What changed between two storyboards, as data and in words."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from bloop_sdk.storyboard import Cue, Line, Scene, Storyboard

Kind = Literal["added", "removed", "moved", "changed"]
_WORD = re.compile(r"\s*\w+|\s*[^\w\s]|\s+")
_NO_NAMES: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Run:
    """A run of words that is in both texts (``same``), only in the old or only in the new one."""

    kind: Literal["same", "removed", "added"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. ``what`` is ``storyboard``, ``scene``, ``line``, ``cue`` or ``visual``.

    ``where`` names the field, such as ``items[2]``; ``before`` and ``after`` are JSON values.
    ``words`` tells texts apart word by word.
    """

    kind: Kind
    what: str
    scene: str = ""
    line: str = ""
    where: str = ""
    before: Any = None
    after: Any = None
    words: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes, scene by scene in the new order; scenes that are gone stand where they were."""

    changes: tuple[Change, ...]

    @property
    def scenes(self) -> frozenset[str]:
        """Ids of the scenes whose picture or speech is to be made anew."""
        redone = (one for one in self.changes if one.scene and one.kind != "moved")
        return frozenset(
            one.scene for one in redone if one.kind != "removed" or one.what != "scene"
        )

    def data(self) -> list[dict[str, Any]]:
        """As JSON; what is empty is left out."""
        return [
            {
                name: value
                for name, value in asdict(one).items()
                if value is not None and value != ""
            }
            for one in self.changes
        ]

    def text(self) -> str:
        """In English, a line for each change; changed words as ``[-old-]`` and ``{+new+}``."""
        return "\n".join(_told(one) for one in self.changes)


def compare(old: Storyboard, new: Storyboard) -> Difference:
    """From ``old`` to ``new``; scenes and lines are known by their ids."""
    return Difference((*_whole(old, new), *_scenes(old.scenes, new.scenes)))


def word_diff(old: str, new: str) -> tuple[Run, ...]:
    """The words of both, in the order in which they are read."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    runs: list[Run] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            runs.append(Run("same", "".join(before[a:b])))
            continue
        runs += [Run("removed", "".join(before[a:b]))] if a < b else []
        runs += [Run("added", "".join(after[c:d]))] if c < d else []
    return tuple(runs)


def _whole(old: Storyboard, new: Storyboard) -> Iterator[Change]:
    without = {"scenes"}
    yield from _fields(
        old.model_dump(exclude=without), new.model_dump(exclude=without), what="storyboard"
    )


def _scenes(old: Sequence[Scene], new: Sequence[Scene]) -> Iterator[Change]:
    before = {one.id: one for one in old}
    after = {one.id for one in new}
    moved = _moved([one.id for one in old], [one.id for one in new])
    gone = [one for one in old if one.id not in after]
    places = {one.id: at for at, one in enumerate(old)}
    last = -1
    for number, scene in enumerate(new, 1):
        known = before.get(scene.id)
        at = places.get(scene.id, last)
        while gone and places[gone[0].id] < at:
            yield _scene_gone(gone.pop(0))
        last = max(last, at)
        if known is None:
            yield Change(
                kind="added", what="scene", scene=scene.id,
                after=scene.model_dump(mode="json"),
            )  # fmt: skip
            continue
        if scene.id in moved:
            yield Change(kind="moved", what="scene", scene=scene.id, before=at + 1, after=number)
        yield from _scene(known, scene)
    yield from map(_scene_gone, gone)


def _scene_gone(scene: Scene) -> Change:
    return Change(
        kind="removed", what="scene", scene=scene.id, before=scene.model_dump(mode="json")
    )


def _moved(old: Sequence[str], new: Sequence[str]) -> set[str]:
    """As few as possible: those outside the longest run that kept its order."""
    places = {one: at for at, one in enumerate(old)}
    kept = [one for one in new if one in places]
    ends: list[int] = []
    chains: list[list[str]] = []
    for one in kept:
        at = bisect_left(ends, places[one])
        chain = [*(chains[at - 1] if at else []), one]
        ends[at : at + 1], chains[at : at + 1] = [places[one]], [chain]
    return set(kept) - set(chains[-1] if chains else [])


def _scene(old: Scene, new: Scene) -> Iterator[Change]:
    if old == new:
        return
    own = {"title", "concepts", "seconds"}
    yield from _fields(
        old.model_dump(include=own), new.model_dump(include=own), what="scene", scene=new.id
    )
    yield from _lines(old.narration, new.narration, new.id)
    if old.visual.kind != new.visual.kind:
        yield Change(
            kind="changed", what="visual", scene=new.id, where="kind",
            before=old.visual.model_dump(mode="json"), after=new.visual.model_dump(mode="json"),
        )  # fmt: skip
    else:
        yield from _fields(
            old.visual.model_dump(), new.visual.model_dump(), what="visual", scene=new.id
        )
    yield from _cues(old.cues, new.cues, new.id)


def _lines(old: Sequence[Line], new: Sequence[Line], scene: str) -> Iterator[Change]:
    before = {one.id: one.text for one in old}
    after = {one.id for one in new}
    moved = _moved([one.id for one in old], [one.id for one in new])
    for one in old:
        if one.id not in after:
            yield Change(kind="removed", what="line", scene=scene, line=one.id, before=one.text)
    for number, one in enumerate(new, 1):
        known = before.get(one.id)
        if known is None:
            yield Change(kind="added", what="line", scene=scene, line=one.id, after=one.text)
            continue
        if one.id in moved:
            yield Change(kind="moved", what="line", scene=scene, line=one.id, after=number)
        if known != one.text:
            yield Change(
                kind="changed", what="line", scene=scene, line=one.id, before=known,
                after=one.text, words=word_diff(known, one.text),
            )  # fmt: skip


def _cues(old: Sequence[Cue], new: Sequence[Cue], scene: str) -> Iterator[Change]:
    left = list(old)
    added = []
    for one in new:
        if one in left:
            left.remove(one)
        else:
            added.append(one)
    for one in left:
        yield Change(
            kind="removed", what="cue", scene=scene, line=one.line, before=one.model_dump()
        )
    for one in added:
        yield Change(kind="added", what="cue", scene=scene, line=one.line, after=one.model_dump())


def _fields(old: Any, new: Any, *, what: str, scene: str = "", where: str = "") -> Iterator[Change]:
    """Every field that differs, however deep."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            inner = f"{where}.{name}" if where else name
            yield from _fields(old.get(name), new.get(name), what=what, scene=scene, where=inner)
    elif isinstance(old, list) and isinstance(new, list) and old and new:
        yield from _items(old, new, what=what, scene=scene, where=where)
    else:
        texts = isinstance(old, str) and isinstance(new, str)
        yield Change(
            kind="changed", what=what, scene=scene, where=where, before=old, after=new,
            words=word_diff(old, new) if texts else (),
        )  # fmt: skip


def _items(
    old: list[Any], new: list[Any], *, what: str, scene: str, where: str
) -> Iterator[Change]:
    """Items that came, went, or changed in their place; counted from 1."""
    before, after = ([repr(one) for one in many] for many in (old, new))
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        both = min(b - a, d - c)
        for number in range(both):
            yield from _fields(
                old[a + number], new[c + number], what=what, scene=scene,
                where=f"{where}[{c + number + 1}]",
            )  # fmt: skip
        for at in range(a + both, b):
            yield Change(
                kind="removed", what=what, scene=scene, where=f"{where}[{at + 1}]", before=old[at]
            )
        for at in range(c + both, d):
            yield Change(
                kind="added", what=what, scene=scene, where=f"{where}[{at + 1}]", after=new[at]
            )


def _told(one: Change) -> str:
    place = f"{_place(one)} {one.where}".strip()
    if one.kind == "moved":
        return f"{place} moved to {one.after}"
    if one.words:
        marks = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
        return f"{place}: {''.join(marks[run.kind].format(run.text) for run in one.words)}"
    if one.kind == "changed":
        return f"{place}: {short(one.before)} is now {short(one.after)}"
    value = one.after if one.kind == "added" else one.before
    return f"{place} {one.kind}: {short(value)}"


def _place(one: Change) -> str:
    if one.what == "storyboard":
        return ""
    line = f" line {one.line}" if one.line else ""
    cue = " cue" if one.what == "cue" else ""
    visual = " picture" if one.what == "visual" else ""
    return f"scene {one.scene}{line}{cue}{visual}"


def short(
    value: Any, gettext: Callable[[str], str] = str, kinds: Mapping[str, str] = _NO_NAMES
) -> str:
    """A value in a few words, in the language of ``gettext``; ``kinds`` are names of pictures."""
    if isinstance(value, dict) and {"word", "target", "action"} <= set(value):
        told = gettext("%(action)s %(target)s at %(word)s")
        return told % {**value, "word": repr(value["word"])}
    if isinstance(value, dict) and "kind" in value:
        return gettext(kinds.get(value["kind"], value["kind"]))
    if isinstance(value, dict) and "visual" in value:
        told = gettext("%(kind)s, %(count)s lines")
        kind = short(value["visual"], gettext, kinds)
        return told % {"kind": kind, "count": len(value["narration"])}
    if value in (None, "", []):
        return gettext("nothing")
    text = str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
