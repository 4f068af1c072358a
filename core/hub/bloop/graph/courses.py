"""A course as inference reads it: its tree in order, the text of its items, and its outcomes."""

from __future__ import annotations

from typing import Any

from bloop.content.queries import CONTAINER, EXPORTED_ITEMS
from bloop.content.trees import read_tree
from bloop.graph.inference import Course, Document, Outcome
from bloop.store.database import Database
from bloop.store.errors import NotFoundError
from bloop.store.statements import parsed, to_dicts
from bloop_sdk import Call

TEXTS = frozenset({"page", "assignment", "quiz", "discussion", "note", "file", "opaque"})
_PAGE = 200


async def read_course(database: Database, call: Call, container: str) -> Course:
    """The course; items at no place of its tree come last. Raises NotFoundError."""
    row = await database.read_one(CONTAINER, call, id=container)
    if row is None:
        raise NotFoundError(f"nothing here has the id {container[:40]}")
    head = CONTAINER.as_dict(row)
    places = _places(await read_tree(database, call, container, drafts=True))
    items = await _items(database, call, container)
    texts = [one for one in items if one["kind"] in TEXTS]
    texts.sort(key=lambda one: places[one["id"]][0] if one["id"] in places else len(places))
    return Course(
        title=head["title"],
        language=head["language"] or "",
        documents=[
            Document(
                id=one["id"],
                title=one["title"],
                html=one["html"] or "",
                language=head["language"] or "",
                kind=one["kind"],
                section=places[one["id"]][1] if one["id"] in places else (),
            )
            for one in texts
        ],
        outcomes=[
            Outcome(
                id=one["remote_id"],
                title=one["title"],
                parent=parsed(one["data"]).get("parent") or "",
            )
            for one in items
            if one["kind"] == "outcome"
        ],
    )


async def _items(database: Database, call: Call, container: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["id"] if found else ""
        asked = {"container": container, "after": after, "limit": _PAGE}
        rows = await database.read(EXPORTED_ITEMS, call, **asked)
        found += to_dicts(EXPORTED_ITEMS, rows)
        if len(rows) < _PAGE:
            return found


def _places(tree: list[dict[str, Any]]) -> dict[str, tuple[int, tuple[str, ...]]]:
    """By item its first place in the tree, and the titles of the modules above it."""
    below: dict[str | None, list[dict[str, Any]]] = {}
    for node in tree:
        below.setdefault(node["parent"], []).append(node)
    found: dict[str, tuple[int, tuple[str, ...]]] = {}
    none: tuple[str, ...] = ()
    waiting = [(node, none) for node in reversed(below.get(None, []))]
    while waiting:
        node, above = waiting.pop()
        if node["item"] and node["item"] not in found:
            found[node["item"]] = len(found), above
        titles: tuple[str, ...] = (*above, node["title"]) if node["title"] else above
        waiting += [(child, titles) for child in reversed(below.get(node["id"], []))]
    return found
