"""``bloop users reset-mfa``: for who has lost every factor, where no admin gets in either."""

from __future__ import annotations

import click

from bloop.cli.output import asynchronous, hub_call, json_option, open_hub, print_json


@click.command("reset-mfa")
@click.argument("name")
@json_option
@asynchronous
async def reset_mfa(name: str, *, as_json: bool) -> None:
    """Remove all second factors of the user NAME (or id, or e-mail), and end their sessions."""
    from bloop.accounts.mfa.service import people_named, reset
    from bloop.store.database import in_unit
    from bloop.store.errors import ConflictError, NotFoundError
    from bloop.store.unit import UnitOfWork
    from bloop_sdk import Role

    def command(unit: UnitOfWork) -> str:
        found = people_named(unit, name)
        if not found:
            raise NotFoundError(f"nobody here is called {name[:80]!r}")
        if len(found) > 1:
            ids = ", ".join(user.id for user in found)
            raise ConflictError(
                f"{len(found)} people are called {name[:80]!r}", cure=f"name one by id: {ids}"
            )
        reset(unit, found[0].id, Role.OPERATOR)
        return found[0].id

    async with open_hub() as hub:
        user = await hub.database.run(in_unit, hub.database, hub_call(hub), command)
    if as_json:
        print_json({"id": user})
    else:
        click.echo(f"{name} has no second factor any more, and has to log in anew.")
