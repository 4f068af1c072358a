"""``bloop connections``: which systems are connected, how they are, and steering them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bloop.cli.connect import known, print_courses
from bloop.cli.connecting import (
    name_argument,
    opened,
    pairs,
    parsed,
    print_state,
    read_secrets,
    secret_options,
)
from bloop.cli.hints import hints
from bloop.cli.output import (
    asynchronous,
    console,
    counted,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
    state,
)
from bloop.cli.own_connections import own

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.hub.connection_views import View
    from bloop_sdk import Call

NEWEST = 2**31 - 1


@click.group()
def connections() -> None:
    """See and steer connections with other systems."""


@connections.command("list")
@json_option
@asynchronous
async def list_connections(*, as_json: bool) -> None:
    """List connections with their states."""
    from bloop.hub.connection_views import all_views

    async with open_hub() as hub:
        found = await all_views(hub, hub_call(hub))
    if as_json:
        print_json({"items": found})
    elif not found:
        click.echo("Nothing is connected yet. Try: bloop connect PLUGIN")
    else:
        print_table(
            ("name", "plugin", "state", "last sync", "next sync"),
            [
                (
                    plain(one["name"]),
                    plain(one["plugin"]),
                    state(one["state"]),
                    _moment(one["synced_at"]) or "never",
                    _moment(one["next_at"]) or "when asked for",
                )
                for one in found
            ],
        )


connections.add_command(hints)
connections.add_command(own)


@connections.command()
@name_argument
@json_option
@asynchronous
async def show(name: str, *, as_json: bool) -> None:
    """Show the connection NAME: its state with the cure, what it reads, and when."""
    from bloop.hub.connection_views import find

    async with open_hub() as hub:
        one = await find(hub, hub_call(hub), name)
    if as_json:
        print_json(one)
        return
    print_state(one)
    chosen, streams = one["selected"].get("containers"), one["selected"].get("streams")
    facts = {
        "id": one["id"],
        "courses": "all" if chosen is None else counted(len(chosen), "course"),
        "streams": "all" if streams is None else ", ".join(streams),
        "every": one["every"] or "when asked for",
        "next sync": _moment(one["next_at"]),
        "watched": f"since {_moment(one['watched_since'])}" if one["watched_since"] else "",
        "unwatched": one["unwatched"],
        "last sync": _moment(one["synced_at"]) or "never",
        "quarantine": counted(one["quarantined"], "record") if one["quarantined"] else "",
        "secrets": ", ".join(f"{key} since {at[:10]}" for key, at in one["held"].items()),
        **{key: str(value) for key, value in one["settings"].items()},
    }
    for key, value in facts.items():
        if value:
            console().print(f"  [dim]{plain(key):<10}[/] {plain(str(value))}")


@connections.command()
@name_argument
@json_option
@asynchronous
async def check(name: str, *, as_json: bool) -> None:
    """Ask the other system who NAME is there, and what it lacks."""
    from bloop.hub import connections as service

    async with open_hub() as hub:
        call = hub_call(hub)
        one = await opened(hub, call, name)
        before = one["checked"].get("at")
        await service.check(hub, call, one["id"])
        one = await _again(hub, call, one)
    _say_state(one, as_json=as_json)
    if one["checked"].get("at") == before:
        raise SystemExit(1)  # It came to nothing; what is shown was found by an earlier one.


@connections.command()
@name_argument
@json_option
@asynchronous
async def courses(name: str, *, as_json: bool) -> None:
    """List the courses that NAME could read; those that it reads have a mark."""
    from bloop.hub.connection_views import survey

    async with open_hub() as hub:
        call = hub_call(hub)
        one = await opened(hub, call, name)
        found = await survey(hub, call, one["id"])
    chosen = one["selected"].get("containers")
    if as_json:
        items = [
            {
                "remote_id": course.remote_id,
                "title": course.title,
                "code": course.code,
                "selected": chosen is None or course.remote_id in chosen,
            }
            for course in found.containers
        ]
        streams = [stream.name for stream in found.spec.streams]
        print_json({"items": items, "streams": streams})
        return
    print_courses(found.containers, chosen)
    click.echo(f"Streams: {', '.join(stream.name for stream in found.spec.streams)}")


@connections.command()
@name_argument
@click.option("--all", "whole", is_flag=True, help="Every course.")
@click.option("--course", "chosen", metavar="ID", multiple=True, help="This course.")
@click.option("--stream", "streams", metavar="NAME", multiple=True, help="This part of them alone.")
@json_option
@asynchronous
async def select(
    name: str, *, whole: bool, chosen: Sequence[str], streams: Sequence[str], as_json: bool
) -> None:
    """Choose what NAME reads; what was read before and is not chosen any more stays as it is."""
    from bloop.hub.connection_views import survey
    from bloop.kernel.connections import choose

    if whole == bool(chosen) and not streams:
        raise click.UsageError("name courses with --course, or take --all")
    async with open_hub() as hub:
        call = hub_call(hub)
        one = await opened(hub, call, name)
        found = await survey(hub, call, one["id"])
        there = [stream.name for stream in found.spec.streams]
        for stream in streams:
            if stream not in there:
                raise click.UsageError(f"there is no stream {stream!r}; it has {', '.join(there)}")
        containers = None if whole or not chosen else known(chosen, found.containers)
        await _run(
            hub, call, choose, one["id"], containers=containers, streams=list(streams) or None
        )
        one = await _again(hub, call, one)
    if as_json:
        print_json(one)
    else:
        many = "all courses" if containers is None else counted(len(containers), "course")
        parts = f", of them {', '.join(streams)}" if streams else ""
        click.echo(f"The next sync reads {many}{parts}.")


@connections.command()
@name_argument
@json_option
@asynchronous
async def pause(name: str, *, as_json: bool) -> None:
    """Read nothing more of NAME until it is resumed; a sync under way is stopped."""
    from bloop.hub import stopping
    from bloop.hub.connection_views import find

    async with open_hub() as hub:
        call = hub_call(hub)
        one = await find(hub, call, name)
        await stopping.pause(hub, call, one["id"])
        one = await _again(hub, call, one)
    _say_state(one, as_json=as_json, expected="suspended")


@connections.command()
@name_argument
@json_option
@asynchronous
async def resume(name: str, *, as_json: bool) -> None:
    """Check NAME, and have it read by its schedule again."""
    from bloop.hub import connections as service

    async with open_hub() as hub:
        call = hub_call(hub)
        one = await opened(hub, call, name)
        await service.resume(hub, call, one["id"])
        one = await _again(hub, call, one)
    _say_state(one, as_json=as_json)


@connections.command("set")
@name_argument
@click.argument("given", metavar="KEY=VALUE...", nargs=-1)
@click.option("--name", "called", help="Call it so.")
@click.option("--every", metavar="INTERVAL", help="How often it is read by itself; or never.")
@json_option
@asynchronous
async def set_settings(
    name: str, given: Sequence[str], called: str | None, every: str | None, *, as_json: bool
) -> None:
    """Change settings of NAME, what it is called, or how often it is read by itself."""
    from bloop.content.syncing import set_every
    from bloop.hub import connections as service

    async with open_hub() as hub:
        call = hub_call(hub)
        one = await opened(hub, call, name)
        model = hub.kernel.context(one["plugin"]).model
        values = one["settings"] | parsed(model, pairs(given, "setting"))
        settings = values if given else None
        await service.change(hub, call, one["id"], name=called, settings=settings)
        if every is not None:
            zone = hub.config.value.hub.time_zone
            rule = None if every == "never" else every
            await _run(hub, call, set_every, one["id"], rule, zone)
        one = await _again(hub, call, one)
    if as_json:
        print_json(one)
    else:
        print_state(one)


@connections.command()
@name_argument
@secret_options
@json_option
@asynchronous
async def rotate(
    name: str,
    asked: Sequence[str],
    files: Sequence[str],
    environment: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """Give NAME a new secret; the old one holds until the other system has taken the new one."""
    from bloop.hub import connections as service
    from bloop.hub.connection_views import asked as asked_of

    async with open_hub() as hub:
        call = hub_call(hub)
        one = await opened(hub, call, name)
        _, names = asked_of(hub.kernel.context(one["plugin"]).model)
        if not (asked or files or environment):
            asked = [key for key in names if key in one["held"]][:1] or names[:1]
        secrets = read_secrets(names, asked, files, environment)
        await service.rotate(hub, call, one["id"], secrets)
        one = await _again(hub, call, one)
    _say_state(one, as_json=as_json)


@connections.command()
@name_argument
@json_option
@asynchronous
async def login(name: str, *, as_json: bool) -> None:
    """Log in to NAME anew by a code that is typed on any device; until then the old login holds."""
    from bloop.cli.device_login import log_in

    async with open_hub() as hub:
        call = hub_call(hub)
        one = await opened(hub, call, name)
        await log_in(hub, call, one["id"])
        one = await _again(hub, call, one)
    _say_state(one, as_json=as_json)


@connections.command()
@name_argument
@click.option(
    "--content",
    type=click.Choice(["keep", "trash"]),
    required=True,
    help="Keep its courses as if they had been written here, or put them into the trash.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@asynchronous
async def remove(name: str, content: str, *, yes: bool, as_json: bool) -> None:
    """Remove NAME with its runs, its secrets and all that it knows of people."""
    from bloop.hub import stopping
    from bloop.hub.connection_views import find

    async with open_hub() as hub:
        call = hub_call(hub)
        one = await find(hub, call, name)
        if not yes:
            kept = "stay here" if content == "keep" else "go into the trash"
            question = f"Remove {one['name']!r}? Its courses {kept}, its people go."
            click.confirm(question, abort=True, err=True)
        gone = await stopping.remove(hub, call, one["id"], trash=content == "trash")
    if as_json:
        print_json({"connection": one["id"], "content": content, "removed": gone})
    else:
        rows = ", ".join(f"{count} {what}" for what, count in gone.items())
        click.echo(f"Removed: {rows}.")


@connections.command()
@name_argument
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@json_option
@asynchronous
async def runs(name: str, limit: int, *, as_json: bool) -> None:
    """List the newest readings of NAME with their counts."""
    from bloop.content.connection_queries import RUNS
    from bloop.hub.connection_views import find
    from bloop.store.statements import parsed as read
    from bloop.store.statements import to_dicts

    async with open_hub() as hub:
        call = hub_call(hub)
        one = await find(hub, call, name)
        named: dict[str, Any] = {"connection": one["id"], "before": NEWEST, "limit": limit}
        rows = to_dicts(RUNS, hub.database.read_now(RUNS, call, **named))
    found = [row | {"counts": read(row["counts"])} for row in rows]
    if as_json:
        print_json({"items": found})
        return
    print_table(
        ("run", "state", "began", "written", "deleted", "seconds", "reason"),
        [
            (
                row["id"],
                state(row["state"]),
                _moment(row["started_at"]),
                str(row["counts"].get("written", 0)),
                str(row["counts"].get("deleted", 0)),
                f"{row['seconds']:.1f}",
                plain(row["reason"] or ""),
            )
            for row in found
        ],
    )


@connections.command()
@name_argument
@click.argument("refs", nargs=-1)
@json_option
@asynchronous
async def retry(name: str, refs: Sequence[str], *, as_json: bool) -> None:
    """Have records of NAME fetched again that could not be used: REFS, or all; a hub does it."""
    from bloop.content.syncing import ask_for_retry
    from bloop.hub.connection_views import find

    async with open_hub() as hub:
        call = hub_call(hub)
        one = await find(hub, call, name)
        asked = list(refs) or None
        jobs = await _run(hub, call, ask_for_retry, one["id"], asked, enqueue=hub.jobs.enqueue)
    if as_json:
        print_json({"jobs": jobs})
    else:
        click.echo(f"Asked for. See what came of it: bloop jobs watch {jobs[-1]}")


async def _run(hub: Hub, call: Call, command: Any, *args: Any, **kwargs: Any) -> Any:
    from bloop.store.database import in_unit

    return await hub.database.run(in_unit, hub.database, call, command, *args, **kwargs)


async def _again(hub: Hub, call: Call, one: View) -> View:
    """The connection as it is now."""
    from bloop.hub.connection_views import view

    return await view(hub, call, one["id"])


def _say_state(one: View, *, as_json: bool, expected: str = "active") -> None:
    if as_json:
        print_json(one)
    else:
        print_state(one)
    if one["state"] not in {expected, "degraded"}:
        raise SystemExit(1)


def _moment(at: Any) -> str:
    return str(at)[:16].replace("T", " ") if at else ""
