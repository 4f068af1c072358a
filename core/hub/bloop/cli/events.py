"""``bloop events``: what consumers could not take and what becomes of it; their partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

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
    from collections.abc import Callable

T = TypeVar("T")


@click.group()
def events() -> None:
    """See which events there are, which a plugin could not take, and decide."""


@events.command("catalogue")
@json_option
def show_catalogue(*, as_json: bool) -> None:
    """List the topics of the hub's events, and what each tells."""
    from bloop.hub.catalogue import catalogue, described

    topics = [described(topic) for topic in catalogue()]
    if as_json:
        print_json({"items": topics})
        return
    print_table(
        ("topic", "when", "fields"),
        [
            (one["topic"], plain(one["when"]), " ".join(one["schema"]["properties"]))
            for one in topics
        ],
    )


@events.command()
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@json_option
@asynchronous
async def parked(limit: int, *, as_json: bool) -> None:
    """List events that wait because a consumer failed, the first of them first."""
    from bloop.events.queries import PARKED
    from bloop.store.statements import to_dicts

    async with open_hub() as hub:
        call = hub_call(hub)
        rows = to_dicts(PARKED, hub.database.read_now(PARKED, call, after="", limit=limit))
    if as_json:
        print_json({"items": rows})
    elif not rows:
        click.echo("Every event has been taken.")
    else:
        print_table(
            ("id", "consumer", "topic", "aggregate", "state", "tries", "reason"),
            [
                (
                    row["id"],
                    plain(row["consumer"]),
                    plain(row["topic"]),
                    plain(row["aggregate"]),
                    state(row["state"]),
                    str(row["tries"]),
                    plain(row["reason"] or ""),
                )
                for row in rows
            ],
        )


@events.command()
@click.argument("parked_id", metavar="ID", required=False)
@click.option("--consumer", metavar="NAME", help="Try all of a consumer's again.")
@json_option
@asynchronous
async def replay(parked_id: str | None, consumer: str | None, *, as_json: bool) -> None:
    """Try the parked event ID again; those behind it follow in their order."""
    from bloop.events import parking

    if parked_id is not None and consumer is None:
        await _act(parking.replay, parked_id, "A running hub tries it again.", as_json=as_json)
    elif consumer is not None and parked_id is None:
        number = await _run(parking.replay_all, consumer)
        _tell({"events": number}, f"A running hub tries {number} again.", as_json=as_json)
    else:
        raise click.UsageError("name either an ID or --consumer")


@events.command()
@click.argument("parked_id", metavar="ID")
@json_option
@asynchronous
async def skip(parked_id: str, *, as_json: bool) -> None:
    """Give the parked event ID up: its consumer never takes it, those behind it follow."""
    from bloop.events import parking

    await _act(parking.skip, parked_id, "The consumer goes on without it.", as_json=as_json)


@events.command()
@click.argument("name")
@click.argument("partitions", type=click.IntRange(1, 1024))
@json_option
@asynchronous
async def repartition(name: str, partitions: int, *, as_json: bool) -> None:
    """Have consumer NAME read the log in so many PARTITIONS, each in any process of the hub."""
    from bloop.accounts.sessions import system_call
    from bloop.events.layout import repartition as cut
    from bloop.store.database import in_unit
    from bloop.store.models import EVERY_INSTITUTION

    async with open_hub() as hub:
        hub_call(hub)  # Says where there is no hub yet.
        call = system_call(EVERY_INSTITUTION)
        was = await hub.database.run(in_unit, hub.database, call, cut, name, partitions)
    if as_json:
        print_json({"consumer": name, "partitions": partitions, "before": was})
    else:
        click.echo(f"{plain(name)} reads in {partitions} partitions, before in {was}.")


async def _act(
    command: Callable[..., dict[str, Any]], parked_id: str, done: str, *, as_json: bool
) -> None:
    _tell(await _run(command, parked_id), done, as_json=as_json)


async def _run(command: Callable[..., T], which: str) -> T:
    from bloop.store.database import in_unit

    async with open_hub() as hub:
        return await hub.database.run(in_unit, hub.database, hub_call(hub), command, which)


def _tell(found: dict[str, Any], done: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        click.echo(done)
