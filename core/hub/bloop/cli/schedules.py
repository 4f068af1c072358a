"""``bloop jobs schedules``: which jobs start by themselves, and steering them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import orjson

from bloop.cli.output import (
    asynchronous,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
    state,
)

if TYPE_CHECKING:
    from bloop.hub import Hub

name_argument = click.argument("schedule", metavar="NAME")


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def schedules(ctx: click.Context, *, as_json: bool) -> None:
    """List what starts by itself, when it does so next, and how the last time went."""
    if ctx.invoked_subcommand is None:
        _list(as_json=as_json)


@asynchronous
async def _list(*, as_json: bool) -> None:
    from bloop.jobs.queries import SCHEDULES
    from bloop.store.statements import to_dicts

    async with open_hub() as hub:
        rows = to_dicts(SCHEDULES, hub.database.read_now(SCHEDULES, hub_call(hub)))
    if as_json:
        print_json({"items": rows})
    elif not rows:
        click.echo("Nothing starts by itself. A running hub adds what its plugins declare.")
    else:
        print_table(
            ("name", "plugin", "every", "next", "last", "", ""),
            [
                (
                    plain(row["name"]),
                    plain(row["plugin_id"] or ""),
                    plain(_every(row)),
                    _next(row),
                    _minute(row["last_due_at"]),
                    state(row["last_state"]) if row["last_state"] else "",
                    plain(_trouble(row)),
                )
                for row in rows
            ],
        )


@schedules.command()
@name_argument
@json_option
@asynchronous
async def run(schedule: str, *, as_json: bool) -> None:
    """Start the job of NAME now; a running hub takes it up."""
    from bloop.jobs import schedules as commands

    async with open_hub() as hub:
        job = await _run(hub, commands.run, schedule, hub.jobs.enqueue)
    if as_json:
        print_json({"job": job})
    else:
        click.echo(f"It is job {job}; `bloop jobs watch {job}` follows it.")


@schedules.command()
@name_argument
@json_option
@asynchronous
async def pause(schedule: str, *, as_json: bool) -> None:
    """Have NAME start nothing by itself."""
    await _pause(schedule, paused=True, as_json=as_json)


@schedules.command()
@name_argument
@json_option
@asynchronous
async def resume(schedule: str, *, as_json: bool) -> None:
    """Let NAME go on; times that passed meanwhile are not made up for."""
    await _pause(schedule, paused=False, as_json=as_json)


async def _pause(schedule: str, *, paused: bool, as_json: bool) -> None:
    from bloop.jobs import schedules as commands
    from bloop.jobs.queries import SCHEDULE

    async with open_hub() as hub:
        await _run(hub, commands.pause, schedule, paused=paused)
        (found,) = hub.database.read_now(SCHEDULE, hub_call(hub), name=schedule)
    row = SCHEDULE.as_dict(found)
    if as_json:
        print_json(row)
    else:
        click.echo("It is paused." if paused else f"It goes on: {_minute(row['next_at'])}.")


async def _run(hub: Hub, command: Any, *args: Any, **kwargs: Any) -> Any:
    from bloop.store.database import in_unit

    return await hub.database.run(in_unit, hub.database, hub_call(hub), command, *args, **kwargs)


def _every(row: dict[str, Any]) -> str:
    """Its line; a cron line with its zone."""
    line: str = row["every"]
    return f"{line} ({row['zone']})" if " " in line else line


def _next(row: dict[str, Any]) -> str:
    if row["paused"]:
        return state("paused")
    return _minute(row["next_at"]) or state("not used")


def _minute(moment: str | None) -> str:
    return moment[:16].replace("T", " ") + "Z" if moment else ""


def _trouble(row: dict[str, Any]) -> str:
    if row["skipped"]:
        times = "time" if row["skipped"] == 1 else "times"
        return f"skipped {row['skipped']} {times}: the last job is under way"
    if row["last_state"] == "failed" and row["last_error"] is not None:
        return str(orjson.loads(orjson.dumps(row["last_error"])).get("message", ""))
    return ""
