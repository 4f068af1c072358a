"""What notes were: earlier texts, deleted notes, and syncs that are taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bloop.cli.content import all_courses, course_argument, find_course
from bloop.cli.note_finding import find_note, note_argument, read, say
from bloop.cli.output import (
    asynchronous,
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

MOST_TEXTS = 100


@click.command()
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@asynchronous
async def undo(run_id: str | None, *, yes: bool, as_json: bool) -> None:
    """Take back all that a sync of notes wrote here: RUN, or the last one.

    What was sent stays on the other side, and the next sync brings what is there again: pause the
    connection first, to look into it. For one note, see: bloop notes restore.
    """
    from bloop.content.history import undo_run

    async with open_hub() as hub:
        call = hub_call(hub)
        name = ""
        if run_id is None:
            run_id, name, at = _last_run(hub, call)
            if not yes:
                click.confirm(f"Take back the sync of {name}, begun at {at}?", abort=True, err=True)
        done = await run(hub, call, undo_run, run_id)
    if as_json:
        print_json({"run": done.id, "connection": done.connection_id, "state": done.state})
    else:
        click.echo("Taken back. The next sync reads everything again.")


def _last_run(hub: Hub, call: Call) -> tuple[str, str, str]:
    """The id of the newest run of any notes, the connection's name, and when it began."""
    from bloop.content.notes.queries import LAST_RUN
    from bloop.store.errors import NotFoundError

    found = read(hub, call, LAST_RUN, limit=1)
    if not found:
        raise NotFoundError("no sync of notes is left to be taken back")
    return found[0]["id"], found[0]["name"], str(found[0]["started_at"])[:16].replace("T", " ")


@click.command()
@note_argument
@json_option
@asynchronous
async def versions(note: str, *, as_json: bool) -> None:
    """List the earlier texts of NOTE, the newest first."""
    from bloop.content.notes.queries import TEXTS
    from bloop.content.notes.texts import earlier

    async with open_hub() as hub:
        call = hub_call(hub)
        found = find_note(hub, call, note)
        rows = read(hub, call, TEXTS, id=found["id"], limit=MOST_TEXTS)
    texts = earlier(rows, found)
    if as_json:
        print_json({"items": texts})
        return
    print_table(
        ("version", "until", "title", "begins with"),
        [
            (one["row_version"], one["at"][:16].replace("T", " "), plain(one["title"]), _first(one))
            for one in texts
        ],
    )


def _first(text: dict[str, Any]) -> str:
    lines = text["markdown"].split("\n")
    return plain(next((line.strip() for line in lines if line.strip()), "")[:60])


@click.command()
@course_argument
@json_option
@asynchronous
async def gone(course: str | None, *, as_json: bool) -> None:
    """List notes that were deleted, here or where they come from."""
    async with open_hub() as hub:
        found = _gone(hub, hub_call(hub), course)
    if as_json:
        print_json({"items": found})
        return
    print_table(
        ("id", "title", "notebook", "state"),
        [(one["id"], plain(one["title"]), plain(one["notebook"]), one["state"]) for one in found],
    )


@click.command()
@note_argument
@click.option("--to", "version", type=click.IntRange(1), help="A version of: bloop notes versions")
@json_option
@asynchronous
async def restore(note: str, *, version: int | None, as_json: bool) -> None:
    """Bring a deleted NOTE back; or give it the text before its last change, or --to an earlier.

    Both are sent like any other change.
    """
    from bloop.content.notes import service
    from bloop.store.errors import InvalidError, NotFoundError

    async with open_hub() as hub:
        call = hub_call(hub)
        every = _gone(hub, call, None)
        deleted = [one for one in every if note == one["title"]]
        deleted = deleted or [one for one in every if one["id"].startswith(note)]
        try:
            found = find_note(hub, call, note)
        except NotFoundError:
            found = None
        if found is not None and found["state"] == "active":
            changed = await run(
                hub, call, service.undo, found["id"], found["row_version"], to=version
            )
        elif len(deleted) == 1:
            changed = await run(hub, call, service.restore, deleted[0]["id"], None)
        elif not deleted:
            raise NotFoundError(f"no note {note!r}", cure="see: bloop notes list, bloop notes gone")
        else:
            ids = ", ".join(one["id"] for one in deleted[:5])
            raise InvalidError(
                f"several deleted notes are {note!r}: {ids}", cure="name one by its id"
            )
        say(find_note(hub, call, changed.id), as_json=as_json)


def _gone(hub: Hub, call: Call, course: str | None) -> list[dict[str, Any]]:
    from bloop.content.notes.queries import GONE

    books = [find_course(hub, call, course)] if course else all_courses(hub, call)
    return [
        {**one, "notebook": book["title"]}
        for book in books
        for one in read(hub, call, GONE, container=book["id"], after="", limit=1000)
    ]
