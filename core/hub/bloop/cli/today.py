"""``bloop today``: somebody's day."""

from __future__ import annotations

from typing import Any

import click

from bloop.cli.learning import user_of
from bloop.cli.output import (
    asynchronous,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
)


@click.command()
@click.argument("user")
@json_option
@asynchronous
async def today(user: str, *, as_json: bool) -> None:
    """Where USER, an id or an e-mail address, was, what is due or graded, and what waits."""
    from bloop.accounts.people.queries import PERSON
    from bloop.hub.today import today as day_of
    from bloop.learning.recommend.routes import told
    from bloop_sdk import Call, Principal, PrincipalKind, Role

    async with open_hub() as hub:
        call = hub_call(hub)
        id_ = await user_of(hub, call, user)
        row = await hub.database.read_one(PERSON, call, id=id_)
        assert row is not None, "it was found right now"
        role = Role(PERSON.as_dict(row)["role"])
        who = Principal(PrincipalKind.USER, id_, role)
        found = await day_of(hub, Call(who, call.institution, call.trace), shown=False)
    found["next"]["items"] = [told(one) for one in found["next"]["items"]]
    if as_json:
        print_json(found)
        return
    print_table(("what", "which", "where"), _rows(found))


def _rows(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = [("go on", plain(one["title"]), plain(one["course"])) for one in found["continue"]]
    reviews = found["reviews"]
    if reviews["due"]:
        rows.append(("reviews", f"{reviews['due']} due", f"about {reviews['minutes']} min"))
    rows += [
        (f"due {one['due_at']:%Y-%m-%d}", plain(one["title"]), plain(one["course"]))
        for one in found["deadlines"]
    ]
    rows += [
        ("graded", plain(one["title"]), "" if one["score"] is None else f"{one['score']:.0%}")
        for one in found["graded"]
    ]
    rows += [
        ("next", plain(one["title"]), plain(one["reason"]["text"]))
        for one in found["next"]["items"]
    ]
    rows += [("teaches", plain(one["title"]), _waits(one["waiting"])) for one in found["teaching"]]
    rows += [
        (one["what"], plain(one["name"]) or str(one["count"]), plain(one["reason"] or ""))
        for one in found["attention"]
    ]
    return rows


def _waits(waiting: dict[str, int]) -> str:
    return ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in waiting.items())
