"""``bloop audit``: who did what, whether anybody changed the log, and its way out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bloop.cli.output import (
    asynchronous,
    counted,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
    progress_bar,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bloop.store.audit.exporting import Form
    from bloop.store.audit.verifying import Report


@click.group()
def audit() -> None:
    """See who did what, and check that nobody changed it."""


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that narrow the lines."""
    for option in (
        click.option("--resource", default="", help="Only what was done to these."),
        click.option("--action", default="", help="Only actions that begin so: webhooks:"),
        click.option("--actor", default="", help="Only what these did: user:019a..."),
        click.option("--until", default="", metavar="TIME", help="Only before this time."),
        click.option("--since", default="", metavar="TIME", help="Only from this time on."),
    ):
        command = option(command)
    return command


@audit.command()
@click.option(
    "--anchors",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A copy of the file of anchors that was kept elsewhere.",
)
@json_option
@click.pass_context
def verify(ctx: click.Context, anchors: Path | None, *, as_json: bool) -> None:
    """Check every chain: exit code 1 and its first bad line where one is broken."""
    report = _verify(anchors)
    if as_json:
        print_json(report.as_dict())
    else:
        _tell(report)
    ctx.exit(0 if report.good else 1)


@asynchronous
async def _verify(anchors: Path | None) -> Report:
    async with open_hub() as hub:
        hub_call(hub)  # Says where there is no hub yet.
        with progress_bar("Checking", "lines") as bar:
            return await hub.database.run(
                hub.auditing.verify, anchors, lambda done, total: bar(done, total, "")
            )


def _tell(report: Report) -> None:
    for institution, last in report.heads.items():
        told = report.anchored.get(institution, 0)
        days = [str(at)[:10] for at in report.spans.get(institution, ())]
        span = f", {days[0]} to {days[1]}" if days else ""
        click.echo(f"{institution}: {counted(last, 'line')}{span}, anchored up to {told}")
    for fault in report.faults:
        where = f"{fault.institution}: line {fault.seq} " if fault.institution else ""
        click.secho("✗ ", fg="red", nl=False)
        click.echo(f"{where}{fault.reason}")
    if report.good:
        click.secho("✓ ", fg="green", nl=False)
        click.echo(f"{counted(report.lines, 'line')} checked: nothing was changed.")


@audit.command("list")
@filters
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@click.option("--before", type=click.IntRange(1), help="Only lines with smaller numbers.")
@json_option
@asynchronous
async def list_lines(
    limit: int, before: int | None, since: str, until: str, *, as_json: bool, **wishes: str
) -> None:
    """List what was done, newest first; what is personal in it is left out."""
    from bloop.accounts.queries import AUDIT
    from bloop.api.audit import NEWEST, between
    from bloop.store.statements import to_dicts

    async with open_hub() as hub:
        bounds = {**between(since, until), "before": before or NEWEST, "limit": limit}
        found = hub.database.read_now(AUDIT, hub_call(hub), **bounds, **wishes)
    rows = to_dicts(AUDIT, found)
    if as_json:
        print_json({"items": rows})
        return
    print_table(
        ("line", "at", "who", "action", "what"),
        [
            (
                str(row["seq"]),
                str(row["at"])[:19],
                plain(row["actor_name"] or row["actor"]),
                plain(row["action"]),
                plain(row["resource"]),
            )
            for row in rows
        ],
    )


@audit.command()
@filters
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file to write.")
@click.option("--personal", is_flag=True, help="With what the lines tell of people.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl")
@asynchronous
async def export(
    output: Path | None, since: str, until: str, *, personal: bool, form: Form, **wishes: str
) -> None:
    """Write the log as JSON lines or CSV, the oldest first; personal parts are masked."""
    from bloop.api.audit import between
    from bloop.store.audit.exporting import Wanted
    from bloop.store.audit.exporting import export as write

    async with open_hub() as hub:
        call = hub_call(hub)
        bounds = between(since, until)
        wanted = Wanted(bounds["since"], bounds["until"], wishes, personal=personal)
        with click.open_file(str(output) if output else "-", "w", encoding="utf-8") as file:
            number = await hub.database.run(write, hub.database, call, file, wanted, form)
    click.echo(f"{counted(number, 'line')} written.", err=True)


@audit.command()
@json_option
@click.pass_context
def anchor(ctx: click.Context, *, as_json: bool) -> None:
    """Check what is new, and write down where each chain ends now, as a serving hub does."""
    made, faults = _anchor()
    if as_json:
        print_json({"anchors": made, "faults": faults})
    else:
        for one in made:
            click.echo(f"{one['institution']}: line {one['seq']} {one['hash']}")
        for fault in faults:
            click.echo(f"{fault['institution']}: line {fault['seq']} {fault['reason']}", err=True)
        if not made and not faults:
            click.echo("Nothing new.")
    ctx.exit(1 if faults else 0)


@asynchronous
async def _anchor() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    from dataclasses import asdict

    async with open_hub() as hub:
        hub_call(hub)
        made, faults = await hub.database.run(hub.auditing.anchor)
    return [asdict(one) for one in made], [asdict(one) for one in faults]


@audit.command()
@click.option("--days", type=click.FloatRange(min=1), required=True, help="What is older goes.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def cut(days: float, *, yes: bool, as_json: bool) -> None:
    """Remove old lines from the front, with a signed checkpoint; there is no undo."""
    if not yes:
        click.confirm(f"Remove all lines that are older than {days:g} days?", abort=True)
    done = _cut(days)
    if as_json:
        print_json({"cut": done})
    elif not done:
        click.echo("Nothing is that old.")
    for one in () if as_json else done:
        told = counted(one["lines"], "line")
        click.echo(f"{one['institution']}: {told} removed, up to line {one['through']}")


@asynchronous
async def _cut(days: float) -> list[dict[str, Any]]:
    from dataclasses import asdict

    async with open_hub() as hub:
        hub_call(hub)
        return [asdict(one) for one in await hub.database.run(hub.auditing.cut, days)]
