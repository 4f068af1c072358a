"""``bloop system``: what the hub's checks said last, and a few numbers over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bloop.cli.doctor import MARKS
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
    from bloop.ops.trends import Part, Trend

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 60


@click.command()
@click.option(
    "--range",
    "range_",
    type=click.Choice(["1h", "24h", "7d"]),
    default="1h",
    show_default=True,
    help="How far back",
)
@json_option
@asynchronous
async def system(range_: str, *, as_json: bool) -> None:
    """Show how the hub does: what the checks of its processes said last, and numbers over time.

    It reads what the hub has kept; `bloop doctor` looks anew, from this machine.
    """
    from bloop.ops.trends import parts, trend

    async with open_hub() as hub:
        hub_call(hub)  # Says where there is no hub yet.
        found, kept = await parts(hub), await trend(hub, range_)
    if as_json:
        print_json({"items": [asdict(one) for one in found], "samples": asdict(kept)})
    else:
        _show(found, kept)


def _show(found: Sequence[Part], kept: Trend) -> None:
    if not found:
        click.echo("No process of this hub has checked anything: bloop up")
    for one in found:
        where = f"  [dim]{plain(one.host)}:{one.pid}[/]" if one.ok is not True else ""
        since = one.since[:16].replace("T", " ")
        told = f"{plain(one.name)}  {plain(one.detail)}  [dim]since {since}[/]{where}"
        console().print(f"{MARKS[one.ok]} {told}")
        if one.cure:
            console().print(f"  [cyan]→ {plain(one.cure)}[/]")
    print_table(("", f"last {kept.range}", "newest", "most"), [_row(kept, *row) for row in _ROWS])


Say = Callable[[float], str]


def _row(kept: Trend, title: str, name: str, say: Say) -> tuple[str, str, str, str]:
    values: list[float | None] = [getattr(point, name) for point in kept.points]
    known = [value for value in values if value is not None]
    newest, most = (say(known[-1]), say(max(known))) if known else ("-", "-")
    return title, bars(values), newest, most


def bars(values: Sequence[float | None]) -> str:
    """A character for each value, or for the highest of some; a space for what nobody knows."""
    each = -(-len(values) // WIDTH)
    groups = [values[at : at + each] for at in range(0, len(values), each)]
    highest = [max((one for one in group if one is not None), default=None) for group in groups]
    top = max((one for one in highest if one), default=1.0)
    last = len(BARS) - 1
    return "".join(" " if one is None else BARS[round(last * one / top)] for one in highest)


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _ms(value: float) -> str:
    return f"{value * 1000:,.1f} ms"


def _mib(value: float) -> str:
    return f"{value / 2**20:,.0f} MiB"


_ROWS: tuple[tuple[str, str, Say], ...] = (
    ("requests", "requests", _count),
    ("errors", "errors", _count),
    ("half within", "p50", _ms),
    ("95 of 100 within", "p95", _ms),
    ("jobs waiting", "jobs_waiting", _count),
    ("jobs failed", "jobs_failed", _count),
    ("events behind", "events_behind", _count),
    ("database", "database_bytes", _mib),
    ("free disk", "free_bytes", _mib),
)
