"""``bloop notes``: written and edited here, sent to where they come from, and decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from bloop.cli.connecting import name_argument
from bloop.cli.content import course_argument, find_course
from bloop.cli.note_files import attach, detach, files
from bloop.cli.note_finding import all_notes, find_note, find_place, note_argument, read, say
from bloop.cli.note_folders import folders
from bloop.cli.note_history import gone, restore, undo, versions
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
async def listall_notes(course: str | None, *, as_json: bool) -> None:
    """List the notes of the notebook COURSE, or of all."""
    async with open_hub() as hub:
        found = all_notes(hub, hub_call(hub), course)
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
        found = find_note(hub, hub_call(hub), note)
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
        found = find_note(hub, call, note)
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
        say(find_note(hub, call, found["id"]), as_json=as_json)


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
            parent=find_place(hub, call, notebook, below) if below else None,
        )
        say(find_note(hub, call, made.id), as_json=as_json)


@notes.command()
@note_argument
@click.option("--to", "book", metavar="NOTEBOOK", help="Another notebook, of any system.")
@click.option("--below", metavar="NOTE", help="The note or folder to put it below; else the top.")
@click.option("--index", type=click.IntRange(0), help="Which one of its siblings it is, from 0.")
@json_option
@asynchronous
async def move(
    note: str, *, book: str | None, below: str | None, index: int | None, as_json: bool
) -> None:
    """Give NOTE another place, in its notebook or another one.

    In another notebook it is another note, with its text, tags and files.
    """
    from bloop.content.notes.transfer import transfer

    async with open_hub() as hub:
        call = hub_call(hub)
        found = find_note(hub, call, note)
        notebook = find_course(hub, call, book)["id"] if book else found["container"]
        parent = find_place(hub, call, notebook, below) if below else None
        place = {"parent": parent, "index": index}
        moved = await run(hub, call, transfer, found["id"], None, notebook, **place)
        say(find_note(hub, call, moved.id), as_json=as_json)


@notes.command()
@note_argument
@asynchronous
async def delete(note: str) -> None:
    """Put NOTE into the trash, here and in the system that it comes from."""
    from bloop.content.notes import service

    async with open_hub() as hub:
        call = hub_call(hub)
        found = find_note(hub, call, note)
        await run(hub, call, service.delete, found["id"], None)
    click.echo(f"{found['title']} is in the trash.")


@notes.command()
@json_option
@asynchronous
async def unsent(*, as_json: bool) -> None:
    """List changes that other systems do not have yet, and why."""
    from bloop.content.notes.queries import UNSENT

    async with open_hub() as hub:
        found = read(hub, hub_call(hub), UNSENT)
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
        found = [conflict_shown(row) for row in read(hub, hub_call(hub), CONFLICTS)]
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


for _command in (attach, detach, files, folders, gone, restore, undo, versions):
    notes.add_command(_command)
