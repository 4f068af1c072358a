"""Files of notes: given to one, listed, and taken off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bloop.cli.note_finding import find_note, note_argument, say
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

_PIECE = 1 << 20


@click.command()
@note_argument
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@asynchronous
async def attach(note: str, path: Path, *, as_json: bool) -> None:
    """Give NOTE the file at PATH; its text then shows it at its end."""
    from bloop.content.notes import attaching
    from bloop.content.sniffing import HEAD_BYTES, settled
    from bloop_sdk.media_types import media_type

    async with open_hub() as hub:
        call = hub_call(hub)
        found = find_note(hub, call, note)
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            file.seek(0)
            ref = hub.blobs.put(iter(lambda: file.read(_PIECE), b""))
        given = {
            "name": path.name,
            "media_type": settled(head, media_type(path.name)),
            "sha256": ref.sha256,
            "size": ref.size,
        }
        await run(hub, call, attaching.attach, found["id"], found["row_version"], **given)
        say(find_note(hub, call, found["id"]), as_json=as_json)


@click.command()
@note_argument
@json_option
@asynchronous
async def files(note: str, *, as_json: bool) -> None:
    """List the files that NOTE shows or links to."""
    async with open_hub() as hub:
        call = hub_call(hub)
        found = _files(hub, call, find_note(hub, call, note)["id"])
    if as_json:
        print_json({"items": found})
    else:
        print_table(("id", "name"), [(one["id"], plain(one["name"])) for one in found])


@click.command()
@note_argument
@click.argument("file", metavar="FILE")
@json_option
@asynchronous
async def detach(note: str, file: str, *, as_json: bool) -> None:
    """Take FILE, its name or id, off NOTE. In the system that it comes from it stays."""
    from bloop.content.notes import attaching
    from bloop.store.errors import InvalidError, NotFoundError

    async with open_hub() as hub:
        call = hub_call(hub)
        found = find_note(hub, call, note)
        fits = [one for one in _files(hub, call, found["id"]) if file in one.values()]
        if not fits:
            raise NotFoundError(
                f"{found['title']!r} has no file {file!r}", cure="see: bloop notes files NOTE"
            )
        if len(fits) > 1:
            ids = ", ".join(one["id"] for one in fits)
            raise InvalidError(f"several files are {file!r}: {ids}", cure="name one by its id")
        given = (found["id"], found["row_version"], fits[0]["id"])
        await run(hub, call, attaching.detach, *given)
        say(find_note(hub, call, found["id"]), as_json=as_json)


def _files(hub: Hub, call: Call, note: str) -> list[dict[str, Any]]:
    from bloop.content.models import Item
    from bloop.content.notes.attaching import attached

    with hub.database.reading(call) as unit:
        found = attached(unit, unit.get(Item, note))
        return [{"id": one.id, "name": one.data.get("name") or one.title} for one in found]
