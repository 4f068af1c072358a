"""``bloop webhooks``: where events are sent, whether they arrive, and sending them again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

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
    from bloop.hub import Hub

NEWEST = 2**62

webhook_argument = click.argument("webhook", metavar="ID")


@click.group()
def webhooks() -> None:
    """Send events to other systems, and see how it goes."""


@webhooks.command("list")
@json_option
@asynchronous
async def list_webhooks(*, as_json: bool) -> None:
    """List where events are sent, and how that goes."""
    from bloop.store.statements import parsed, to_dicts
    from bloop.webhooks.queries import ENDPOINTS

    async with open_hub() as hub:
        rows = to_dicts(ENDPOINTS, hub.database.read_now(ENDPOINTS, hub_call(hub)))
    if as_json:
        print_json({"items": rows})
    elif not rows:
        click.echo("No events are sent anywhere.")
    else:
        print_table(
            ("id", "name", "url", "topics", "state", ""),
            [
                (
                    row["id"],
                    plain(row["name"]),
                    plain(row["url"]),
                    plain(" ".join(parsed(row["topics"]))),
                    state(_state(row)),
                    plain(row["disabled_reason"] or _trouble(row)),
                )
                for row in rows
            ],
        )


@webhooks.command()
@click.argument("url")
@click.option("--name", required=True, help="What to call it.")
@click.option("--topic", "topics", multiple=True, default=("*",), show_default=True)
@json_option
@asynchronous
async def add(url: str, name: str, topics: tuple[str, ...], *, as_json: bool) -> None:
    """Have events sent to URL; prints the secret that they are signed with, this once."""
    from bloop.webhooks import service

    async with open_hub() as hub:
        keyring, guard = hub.webhooks.keyring, hub.webhooks.guard
        made = await _run(hub, service.create, keyring, guard, name=name, url=url, topics=topics)
    _tell_secret(*made, as_json=as_json)


@webhooks.command()
@webhook_argument
@json_option
@asynchronous
async def remove(webhook: str, *, as_json: bool) -> None:
    """Remove the webhook ID with its log."""
    from bloop.webhooks import service

    async with open_hub() as hub:
        await _run(hub, service.remove, webhook, None)
    _tell({"id": webhook}, "It is gone.", as_json=as_json)


@webhooks.command()
@webhook_argument
@json_option
@asynchronous
async def enable(webhook: str, *, as_json: bool) -> None:
    """Send to the webhook ID again, which was disabled."""
    await _switch(webhook, enabled=True, as_json=as_json)


@webhooks.command()
@webhook_argument
@json_option
@asynchronous
async def disable(webhook: str, *, as_json: bool) -> None:
    """Send nothing more to the webhook ID; events of the meantime are not kept for it."""
    await _switch(webhook, enabled=False, as_json=as_json)


@webhooks.command()
@webhook_argument
@click.option("--overlap-hours", type=click.FloatRange(0, 720), default=24.0, show_default=True)
@json_option
@asynchronous
async def rotate(webhook: str, overlap_hours: float, *, as_json: bool) -> None:
    """Give the webhook ID a new secret; the one before signs as well for a while."""
    from bloop.webhooks import service

    overlap = timedelta(hours=overlap_hours)
    async with open_hub() as hub:
        secret = await _run(hub, service.rotate, hub.webhooks.keyring, webhook, overlap)
    _tell_secret(webhook, secret, as_json=as_json)


@webhooks.command()
@webhook_argument
@json_option
@click.pass_context
@asynchronous
async def test(ctx: click.Context, webhook: str, *, as_json: bool) -> None:
    """Send a webhook.ping to the webhook ID now; exits with 1 where it did not arrive."""
    async with open_hub() as hub:
        delivery, outcome = await hub.webhooks.ping(hub_call(hub), webhook)
    said = f"It arrived: {outcome.status}." if outcome.reason is None else outcome.reason
    _tell(outcome.told(delivery), said, as_json=as_json)
    ctx.exit(int(outcome.reason is not None))


@webhooks.command()
@webhook_argument
@click.option("--state", "wanted", type=click.Choice(["waiting", "delivered", "failed"]))
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
@json_option
@asynchronous
async def deliveries(webhook: str, wanted: str | None, limit: int, *, as_json: bool) -> None:
    """List what was sent to the webhook ID, the newest first."""
    from bloop.store.statements import to_dicts
    from bloop.webhooks.queries import DELIVERIES

    asked: dict[str, Any] = {"before": NEWEST, "state": wanted or "", "limit": limit}
    async with open_hub() as hub:
        found = hub.database.read_now(DELIVERIES, hub_call(hub), endpoint=webhook, **asked)
    rows = to_dicts(DELIVERIES, found)
    if as_json:
        print_json({"items": rows})
    elif not rows:
        click.echo("Nothing was sent.")
    else:
        print_table(
            ("id", "event", "topic", "state", "tries", "status", "reason"),
            [
                (
                    row["id"],
                    row["event_id"],
                    plain(row["topic"]),
                    state(row["state"]),
                    str(row["attempts"]),
                    str(row["status"] or ""),
                    plain(row["reason"] or ""),
                )
                for row in rows
            ],
        )


@webhooks.command()
@webhook_argument
@click.option("--delivery", help="The one to send again.")
@click.option(
    "--failed-since",
    type=click.DateTime(),
    help="Send all again that failed of what was written since then (UTC).",
)
@json_option
@asynchronous
async def redeliver(
    webhook: str, delivery: str | None, failed_since: datetime | None, *, as_json: bool
) -> None:
    """Send to the webhook ID again; a running hub does it."""
    from bloop.webhooks import service

    if (delivery is None) == (failed_since is None):
        raise click.UsageError("name either --delivery or --failed-since")
    async with open_hub() as hub:
        if failed_since is None:
            number = await _run(hub, service.redeliver, webhook, delivery)
        else:
            since = failed_since.replace(tzinfo=UTC)
            number = await _run(hub, service.redeliver_failed, webhook, since)
    _tell({"deliveries": number}, f"A running hub sends {number} again.", as_json=as_json)


async def _switch(webhook: str, *, enabled: bool, as_json: bool) -> None:
    from bloop.webhooks import service

    async with open_hub() as hub:
        guard, changes = hub.webhooks.guard, {"enabled": enabled}
        await _run(hub, service.change, guard, webhook, None, changes)
    said = "It is enabled." if enabled else "It is disabled."
    _tell({"id": webhook, "enabled": enabled}, said, as_json=as_json)


async def _run(hub: Hub, command: Any, *args: Any, **kwargs: Any) -> Any:
    from bloop.store.database import in_unit

    return await hub.database.run(in_unit, hub.database, hub_call(hub), command, *args, **kwargs)


def _tell(found: dict[str, Any], said: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        click.echo(said)


def _tell_secret(webhook: str, secret: str, *, as_json: bool) -> None:
    said = f"{webhook} signs with this secret, which is not shown again:\n{secret}"
    _tell({"id": webhook, "secret": secret}, said, as_json=as_json)


def _state(row: dict[str, Any]) -> str:
    if not row["enabled"]:
        return "disabled"
    return "retrying" if row["failures"] else "active"


def _trouble(row: dict[str, Any]) -> str:
    if not row["failures"]:
        return ""
    again = f", next try {row['retry_at'][:16]}" if row["retry_at"] else ""
    return f"failing since {row['failing_since'][:16]}{again}"
