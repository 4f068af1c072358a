"""``bloop sync``: reads a connection, shows how far it is, and tells what came of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from bloop.cli.bars import progress_bar
from bloop.cli.connecting import load_plugin, name_argument
from bloop.cli.output import (
    asynchronous,
    console,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_conflicts,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop_sdk import Call

LOOK_SECONDS = 0.3
STOP_SECONDS = 15.0
AGAIN = "Stopped. The same command again continues where this one stopped."
COUNTS = ("seen", "written", "new", "changed", "unchanged", "quarantined", "deleted", "gone")


@click.command()
@name_argument
@click.option("--full", is_flag=True, help="Read all anew, not only what has changed.")
@click.option("--dry-run", is_flag=True, help="Write nothing, and tell what would be written.")
@click.option("--stream", "streams", metavar="NAME", multiple=True, help="Read this part alone.")
@click.option("--confirm-deletes", is_flag=True, help="Accept that most of a course is gone.")
@click.option("--no-wait", is_flag=True, help="Have it read in the background.")
@json_option
@asynchronous
async def sync(
    name: str,
    *,
    full: bool,
    dry_run: bool,
    streams: Sequence[str],
    confirm_deletes: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Read the connection NAME: its name, its id, or its plugin where that has one alone.

    A running hub does it, where there is one, and otherwise this command. Ctrl-C stops it; what was
    read stays, and the next sync goes on from there.
    """
    from bloop.content.syncing import ask_for_sync
    from bloop.hub.connection_views import find, refuse_foreign
    from bloop.store.database import in_unit

    async with open_hub() as hub:
        await hub.database.run(hub.tables.prepare)
        call = hub_call(hub)
        found = await find(hub, call, name)
        refuse_foreign(call, found)
        here = not no_wait and not hub.has_broker and not is_served(hub)
        if here:
            await work_here(hub, found["plugin"])
        job = await hub.database.run(
            in_unit,
            hub.database,
            call,
            ask_for_sync,
            found["id"],
            full=full,
            dry_run=dry_run,
            confirm_deletes=confirm_deletes,
            streams=list(streams) or None,
            enqueue=hub.jobs.enqueue,
        )
        if no_wait:
            _say_asked(hub, job, as_json=as_json)
            return
        try:
            row = await followed(hub, call, job, found["name"])
        except asyncio.CancelledError:
            await stop(hub, call, job)
            click.echo(AGAIN, err=True)
            raise
    if as_json:
        print_json({"job": job, "state": row["state"], "report": row["result"]} | _error(row))
    else:
        _print(found["name"], row)
    if row["state"] != "succeeded":
        raise SystemExit(1)


def _error(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"error": row["error"]} if row["error"] else {}


def is_served(hub: Hub) -> bool:
    """Whether a running hub takes it."""
    from bloop.content.syncing import QUEUE
    from bloop.ops import topology

    return topology.is_served(hub, QUEUE)


async def work_here(hub: Hub, plugin: str) -> None:
    """Have this process take the job."""
    from bloop.content.syncing import QUEUE

    await load_plugin(hub, plugin)
    hub.workers, hub.queues = 1, (QUEUE,)
    await hub.jobs.start()


def _say_asked(hub: Hub, job: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"job": job})
        return
    waits = "" if hub.has_broker or is_served(hub) else " It waits until a hub runs: bloop up"
    click.echo(f"Asked for. See how far it is: bloop jobs watch {job}{waits}")


async def followed(hub: Hub, call: Call, job: str, name: str) -> dict[str, Any]:
    """The job's row when it is over; meanwhile a bar shows how far it is.

    Where there is no terminal for a bar, a line says what a sync that failed waits for.
    """
    from bloop.jobs.models import OVER

    said = ""
    with progress_bar(name) as told:
        while True:
            row = _job(hub, call, job)
            if row["state"] in OVER:
                return row
            told(row["progress_done"] or 0, row["progress_total"], _note(row), left_of(row))
            waits = row["state"] == "waiting" and row["error"] and not sys.stderr.isatty()
            if waits and said != _note(row):
                said = _note(row)
                click.echo(f"{name}: {said}", err=True)
            await asyncio.sleep(LOOK_SECONDS)


