"""``bloop groups``: groups of users, which are enrolled in courses as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bloop.cli.output import (
    asynchronous,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
)
from bloop.cli.users import call_in, institution_option, person, run

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop_sdk import Call

MOST = 10_000

group_argument = click.argument("group", metavar="GROUP")


@click.group()
def groups() -> None:
    """See groups of users, make them, say who is in them.

    GROUP is an id or a name, USER an id or an e-mail address.
    """


@groups.command("list")
@institution_option
@json_option
@asynchronous
async def list_groups(institution: str | None, *, as_json: bool) -> None:
    """List the groups of an institution."""
    async with open_hub() as hub:
        found = all_groups(hub, call_in(hub, institution))
    if as_json:
        print_json({"items": found})
    else:
        rows = [(one["id"], plain(one["name"]), str(one["members"])) for one in found]
        print_table(("id", "name", "members"), rows)


@groups.command()
@click.argument("name")
@institution_option
@json_option
@asynchronous
async def create(name: str, institution: str | None, *, as_json: bool) -> None:
    """Make the group NAME, with nobody in it."""
    from bloop.accounts.people import groups as commands

    async with open_hub() as hub:
        made = await run(hub, call_in(hub, institution), commands.create, name=name)
    if as_json:
        print_json({"id": made})
    else:
        click.echo(made)


@groups.command()
@group_argument
@institution_option
@json_option
@asynchronous
async def show(group: str, institution: str | None, *, as_json: bool) -> None:
    """Show who is in GROUP."""
    from bloop.accounts.people.queries import MEMBERS
    from bloop.store.statements import to_dicts

    async with open_hub() as hub:
        call = call_in(hub, institution)
        asked = {"group": find_group(hub, call, group)["id"], "after": "", "limit": MOST}
        found = to_dicts(MEMBERS, hub.database.read_now(MEMBERS, call, **asked))
    if as_json:
        print_json({"items": found})
    else:
        rows = [(one["id"], plain(one["name"]), plain(one["email"] or "")) for one in found]
        print_table(("id", "name", "e-mail"), rows)


@groups.command()
@group_argument
@click.argument("users", metavar="USER...", nargs=-1, required=True)
@institution_option
@asynchronous
async def add(group: str, users: tuple[str, ...], institution: str | None) -> None:
    """Put each USER into GROUP, and so into its courses."""
    from bloop.accounts.people import groups as commands

    async with open_hub() as hub:
        call = call_in(hub, institution)
        ids = [person(hub, call, user)["id"] for user in users]
        new = await run(hub, call, commands.add, find_group(hub, call, group)["id"], ids)
    click.echo(f"{new} added")


@groups.command("take-out")
@group_argument
@click.argument("user", metavar="USER")
@institution_option
@asynchronous
async def take_out(group: str, user: str, institution: str | None) -> None:
    """Take USER out of GROUP, and out of the courses that they had by it."""
    from bloop.accounts.people import groups as commands

    async with open_hub() as hub:
        call = call_in(hub, institution)
        id_ = find_group(hub, call, group)["id"]
        await run(hub, call, commands.take_out, id_, person(hub, call, user)["id"])


@groups.command()
@group_argument
@institution_option
@asynchronous
async def remove(group: str, institution: str | None) -> None:
    """End GROUP; its members stay users."""
    from bloop.accounts.people import groups as commands

    async with open_hub() as hub:
        call = call_in(hub, institution)
        await run(hub, call, commands.remove, find_group(hub, call, group)["id"], None)


def all_groups(hub: Hub, call: Call) -> list[dict[str, Any]]:
    """The groups of the call's institution."""
    from bloop.accounts.people.queries import GROUPS
    from bloop.store.statements import to_dicts

    return to_dicts(GROUPS, hub.database.read_now(GROUPS, call, after="", limit=MOST))


def find_group(hub: Hub, call: Call, name: str) -> dict[str, Any]:
    """A group by its id or name; raises NotFoundError."""
    from bloop.store.errors import NotFoundError

    for group in all_groups(hub, call):
        if name in {group["id"], group["name"]}:
            return group
    raise NotFoundError(f"no group {name}", cure="see: bloop groups list")
