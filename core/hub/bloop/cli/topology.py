"""``bloop topology``: the processes of the hub, its queues and its consumers."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

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

if TYPE_CHECKING:
    from bloop.ops.topology import Lag, Process, Topology


@click.command()
@json_option
@asynchronous
async def topology(*, as_json: bool) -> None:
    """Show which processes are alive, on which plugins, serving what."""
    from bloop.ops.topology import topology as read

    async with open_hub() as hub:
        hub_call(hub)  # Says where there is no hub yet.
        found = await asyncio.to_thread(read, hub)
    if as_json:
        print_json(asdict(found))
    else:
        _show(found)


def _show(found: Topology) -> None:
    if not found.processes:
        click.echo("No process of this hub runs: bloop up")
    else:
        print_table(
            ("kind", "host", "pid", "version", "state", "plugins", "jobs", "queues", "since"),
            [
                (
                    one.kind,
                    plain(one.host),
                    str(one.pid),
                    plain(one.version or ""),
                    _state(one),
                    f"{one.generation[:8]}{'' if one.is_current else ' [yellow]outdated[/]'}",
                    f"{one.jobs}/{one.workers}",
                    (", ".join(one.queues) or "all") if one.workers else "none",
                    one.started_at[:16].replace("T", " "),
                )
                for one in found.processes
            ],
        )
    for queue in found.queues:
        unserved = "" if queue.is_served else "  [red]no process serves it[/]"
        counts = f"{queue.waiting} waiting, {queue.running} running"
        console().print(f"[dim]queue[/] {plain(queue.name)}  {counts}{unserved}")
    for lag in found.consumers:
        told = f"{lag.behind} events behind{_parts(found, lag)}"
        console().print(f"[dim]consumer[/] {plain(lag.consumer)}  {told}")


def _parts(found: Topology, lag: Lag) -> str:
    """Into how many partitions its log is cut, and who took events of which last."""
    if lag.partitions == 1:
        return ""
    told = [
        f"{', '.join(map(str, numbers))} by {plain(one.host)}:{one.pid}"
        for one in found.processes
        if (numbers := [n for n, id_ in enumerate(lag.taken_by) if id_ == one.id])
    ]
    return f", {lag.partitions} partitions" + (f" ({'; '.join(told)})" if told else "")


def _state(one: Process) -> str:
    if one.is_stale:
        return f"[red]silent since {one.beat_at[11:19]}[/]"
    return "[yellow]hub.toml is broken[/]" if one.config_fault else "[green]alive[/]"
