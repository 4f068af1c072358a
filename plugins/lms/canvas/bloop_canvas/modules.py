"""The tree: modules, and their items in order, which show what is read elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from bloop_canvas import audience
from bloop_canvas.fields import address, flag, identifier, kept, needed, some, text, whole
from bloop_canvas.place import Place
from bloop_sdk import Kind, Link, Node, Opaque, Record, Ref, Tool
from bloop_sdk.records import JSONObject

# Its own progress is the token owner's; how many items it has shows by them.
_MODULE_NOISE = frozenset({"items", "items_count", "items_url", "state", "completed_at"})
_ITEM_NOISE = frozenset({"content_details", "mastery_paths", "url"})
_SHOWN = {
    "File": Kind.FILE,
    "Discussion": Kind.DISCUSSION,
    "Assignment": Kind.ASSIGNMENT,
    "Quiz": Kind.QUIZ,
}

Pages = Callable[[str], str | None]
"""The id of a page by its slug, which is how an item names it."""


def module_id(place: Place, item: JSONObject) -> str:
    """The remote id of a module's node."""
    return place.id(f"m{identifier(item)}")


def item_id(place: Place, item: JSONObject) -> str:
    """The remote id of an item's node."""
    return place.id(f"i{identifier(item)}")


def module(place: Place, item: JSONObject) -> list[Record]:
    """A module's node. Before it opens Canvas shows students what is in it by its titles alone."""
    lost = []
    if item.get("prerequisite_module_ids"):
        lost.append("the modules that have to be done before")
    if flag(item, "require_sequential_progress"):
        lost.append("that its items are done one after another")
    position = whole(item, "position") or 0
    later = audience.is_later(item)
    record = Node(
        remote_id=module_id(place, item),
        container=place.course,
        position=position,
        # A nameless one still holds its items.
        title=some(item, "name") or f"Module {position}",
        published=flag(item, "published", default=True) and not later,
        url=f"{place.base}/courses/{place.course}/modules/{identifier(item)}",
        lost=tuple(lost),
        raw=kept(item, _MODULE_NOISE) | (audience.NOT_HERE if later else {}),
    )
    return [record]


def entry(place: Place, parent: str, item: JSONObject, pages: Pages) -> list[Record]:
    """An item's node, and the link, tool or unknown thing that stands in the module alone."""
    content, lost = _content(place, item, pages)
    node = Node(
        remote_id=item_id(place, item),
        container=place.course,
        parent=parent,
        position=whole(item, "position") or 0,
        title=some(item, "title") or needed(item, "type"),
        content=content.ref if isinstance(content, Link | Tool | Opaque) else content,
        published=flag(item, "published", default=True),
        url=address(item),
        lost=tuple(lost),
        raw=_raw(item),
    )
    return [content, node] if isinstance(content, Link | Tool | Opaque) else [node]


def _content(
    place: Place, item: JSONObject, pages: Pages
) -> tuple[Ref | Link | Tool | Opaque | None, list[str]]:
    lost = ["its indentation"] if whole(item, "indent") else []
    kind = needed(item, "type")
    if kind == "SubHeader":
        return None, lost
    if kind == "Page":
        found = pages(text(item, "page_url"))
        if found is None:
            return None, [*lost, "its page: Canvas does not list it"]
        return place.ref(Kind.PAGE, found), lost
    if kind in _SHOWN:
        return place.ref(_SHOWN[kind], identifier(item, "content_id")), lost
    return _standing(place, item, kind), lost


def _standing(place: Place, item: JSONObject, kind: str) -> Link | Tool | Opaque:
    """What is nowhere but in the module, under the item's own id."""
    remote_id, title = place.id(identifier(item)), some(item, "title") or kind
    published, raw = flag(item, "published", default=True), _raw(item)
    href = some(item, "external_url")
    if kind == "ExternalUrl" and href:
        return Link(
            remote_id=remote_id,
            container=place.course,
            title=title,
            published=published,
            href=href,
            new_window=flag(item, "new_tab"),
            raw=raw,
        )
    if kind == "ExternalTool" and href:
        return Tool(
            remote_id=remote_id,
            container=place.course,
            title=title,
            published=published,
            launch_url=href,
            lost=("its launch parameters and keys, which Canvas tells nobody",),
            raw=raw,
        )
    return Opaque(
        remote_id=remote_id,
        container=place.course,
        title=title,
        published=published,
        remote_kind=kind,
        url=address(item),
        raw=raw,
    )


def _raw(item: JSONObject) -> JSONObject:
    raw = kept(item, _ITEM_NOISE)
    wanted = raw.get("completion_requirement")
    if isinstance(wanted, dict):
        raw["completion_requirement"] = {
            name: value for name, value in wanted.items() if name != "completed"
        }
    return raw
