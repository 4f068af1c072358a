"""``bloop users``: who is in an institution, with which role, and how people get in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bloop.cli.mfa import reset_mfa
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
from bloop.cli.passwords import password
from bloop.cli.privacy import erase, export

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop_sdk import Call

ROLES = ("learner", "educator", "admin", "operator")
PAGE = 200

user_argument = click.argument("user", metavar="USER")
institution_option = click.option(
    "--institution", metavar="SLUG", help="Another institution than the hub's first."
)


@click.group()
def users() -> None:
    """See who is here, give roles, disable accounts, invite people.

    USER is an id or an e-mail address.
    """


@users.command("list")
@click.option("--search", default="", help="Part of a name or an e-mail address.")
@click.option("--role", type=click.Choice(ROLES))
@click.option("--state", "wanted", type=click.Choice(["active", "disabled", "waiting"]))
@institution_option
@json_option
@asynchronous
async def list_users(
    search: str, role: str | None, wanted: str | None, institution: str | None, *, as_json: bool
) -> None:
    """List users in the order in which they came."""
    from bloop.accounts.people.queries import PEOPLE, patterns
    from bloop.store.statements import to_dicts

    asked: dict[str, Any] = {"role": role or "", "state": wanted or "", **patterns(search)}
    found: list[dict[str, Any]] = []
    async with open_hub() as hub:
        call, after, more = call_in(hub, institution), "", True
        while more:
            rows = hub.database.read_now(PEOPLE, call, after=after, limit=PAGE, **asked)
            found += to_dicts(PEOPLE, rows)
            more = len(rows) == PAGE
            after = found[-1]["id"] if found else ""
    if as_json:
        print_json({"items": found})
    elif not found:
        click.echo("Nobody like that is here.")
    else:
        print_table(
            ("id", "name", "e-mail", "role", "state"),
            [
                (
                    one["id"],
                    plain(one["name"]),
                    plain(one["email"] or ""),
                    one["role"],
                    state(one["state"]),
                )
                for one in found
            ],
        )


@users.command()
@user_argument
@institution_option
@json_option
@asynchronous
async def show(user: str, institution: str | None, *, as_json: bool) -> None:
    """Show one user."""
    async with open_hub() as hub:
        _tell(person(hub, call_in(hub, institution), user), as_json=as_json)


@users.command()
@click.argument("name")
@click.option("--email")
@click.option("--role", type=click.Choice(ROLES), default="learner", show_default=True)
@institution_option
@json_option
@asynchronous
async def add(
    name: str, email: str | None, role: str, institution: str | None, *, as_json: bool
) -> None:
    """Make an account for NAME; `bloop users invite` is for who is to make it themselves."""
    from bloop.accounts.people import service
    from bloop_sdk import Role

    async with open_hub() as hub:
        call = call_in(hub, institution)
        made = await run(hub, call, service.create, name=name, email=email, role=Role(role))
        _tell(person(hub, call, made), as_json=as_json)


@users.command()
@user_argument
@click.argument("role", type=click.Choice(ROLES))
@institution_option
@json_option
@asynchronous
async def role(user: str, role: str, institution: str | None, *, as_json: bool) -> None:
    """Give USER another role, which holds within a second wherever they are logged in."""
    await _change(user, institution, {"role": role}, as_json=as_json)


@users.command()
@user_argument
@institution_option
@json_option
@asynchronous
async def disable(user: str, institution: str | None, *, as_json: bool) -> None:
    """Disable USER and end their sessions; what they did stays."""
    await _change(user, institution, {"disabled": True}, as_json=as_json)


@users.command()
@user_argument
@institution_option
@json_option
@asynchronous
async def enable(user: str, institution: str | None, *, as_json: bool) -> None:
    """Enable USER again, or let in one who waits."""
    await _change(user, institution, {"disabled": False}, as_json=as_json)


@users.command()
@click.option("--role", type=click.Choice(ROLES), default="learner", show_default=True)
@click.option("--email", help="The only address that may use it.")
@click.option("--uses", type=click.IntRange(1, 1000), default=1, show_default=True)
@click.option("--days", type=click.FloatRange(0, 90, min_open=True), default=7, show_default=True)
@institution_option
@json_option
@asynchronous
async def invite(
    role: str,
    email: str | None,
    uses: int,
    days: float,
    institution: str | None,
    *,
    as_json: bool,
) -> None:
    """Print a link by which people become users; it is not shown again."""
    from bloop.accounts.people import invitations
    from bloop.accounts.people.links import join_url
    from bloop_sdk import Role

    async with open_hub() as hub:
        call, hours = call_in(hub, institution), days * 24
        made = await run(
            hub, call, invitations.invite, role=Role(role), email=email, uses=uses, hours=hours
        )
        url = join_url(hub.config.value.public_url, f"token={made.token}")
    if as_json:
        print_json({"id": made.id, "url": url})
    else:
        click.echo(url)


def call_in(hub: Hub, slug: str | None) -> Call:
    """The hub's own call in the institution with this slug; raises NotFoundError."""
    from bloop.accounts.people.queries import DOOR
    from bloop.accounts.sessions import system_call
    from bloop.store.errors import NotFoundError
    from bloop.store.models import EVERY_INSTITUTION

    call = hub_call(hub)
    if slug is None:
        return call
    rows = hub.database.read_now(DOOR, system_call(EVERY_INSTITUTION, call.trace), slug=slug)
    if not rows:
        raise NotFoundError(f"no institution {slug}", cure="see: bloop institutions list")
    return system_call(DOOR.as_dict(rows[0])["id"], call.trace)


async def run(hub: Hub, call: Call, command: Any, *args: Any, **kwargs: Any) -> Any:
    """Run a command of the hub in a unit of its own."""
    from bloop.store.database import in_unit

    return await hub.database.run(in_unit, hub.database, call, command, *args, **kwargs)


async def _change(
    user: str, institution: str | None, changes: dict[str, Any], *, as_json: bool
) -> None:
    from bloop.accounts.people import service

    async with open_hub() as hub:
        call = call_in(hub, institution)
        id_ = person(hub, call, user)["id"]
        await run(hub, call, service.change, id_, None, changes)
        _tell(person(hub, call, id_), as_json=as_json)


def person(hub: Hub, call: Call, user: str) -> dict[str, Any]:
    """A user by their id or e-mail address; raises NotFoundError."""
    from bloop.accounts.emails import normalised
    from bloop.accounts.people.queries import BY_EMAIL, PERSON
    from bloop.store.errors import NotFoundError

    read, asked = (BY_EMAIL, {"email": normalised(user)}) if "@" in user else (PERSON, {"id": user})
    rows = hub.database.read_now(read, call, **asked)
    if not rows:
        raise NotFoundError(f"no user {user}", cure="see: bloop users list")
    return read.as_dict(rows[0])


def _tell(person: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(person)
        return
    rows = [(key.replace("_", " "), plain(str(value))) for key, value in person.items()]
    print_table(("", ""), rows)


users.add_command(password)
users.add_command(reset_mfa)
users.add_command(export)
users.add_command(erase)
