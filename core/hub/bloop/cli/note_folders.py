"""Folders of notebooks: made, moved and renamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bloop.cli.content import course_argument, find_course
from bloop.cli.note_finding import find_place
from bloop.cli.output import asynchronous, hub_call, json_option, open_hub, print_json
from bloop.cli.users import run

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop_sdk import Call

below_option = click.option("--below", metavar="FOLDER", help="What it stands below; else the top.")


@click.group()
def folders() -> None:
    """Make and move folders of notebooks."""


@folders.command()
@course_argument
@click.argument("title")
@below_option
@json_option
@asynchronous
async def new(course: str, title: str, *, below: str | None, as_json: bool) -> None:
    """Make a folder called TITLE in the notebook COURSE, first where that comes from."""
    from bloop.content.notes.folders import create_folder

    async with open_hub() as hub:
        call = hub_call(hub)
        book = find_course(hub, call, course)
        parent = find_place(hub, call, book["id"], below) if below else None
        await _ready(hub, book)
        asked = await run(hub, call, create_folder, book["id"], title=title, parent=parent)
        await _done(hub, call, asked, title, as_json=as_json)


@folders.command()
@course_argument
@click.argument("folder", metavar="FOLDER")
@below_option
@click.option("--title", help="Another name for it.")
@json_option
@asynchronous
async def move(
    course: str, folder: str, *, below: str | None, title: str | None, as_json: bool
) -> None:
    """Move FOLDER of the notebook COURSE, with all that is in it, or give it another name."""
    from bloop.content.notes.folders import move_folder

    async with open_hub() as hub:
        call = hub_call(hub)
        book = find_course(hub, call, course)
        node = find_place(hub, call, book["id"], folder)
        parent = find_place(hub, call, book["id"], below) if below else None
        await _ready(hub, book)
        asked = await run(hub, call, move_folder, node, None, title=title, parent=parent)
        await _done(hub, call, asked, title or folder, as_json=as_json)


async def _ready(hub: Hub, book: dict[str, Any]) -> None:
    """Have this process do the job where no running hub does."""
    from bloop.cli import sync
    from bloop.hub.connection_views import all_views

    await hub.database.run(hub.tables.prepare)
    views = await all_views(hub, hub_call(hub))
    plugin = next((one["plugin"] for one in views if one["id"] == book["connection"]), None)
    if plugin is not None and not hub.has_broker and not sync.is_served(hub):
        await sync.work_here(hub, plugin)


async def _done(hub: Hub, call: Call, asked: Any, title: str, *, as_json: bool) -> None:
    from bloop.cli import sync

    row = None if asked.job is None else await sync.followed(hub, call, asked.job, title)
    told: dict[str, Any] = {"node": asked.node, "job": asked.job}
    if row is not None:
        told |= {"state": row["state"], "result": row["result"], "error": row["error"]}
    failed = row is not None and row["state"] != "succeeded"
    if as_json:
        print_json(told)
    elif failed:
        error = told["error"] or {"message": "it was cancelled"}
        click.echo(f"{title}: {error['message']}", err=True)
    else:
        click.echo(f"{title} is there.")
        for lost in (told.get("result") or {}).get("lost", ()):
            click.echo(f"  not taken: {lost}")
    if failed:
        raise SystemExit(1)
