"""``bloop keys list|create|revoke|rotate-signing``: API keys, and what signs access tokens."""

from __future__ import annotations

from functools import partial
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
)

if TYPE_CHECKING:
    from bloop.hub import Hub

user_option = click.option(
    "--user", metavar="ID", help="Of this person; otherwise the institution's."
)


@click.command("list")
@user_option
@json_option
@asynchronous
async def list_keys(user: str | None, *, as_json: bool) -> None:
    """List API keys with their scopes, when they end, and when they were last used."""
    from bloop.accounts.tokens.queries import INSTITUTION_KEYS, PERSONAL_KEYS
    from bloop.store.statements import parsed, to_dicts

    async with open_hub() as hub:
        call, read = hub_call(hub), hub.database.read_now
        if user is None:
            rows = to_dicts(INSTITUTION_KEYS, read(INSTITUTION_KEYS, call))
        else:
            rows = to_dicts(PERSONAL_KEYS, read(PERSONAL_KEYS, call, user=user))
    if as_json:
        print_json({"items": rows})
    elif not rows:
        click.echo("There are no keys.")
    else:
        print_table(
            ("id", "name", "ends with", "role", "scopes", "ends", "last used"),
            [
                (
                    row["id"],
                    plain(row["name"]),
                    row["hint"],
                    row["role"] or "",
                    plain(" ".join(parsed(row["scopes"]))),
                    row["expires_at"][:16],
                    (row["last_used_at"] or "never")[:16],
                )
                for row in rows
            ],
        )


@click.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="An action; again for more.")
@click.option("--role", type=click.Choice(["learner", "educator", "admin"]), default="educator")
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True)
@json_option
@asynchronous
async def create(
    name: str, scopes: tuple[str, ...], role: str, days: int, *, as_json: bool
) -> None:
    """Make the API key NAME of the institution; prints it, this once."""
    from bloop.accounts.tokens import keys
    from bloop.accounts.tokens.scopes import checked, known_actions
    from bloop_sdk import Role

    async with open_hub() as hub:
        new = keys.NewKey(name, scopes, days, Role(role))
        checked(hub_call(hub), scopes, known_actions(hub), new.role)
        made = await _run(hub, partial(keys.create, user=None), new)
    if as_json:
        print_json({"id": made.id, "key": made.token})
    else:
        click.echo(f"{made.id} is this key, which is not shown again:\n{made.token}")


@click.command()
@click.argument("key", metavar="ID")
@user_option
@json_option
@asynchronous
async def revoke(key: str, user: str | None, *, as_json: bool) -> None:
    """Revoke the API key ID; running hubs refuse it within a second."""
    from bloop.accounts.tokens import keys

    async with open_hub() as hub:
        await _run(hub, partial(keys.revoke, user=user), key)
    _tell({"id": key}, "It is revoked.", as_json=as_json)


@click.command("rotate-signing")
@click.option("--leaked", is_flag=True, help="Forget every key: all access tokens end at once.")
@json_option
@asynchronous
async def rotate_signing(*, leaked: bool, as_json: bool) -> None:
    """Sign access tokens with the next key; the one before verifies for an hour more."""
    from bloop.accounts.tokens import signing

    async with open_hub() as hub:
        kid = await _run(hub, signing.replace if leaked else signing.rotate)
    _tell({"kid": kid}, f"Access tokens are signed with {kid}.", as_json=as_json)


async def _run(hub: Hub, command: Any, *args: Any) -> Any:
    from bloop.store.database import in_unit

    return await hub.database.run(in_unit, hub.database, hub_call(hub), command, *args)


def _tell(found: dict[str, Any], said: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        click.echo(said)
