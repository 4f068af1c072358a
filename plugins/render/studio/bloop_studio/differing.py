"""What changed between two versions of a storyboard, as a page shows it: scene by scene."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from bloop_sdk.storyboard import Storyboard
from bloop_studio.diff import Change, Run, compare, short
from bloop_studio.fields import FIELDS
from bloop_studio.tables import StoryboardVersion

_LABELS = {field.key: field.label.lower() for fields in FIELDS.values() for field in fields}
_PLACES = {"scene": "scene", "line": "said", "cue": "mark", "visual": "picture", "storyboard": ""}


@dataclass(frozen=True, slots=True)
class Row:
    """One change: where, and what it ``was`` and is ``now``, or its ``words``."""

    kind: str
    place: str
    was: str
    now: str
    words: tuple[Run, ...]
    after: object


@dataclass(frozen=True, slots=True)
class Group:
    """The changes of one scene, or of the storyboard's head."""

    title: str
    changes: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Compared:
    """All of them; ``redone`` counts the scenes that are made anew."""

    scenes: Sequence[Group]
    redone: int


def compared(old: StoryboardVersion, new: StoryboardVersion) -> Compared:
    """From one version to another."""
    before, after = Storyboard.model_validate(old.body), Storyboard.model_validate(new.body)
    found = compare(before, after)
    titles = {one.id: one.title or one.visual.title or one.id for one in before.scenes}
    titles |= {one.id: one.title or one.visual.title or one.id for one in after.scenes}
    groups = [
        Group(titles.get(scene, "The whole video"), rows(some))
        for scene, some in groupby(found.changes, key=lambda one: one.scene)
    ]
    return Compared([one for one in groups if one.changes], len(found.scenes))


def rows(changes: Iterable[Change]) -> list[Row]:
    """Changes in words."""
    return [
        Row(
            one.kind,
            " ".join(part for part in (_PLACES[one.what], _field(one)) if part),
            short(one.before),
            short(one.after),
            one.words,
            one.after,
        )
        for one in changes
        if one.where != "made_by"  # It is said of the version.
    ]


def _field(one: Change) -> str:
    """The field that has changed as its form calls it, with the number of its line."""
    key, _, rest = one.where.partition("[")
    number = rest.partition("]")[0]
    label = _LABELS.get(key, key) if one.what == "visual" else key
    return f"{label} {number}".strip()
