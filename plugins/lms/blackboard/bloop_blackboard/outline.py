"""The items of a course in the order of its tree, and what kind each of them is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from bloop_blackboard.wire import Handler, Item, fault
from bloop_sdk import Kind, Ref, Skipped
from bloop_sdk.records import JSONObject

FOLDERS = frozenset({"resource/x-bb-folder", "resource/x-bb-lesson", "resource/x-bb-lesson-plan"})
_DOCUMENT = "resource/x-bb-document"
_KINDS = {
    _DOCUMENT: Kind.PAGE,
    "resource/x-bb-blankpage": Kind.PAGE,
    "resource/x-bb-file": Kind.FILE,
    "resource/x-bb-externallink": Kind.LINK,
    "resource/x-bb-courselink": Kind.LINK,
    "resource/x-bb-toollink": Kind.LINK,
    "resource/x-bb-assignment": Kind.ASSIGNMENT,
    "resource/x-bb-asmt-test-link": Kind.QUIZ,
    "resource/x-bb-forumlink": Kind.DISCUSSION,
    "resource/x-bb-blti-link": Kind.TOOL,
}


def kind_of(handler: Handler) -> Kind:
    """The kind that an item's content has; MODULE for what only holds others."""
    if handler.id in FOLDERS:
        return Kind.PAGE if handler.is_bb_page else Kind.MODULE
    return _KINDS.get(handler.id, Kind.OPAQUE)


def ref_of(course: str, item: Item) -> Ref:
    """How other records point at an item's content."""
    return Ref(kind_of(item.content_handler), f"{course}/{item.id}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One place of the tree. An Ultra document is a folder with its text in ``inside``."""

    item: Item
    raw: JSONObject
    parent: str | None
    inside: tuple[tuple[Item, JSONObject], ...] = ()


@dataclass(slots=True)
class Outline:
    """The tree of a course."""

    entries: list[Entry] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    """Of everything that was listed, also of what could not be used."""


def outline_of(course: str, rows: Sequence[JSONObject]) -> Outline:
    """Parents first, siblings in order; what leads in a circle or nowhere stands at the top."""
    found = Outline()
    items: dict[str, tuple[Item, JSONObject]] = {}
    for row in rows:
        name = str(row.get("id"))
        found.ids.add(name)
        try:
            item = Item.model_validate(row)
        except ValidationError as err:
            ref = Ref(_likely_kind(row), f"{course}/{name}")
            found.skipped.append(Skipped(ref=str(ref), reason=fault(err), raw=row))
        else:
            items[item.id] = (item, row)
    children: defaultdict[str | None, list[str]] = defaultdict(list)
    for name, (item, _) in items.items():
        children[item.parent_id if item.parent_id in items else None].append(name)
    placed: set[str] = set()
    found.entries = list(_walk(items, children, _sorted(items, children.get(None, [])), placed))
    for name in items:  # What is left stands in a circle, which is entered at one of its items.
        found.entries += _walk(items, children, [name], placed)
    return found


def _walk(
    items: Mapping[str, tuple[Item, JSONObject]],
    children: Mapping[str | None, list[str]],
    first: Sequence[str],
    placed: set[str],
) -> Iterator[Entry]:
    stack: list[tuple[str, str | None]] = [(name, None) for name in reversed(first)]
    while stack:
        name, parent = stack.pop()
        if name in placed:
            continue
        below = _sorted(items, children.get(name, []))
        item, raw = items[name]
        leaf = kind_of(item.content_handler) is not Kind.MODULE
        page = leaf and item.content_handler.id in FOLDERS
        inside = tuple(items[one] for one in below if page and _is_text(items[one][0]))
        placed.add(name)
        placed.update(one.id for one, _ in inside)
        yield Entry(item, raw, parent, inside)
        # What stands in something that has content comes beside it: a leaf has no children.
        stack += [(one, parent if leaf else name) for one in reversed(below)]


def _is_text(item: Item) -> bool:
    return item.content_handler.id == _DOCUMENT


def _sorted(items: Mapping[str, tuple[Item, JSONObject]], names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: (items[name][0].position, name))


def _likely_kind(row: JSONObject) -> Kind:
    """The kind of an item that is malformed, as far as that can be seen."""
    handler = row.get("contentHandler")
    try:
        return kind_of(Handler.model_validate(handler))
    except ValidationError:
        return Kind.OPAQUE
