"""What changed between two versions of a storyboard, as a page shows it: scene by scene."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from bloop_sdk import Words, gettext_noop
from bloop_sdk.storyboard import Storyboard
from bloop_studio.diff import Change, Run, compare, short
from bloop_studio.fields import FIELDS, KINDS
from bloop_studio.tables import StoryboardVersion

_LABELS = {field.key: field.label for fields in FIELDS.values() for field in fields}
_PLACES = {
    "scene": gettext_noop("scene"),
    "line": gettext_noop("said"),
    "cue": gettext_noop("mark"),
    "visual": gettext_noop("picture"),
    "storyboard": "",
}
_HEAD = {
    "title": gettext_noop("title"),
    "language": gettext_noop("language"),
    "presenter": gettext_noop("narrator"),
    "concepts": gettext_noop("concepts"),
    "seconds": gettext_noop("seconds"),
}


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


def compared(old: StoryboardVersion, new: StoryboardVersion, words: Words) -> Compared:
    """From one version to another."""
    before, after = Storyboard.model_validate(old.body), Storyboard.model_validate(new.body)
    found = compare(before, after)
    titles = {one.id: one.title or one.visual.title or one.id for one in before.scenes}
    titles |= {one.id: one.title or one.visual.title or one.id for one in after.scenes}
    groups = [
        Group(titles.get(scene, words.gettext("The whole video")), rows(some, words))
        for scene, some in groupby(found.changes, key=lambda one: one.scene)
    ]
    return Compared([one for one in groups if one.changes], len(found.scenes))


def rows(changes: Iterable[Change], words: Words) -> list[Row]:
    """Changes in words."""
    return [
        Row(
            one.kind,
            " ".join(
                part for part in (words.gettext(_PLACES[one.what]), _field(one, words)) if part
            ),
            short(one.before, words.gettext, KINDS),
            short(one.after, words.gettext, KINDS),
            one.words,
            one.after,
        )
        for one in changes
        if one.where != "made_by"  # It is said of the version.
    ]


def _field(one: Change, words: Words) -> str:
    """The field that has changed as its form calls it, with the number of its line."""
    key, _, rest = one.where.partition("[")
    number = rest.partition("]")[0]
    known = _LABELS if one.what == "visual" else _HEAD
    label = words.gettext(known.get(key, key))
    if words.locale != "de":  # German writes its nouns large.
        label = label.lower()
    return f"{label} {number}".strip()