async def stop(hub: Hub, call: Call, job: str) -> None:
    """Ask the job to stop, and give it a moment."""
    from bloop.jobs.models import OVER
    from bloop.store.database import in_unit
    from bloop.store.errors import ConflictError

    try:
        await hub.database.run(in_unit, hub.database, call, hub.jobs.cancel, job)
    except ConflictError:
        return  # It has just ended.
    for _ in range(int(STOP_SECONDS / LOOK_SECONDS)):
        if _job(hub, call, job)["state"] in OVER:
            return
        await asyncio.sleep(LOOK_SECONDS)


def _job(hub: Hub, call: Call, job: str) -> dict[str, Any]:
    from bloop.jobs.queries import JOB
    from bloop.store.statements import parsed

    row = JOB.as_dict(hub.database.read_now(JOB, call, id=job)[0])
    return row | {name: parsed(row[name]) for name in ("result", "error")}


def _note(row: Mapping[str, Any]) -> str:
    """The stream that is read, or what it waits for."""
    if row["state"] == "waiting":
        if row["error"]:
            at = f"{str(row['run_after'])[11:16]} UTC"
            return f"tried again at {at}: {row['error']['message']}"
        return "waits for its turn"
    return str(row["progress_message"] or "")


def left_of(row: Mapping[str, Any]) -> str:
    """How much is left, and until when (UTC) at the pace that the other side allows."""
    until, total = row["progress_until"], row["progress_total"]
    if not until or not total:
        return ""
    left = f"{total - row['progress_done']} left, until about {str(until)[11:16]} UTC"
    days = (date.fromisoformat(str(until)[:10]) - datetime.now(UTC).date()).days
    return f"{left} in {days} days" if days > 1 else f"{left} tomorrow" if days == 1 else left


def _print(name: str, row: Mapping[str, Any]) -> None:
    out = console()
    if row["state"] != "succeeded":
        error = row["error"] or {"message": "it was cancelled", "cure": "sync it again"}
        out.print(f"[red]✗[/] {plain(name)}: {plain(str(error.get('message')))}")
        if error.get("cure"):
            out.print(f"  [cyan]→[/] {plain(str(error['cure']))}")
        return
    report = row["result"]
    out.print(f"[bold]{plain(name)}[/] {_headline(report)}")
    counts = [(one, report[one]) for one in COUNTS if one in report]
    width = max(len(str(count)) for _, count in counts)
    for one, count in counts:
        style = "yellow" if count and one in {"quarantined", "deleted", "gone"} else None
        out.print(f"  {one:<11} {count:>{width}}", style=style)
    out.print(f"  [dim]{report['requests']} requests in {report['seconds']:.1f} s[/]")
    kinds = [(plain(kind), str(count)) for kind, count in report["by_kind"].items() if count]
    if kinds:
        print_table(("kind", "records"), kinds)
    for gap in report["gaps"]:
        out.print(f"[yellow]![/] not read: {plain(gap)}")
        out.print("  [cyan]→[/] grant it at the other side, or leave it: the rest was read")
    if report.get("conflicts"):
        print_conflicts(report["conflicts"])
    for problem in report["problems"]:
        out.print(f"[yellow]![/] {plain(problem['ref'])}: {plain(problem['reason'])}")
    if report["problems"]:
        out.print("  [cyan]→[/] mend them there, then: bloop connections retry, with its name")
    if report.get("written") or report.get("deleted"):
        out.print(f"[dim]Take it back with: bloop content undo {report['run']}[/]")


def _headline(report: Mapping[str, Any]) -> str:
    if report.get("dry_run"):
        return "would be read so; nothing was written"
    if report["written"] or report["deleted"]:
        return "has been read"
    return "has been read; nothing has changed"
