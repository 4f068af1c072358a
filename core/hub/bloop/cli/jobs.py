"""``bloop jobs``: what runs in the background, stopping it, and trying it again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click
import orjson

from bloop.cli.output import (
    asynchronous,
    console,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
    progress_bar,
    state,
)
from bloop.cli.schedules import schedules

if TYPE_CHECKING:
    from bloop.hub import Hub

LOOK_SECONDS = 0.5
NEWEST = "~"
"""Behind every id."""


@click.group()
def jobs() -> None:
    """See and steer background work."""


jobs.add_command(schedules)


@jobs.command("list")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
@click.option("--state", "in_state", default="", help="Only those in this state: failed.")
@click.option("--plugin", default="", help="Only those by this plugin.")
@json_option
@asynchronous
async def list_jobs(limit: int, in_state: str, plugin: str, *, as_json: bool) -> None:
    """List the newest jobs with how far they are."""
    from bloop.jobs.queries import JOBS_CHOSEN
    from bloop.store.statements import to_dicts

    chosen = {"before": NEWEST, "limit": limit, "state": in_state, "plugin": plugin}
    async with open_hub() as hub:
        found = hub.database.read_now(JOBS_CHOSEN, hub_call(hub), **chosen)
        rows = to_dicts(JOBS_CHOSEN, found)
    if as_json:
        print_json({"items": rows})
    elif not rows:
        click.echo("There are no jobs.")
    else:
        print_table(
            ("id", "kind", "state", "done", "tries", "asked for"),
            [
                (
                    row["id"],
                    plain(row["kind"]),
                    state(row["state"]),
                    _done(row),
                    f"{row['attempts']}/{row['max_attempts']}",
                    str(row["created_at"])[:16].replace("T", " "),
                )
                for row in rows
            ],
        )


@jobs.command()
@click.argument("job")
@json_option
@asynchronous
async def show(job: str, *, as_json: bool) -> None:
    """Show JOB with its progress, its result, or why it failed."""
    from bloop.jobs.queries import AFTER
    from bloop.store.statements import to_dicts

    async with open_hub() as hub:
        row = _job(hub, job)
        after = to_dicts(AFTER, hub.database.read_now(AFTER, hub_call(hub), id=job))
    if as_json:
        print_json(row | {"after": after})
        return
    out = console()
    out.print(f"[bold]{plain(row['kind'])}[/] {state(row['state'])}  [dim]{row['id']}[/]")
    facts = {
        "done": _done(row),
        "tries": f"{row['attempts']} of {row['max_attempts']}",
        "asked by": row["actor"],
        "asked for": row["created_at"],
        "began": row["started_at"],
        "ended": row["finished_at"],
    }
    for name, value in facts.items():
        if value:
            out.print(f"  [dim]{name:<9}[/] {plain(str(value))}")
    for one in after:
        out.print(f"  [dim]after[/]     {one['id']} {plain(one['kind'])} {state(one['state'])}")
    for name in ("result", "error"):
        if row[name] is not None:
            text = orjson.dumps(row[name], option=orjson.OPT_INDENT_2).decode()
            out.print(f"  [dim]{name}[/]")
            out.print("\n".join(f"    {plain(line)}" for line in text.splitlines()))


@jobs.command()
@click.argument("job")
@json_option
@asynchronous
async def watch(job: str, *, as_json: bool) -> None:
    """Follow JOB until it is over; a failure of the job is one of the command."""
    from bloop.jobs.models import OVER

    async with open_hub() as hub:
        row = _job(hub, job)
        with progress_bar(row["kind"]) as told:
            while row["state"] not in OVER:
                if row["progress_done"] is not None:
                    told(row["progress_done"], row["progress_total"], row["progress_message"] or "")
                await asyncio.sleep(LOOK_SECONDS)
                row = _job(hub, job)
    if as_json:
        print_json(row)
    else:
        click.echo(f"The job has {row['state']}.".replace("has cancelled", "was cancelled"))
    if row["state"] != "succeeded":
        raise SystemExit(1)


@jobs.command()
@click.argument("job")
@json_option
@asynchronous
async def cancel(job: str, *, as_json: bool) -> None:
    """Stop JOB: at once while it waits, as soon as it notices while it runs."""
    await _act("cancel", job, as_json=as_json)


@jobs.command()
@click.argument("job")
@json_option
@asynchronous
async def retry(job: str, *, as_json: bool) -> None:
    """Try JOB again, after it failed or was cancelled; a running hub takes it up."""
    await _act("retry", job, as_json=as_json)


async def _act(act: str, job: str, *, as_json: bool) -> None:
    from bloop.store.database import in_unit

    async with open_hub() as hub:
        call = hub_call(hub)
        await hub.database.run(in_unit, hub.database, call, getattr(hub.jobs, act), job)
        row = _job(hub, job)
    if as_json:
        print_json(row)
    elif row["state"] == "running":
        click.echo("It has been asked to stop, and will as soon as it notices.")
    else:
        click.echo(f"The job is {row['state']} now.")


def _job(hub: Hub, job: str) -> dict[str, Any]:
    from bloop.jobs.queries import JOB
    from bloop.store.errors import NotFoundError

    rows = hub.database.read_now(JOB, hub_call(hub), id=job)
    if not rows:
        raise NotFoundError(f"no job {job!r}", cure="`bloop jobs list` shows the newest")
    return JOB.as_dict(rows[0])


def _done(row: dict[str, Any]) -> str:
    """How far it is, in words."""
    if row["progress_done"] is None:
        return ""
    total = "" if row["progress_total"] is None else f" of {row['progress_total']}"
    return f"{row['progress_done']}{total} {plain(row['progress_message'] or '')}".strip()
