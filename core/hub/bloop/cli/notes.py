"""``bloop notes``: written and edited here, sent to where they come from, and decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bloop.cli.connecting import name_argument
from bloop.cli.content import course_argument, find_course
from bloop.cli.output import (
    asynchronous,
    console,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
)
from bloop.cli.users import run

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop_sdk import Call

MOST = 10_000
note_argument = click.argument("note", metavar="NOTE")
text_option = click.option(
    "--file", "text", type=click.File("r", encoding="utf-8"), help="Markdown; - is the input."
)
tag_option = click.option("--tag", "tags", multiple=True, help="A tag; several where repeated.")


@click.group()
def notes() -> None:
    """Write notes, send them, decide where both sides changed."""


@notes.command("list")
@course_argument
@json_option
@asynchronous
async def list_notes(course: str | None, *, as_json: bool) -> None:
    """List the notes of the notebook COURSE, or of all."""
    async with open_hub() as hub:
        found = _notes(hub, hub_call(hub), course)
    if as_json:
        print_json({"items": found})
        return
    rows = [(one["id"], plain(one["title"]), plain(one["notebook"]), one["sync"]) for one in found]
    print_table(("id", "title", "notebook", "sync"), rows)


@notes.command()
@note_argument
@json_option
@asynchronous
async def show(note: str, *, as_json: bool) -> None:
    """Show NOTE as Markdown, by its id, the beginning of one, or its title."""
    async with open_hub() as hub:
        found = _find(hub, hub_call(hub), note)
    if as_json:
        print_json(found)
        return
    out = console()
    out.print(f"[bold]{plain(found['title'])}[/]  [dim]{found['sync']}[/]")
    if found["tags"]:
        out.print(f"[dim]{plain(', '.join(found['tags']))}[/]")
    click.echo(found["markdown"])


@notes.command()
@note_argument
@click.option("--title")
@text_option
@tag_option
@json_option
@asynchronous
async def edit(
    note: str, *, title: str | None, text: Any, tags: Sequence[str], as_json: bool
) -> None:
    """Change NOTE: its title, its tags, or its text; without any of them, in your editor."""
    from bloop.content.notes import service

    async with open_hub() as hub:
        call = hub_call(hub)
        found = _find(hub, call, note)
        changes: dict[str, Any] = {}
        if title is not None:
            changes["title"] = title
        if tags:
            changes["tags"] = list(tags)
        if text is not None:
            changes["markdown"] = text.read()
        if not changes:
            typed = click.edit(found["markdown"], extension=".md")
            if typed is None:
                click.echo("Nothing was changed.", err=True)
                return
            changes["markdown"] = typed
        await run(hub, call, service.edit, found["id"], found["row_version"], changes)
        _say(_find(hub, call, found["id"]), as_json=as_json)


@notes.command()
@course_argument
@click.argument("title")
@text_option
@tag_option
@click.option("--below", metavar="NOTE", help="The note or folder that it stands below.")
@json_option
@asynchronous
async def new(
    course: str, title: str, *, text: Any, tags: Sequence[str], below: str | None, as_json: bool
) -> None:
    """Write a note called TITLE in the notebook COURSE."""
    from bloop.content.notes import service

    async with open_hub() as hub:
        call = hub_call(hub)
        notebook = find_course(hub, call, course)["id"]
        made = await run(
            hub,
            call,
            service.create,
            notebook,
            title=title,
            markdown=text.read() if text else "",
            tags=list(tags),
            parent=_place(hub, call, notebook, below) if below else None,
        )
        _say(_find(hub, call, made.id), as_json=as_json)


@notes.command()
@note_argument
@click.option("--below", metavar="NOTE", help="The note or folder to put it below; else the top.")
@click.option("--index", type=click.IntRange(0), help="Which one of its siblings it is, from 0.")
@asynchronous
async def move(note: str, *, below: str | None, index: int | None) -> None:
    """Give NOTE another place in its notebook."""
    from bloop.content.notes import service

    async with open_hub() as hub:
        call = hub_call(hub)
        found = _find(hub, call, note)
        parent = _place(hub, call, found["container"], below) if below else None
        await run(hub, call, service.move, found["id"], None, parent=parent, index=index)
        _say(_find(hub, call, found["id"]), as_json=False)


@notes.command()
@note_argument
@asynchronous
async def delete(note: str) -> None:
    """Put NOTE into the trash, here and in the system that it comes from."""
    from bloop.content.notes import service

    async with open_hub() as hub:
        call = hub_call(hub)
        found = _find(hub, call, note)
        await run(hub, call, service.delete, found["id"], None)
    click.echo(f"{found['title']} is in the trash.")


@notes.command()
@json_option
@asynchronous
async def unsent(*, as_json: bool) -> None:
    """List changes that other systems do not have yet, and why."""
    from bloop.content.notes.queries import UNSENT

    async with open_hub() as hub:
        found = _read(hub, hub_call(hub), UNSENT)
    if as_json:
        print_json({"items": found})
        return
    print_table(
        ("id", "title", "change", "system", "state"),
        [
            (one["id"], plain(one["title"]), one["op"], plain(one["system"]), one["state"])
            for one in found
        ],
    )
    for one in found:
        if one["reason"]:
            console().print(f"[yellow]![/] {plain(one['title'])}: {plain(one['reason'])}")
        if one["cure"]:
            console().print(f"  [cyan]→[/] {plain(one['cure'])}")


@notes.command()
@click.argument("change", metavar="CHANGE")
@asynchronous
async def revert(change: str) -> None:
    """Take back CHANGE, an id of `bloop notes unsent`: the note is what the other side holds."""
    from bloop.content.notes import service

    async with open_hub() as hub:
        call = hub_call(hub)
        row = await run(hub, call, service.revert, change)
    click.echo(f"{row.title} is what it was.")


@notes.command()
@name_argument
@json_option
@asynchronous
async def send(name: str, *, as_json: bool) -> None:
    """Send what waits for the connection NAME, also what was refused.

    A running hub does it, where there is one, and otherwise this command.
    """
    from bloop.cli import sync
    from bloop.content.notes.waiting import send_now
    from bloop.hub.connection_views import find

    async with open_hub() as hub:
        await hub.database.run(hub.tables.prepare)
        call = hub_call(hub)
        found = await find(hub, call, name)
        if not hub.has_broker and not sync.is_served(hub):
            await sync.work_here(hub, found["plugin"])
        job = await run(hub, call, send_now, found["id"])
        row = None if job is None else await sync.followed(hub, call, job, found["name"])
    if as_json:
        told = row and {"state": row["state"], "result": row["result"], "error": row["error"]}
        print_json({"job": job, **(told or {})})
    elif row is None:
        click.echo("Nothing waits.")
    elif row["state"] == "succeeded":
        counts = ", ".join(f"{count} {what}" for what, count in row["result"].items())
        click.echo(f"{found['name']}: {counts or 'nothing was left to send'}")
    else:
        error = row["error"] or {"message": "it was cancelled"}
        click.echo(f"{found['name']}: {error['message']}", err=True)
    if row is not None and row["state"] != "succeeded":
        raise SystemExit(1)


@notes.command()
@json_option
@asynchronous
async def conflicts(*, as_json: bool) -> None:
    """List notes that both sides changed at the same place."""
    from bloop.content.notes.queries import CONFLICTS
    from bloop.content.notes.routes import conflict_shown

    async with open_hub() as hub:
        found = [conflict_shown(row) for row in _read(hub, hub_call(hub), CONFLICTS)]
    if as_json:
        print_json({"items": found})
        return
    rows = [(one["id"], plain(one["title"]), one["how"], plain(one["system"])) for one in found]
    print_table(("id", "title", "how", "system"), rows)


@notes.command()
@click.argument("conflict", metavar="CONFLICT")
@click.option("--keep", type=click.Choice(["mine", "theirs", "both"]), required=True)
@asynchronous
async def settle(conflict: str, keep: str) -> None:
    """Decide CONFLICT, an id of `bloop notes conflicts`."""
    from bloop.content.notes import service

    async with open_hub() as hub:
        await run(hub, hub_call(hub), service.settle, conflict, keep)
    click.echo("Decided.")


def _read(hub: Hub, call: Call, statement: Any, **values: Any) -> list[dict[str, Any]]:
    from bloop.store.statements import to_dicts

    given = values or {"after": "", "limit": MOST}
    return to_dicts(statement, hub.database.read_now(statement, call, **given))


def _notes(hub: Hub, call: Call, course: str | None) -> list[dict[str, Any]]:
    from bloop.cli.content import all_courses
    from bloop.content.notes.queries import UNSENT
    from bloop.content.queries import ITEMS_OF_KIND

    books = [find_course(hub, call, course)] if course else all_courses(hub, call)
    waits = {one["item"]: one["state"] for one in _read(hub, call, UNSENT)}
    found = []
    for book in books:
        asked = {"container": book["id"], "kind": "note", "after": "", "limit": MOST}
        for one in _read(hub, call, ITEMS_OF_KIND, **asked):
            known = "sent" if one["connection"] else "here"
            sync = waits.get(one["id"], known)
            found.append({**one, "notebook": book["title"], "sync": sync})
    return found


def _find(hub: Hub, call: Call, name: str) -> dict[str, Any]:
    """A note by its id, a unique beginning of one, or its title; raises NotFoundError."""
    from bloop.content.notes.texts import text_of
    from bloop.content.queries import ITEM
    from bloop.store.errors import InvalidError, NotFoundError
    from bloop.store.statements import parsed

    every = _notes(hub, call, None)
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


def _place(hub: Hub, call: Call, container: str, name: str) -> str:
    """The node of a notebook with a title or an id; raises NotFoundError."""
    from bloop.content.queries import TREE
    from bloop.store.errors import NotFoundError

    for node in _read(hub, call, TREE, container=container):
        if name in {node["id"], node["title"], node["item"]}:
            return str(node["id"])
    raise NotFoundError(f"nothing in this notebook is called {name!r}")


def _say(note: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(note)
        return
    click.echo(f"{note['id']}  {note['title']}")
    if note["sync"] not in {"here", "sent"}:
        click.echo("It is sent by a running hub, or by: bloop notes send, with its connection")
