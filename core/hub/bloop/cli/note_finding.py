"""Notes as commands name and tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bloop.cli.content import all_courses, find_course
from bloop.cli.output import print_json

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop_sdk import Call

MOST = 10_000
note_argument = click.argument("note", metavar="NOTE")


def read(hub: Hub, call: Call, statement: Any, **values: Any) -> list[dict[str, Any]]:
    """The rows of a read; without values the first page of it."""
    from bloop.store.statements import to_dicts

    given = values or {"after": "", "limit": MOST}
    return to_dicts(statement, hub.database.read_now(statement, call, **given))


def all_notes(hub: Hub, call: Call, course: str | None) -> list[dict[str, Any]]:
    """The notes of a notebook, or of all, and whether the other side has them so."""
    from bloop.content.notes.queries import UNSENT, WRITES
    from bloop.content.queries import ITEMS_OF_KIND

    books = [find_course(hub, call, course)] if course else all_courses(hub, call)
    waits = {one["item"]: one["state"] for one in read(hub, call, UNSENT)}
    found = []
    for book in books:
        system = read(hub, call, WRITES, container=book["id"])
        asked = {"container": book["id"], "kind": "note", "after": "", "limit": MOST}
        for one in read(hub, call, ITEMS_OF_KIND, **asked):
            known = "sent" if one["connection"] and system else "here"
            sync = waits.get(one["id"], known)
            found.append({**one, "notebook": book["title"], "sync": sync})
    return found


def find_note(hub: Hub, call: Call, name: str) -> dict[str, Any]:
    """A note by its id, a unique beginning of one, or its title; raises NotFoundError."""
    from bloop.content.notes.texts import text_of
    from bloop.content.queries import ITEM
    from bloop.store.errors import InvalidError, NotFoundError
    from bloop.store.statements import parsed

    every = all_notes(hub, call, None)
    found = [one for one in every if one["title"] == name]
    found = found or [one for one in every if one["id"].startswith(name)]
    if not found:
        raise NotFoundError(f"no note {name!r}", cure="see: bloop notes list")
    if len(found) > 1:
        ids = ", ".join(one["id"] for one in found[:5])
        raise InvalidError(f"several notes are {name!r}: {ids}", cure="name one by its id")
    row = ITEM.as_dict(hub.database.read_now(ITEM, call, id=found[0]["id"])[0])
    text = text_of({**row, "data": parsed(row["data"])})
    return {**found[0], "markdown": text.markdown, "tags": list(text.tags)}


def find_place(hub: Hub, call: Call, container: str, name: str) -> str:
    """The node of a notebook with a title or an id; raises NotFoundError."""
    from bloop.content.queries import TREE
    from bloop.store.errors import NotFoundError

    for node in read(hub, call, TREE, container=container):
        if name in {node["id"], node["title"], node["item"]}:
            return str(node["id"])
    raise NotFoundError(f"nothing in this notebook is called {name!r}")


def say(note: dict[str, Any], *, as_json: bool) -> None:
    """Tell which note it was, and whether it has to be sent."""
    if as_json:
        print_json(note)
        return
    click.echo(f"{note['id']}  {note['title']}")
    if note["sync"] not in {"here", "sent"}:
        click.echo("It is sent by a running hub, or by: bloop notes send, with its connection")
