"""``bloop learning``: what is due of somebody, and which ranker of recommendations does better."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from bloop.cli import classes
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
from bloop.cli.training import COMMANDS


@click.group()
def learning() -> None:
    """Reviews that are due, how a class is doing, and what is recommended."""


for command in (*classes.COMMANDS, *COMMANDS):
    learning.add_command(command)


@learning.command()
@click.argument("user")
@json_option
@asynchronous
async def due(user: str, *, as_json: bool) -> None:
    """What USER, an id or an e-mail address, is to look at again today, and the load to come."""
    from bloop.learning.reviews import routes as reviews

    async with open_hub() as hub:
        call = hub_call(hub)
        id_ = await user_of(hub, call, user)
        found = await reviews.due(hub.database, call, id_)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["concept_name"] or plain(one["item_title"] or ""),
            one["due"][:10],
            str(one["answers"]),
        )
        for one in found["items"]
    ]
    print_table(("what", "due", "answers"), rows)
    weeks = [sum(found["load"][at : at + 7]) for at in range(0, 28, 7)]
    console().print("concepts due today, then by week: ", found["load"][0], *weeks)


async def user_of(hub: Any, call: Any, named: str) -> str:
    """A user's id, by that or by their e-mail address; raises NotFoundError."""
    from bloop.accounts.people.queries import BY_EMAIL, PERSON
    from bloop.store.errors import NotFoundError

    row = await hub.database.read_one(PERSON, call, id=named)
    row = row or await hub.database.read_one(BY_EMAIL, call, email=named.lower())
    if row is None:
        raise NotFoundError(f"no user {named[:80]}", cure="bloop users list")
    return str(row[0])


@learning.command()
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True)
@json_option
@asynchronous
async def compare(days: int, *, as_json: bool) -> None:
    """Which ranker does better, by what was shown in some days and what of it was taken."""
    import asyncio

    from bloop.learning.recommend.comparing import interleaved, off_policy
    from bloop.learning.recommend.outcomes import outcomes_since
    from bloop.learning.recommend.ranking import OTHER, USUAL
    from bloop.store.types import utcnow

    async with open_hub() as hub:
        call, since = hub_call(hub), utcnow() - timedelta(days=days)

        def look() -> Any:
            with hub.database.reading(call) as unit:
                return outcomes_since(unit, since)

        told = await asyncio.to_thread(look)
    outcomes = [one for one, _ in told]
    counts = {
        name: sum(was == name for _, was in told) for name in ("answered", "opened", "ignored")
    }
    drawn, estimate = interleaved(outcomes, USUAL, OTHER), off_policy(outcomes)
    if as_json:
        off = asdict(estimate) if estimate else None
        print_json({"shown": counts, "interleaved": asdict(drawn), "off_policy": off})
        return
    console().print(f"shown: {', '.join(f'{count} {name}' for name, count in counts.items())}")
    console().print(
        f"lists of both: {drawn.lists}; {OTHER} won {drawn.won}, {USUAL} won {drawn.lost},"
        f" {drawn.ties} ties (p = {drawn.p_value:.3f})"
    )
    if estimate is None:
        console().print(f"of {OTHER} by itself the log tells nothing")
        return
    console().print(
        f"taken of what was shown: {estimate.shown:.1%}; {OTHER} by itself: {estimate.snips:.1%}"
        f" ({estimate.low:.1%} to {estimate.high:.1%}), by {estimate.effective:.0f} places"
    )


@learning.command("fit-reviews")
@json_option
@asynchronous
async def fit_reviews(*, as_json: bool) -> None:
    """Fit the parameters of reviews on the history of answers, in a job."""
    from bloop.learning.reviews.fitting import FIT_JOB
    from bloop.store.database import in_unit

    async with open_hub() as hub:

        def ask(unit: Any) -> str:
            return hub.jobs.enqueue(unit, FIT_JOB, {})

        job = await hub.database.run(in_unit, hub.database, hub_call(hub), ask)
    if as_json:
        print_json({"job": job})
    else:
        console().print(f"job {job}; see it with: bloop jobs show {job}")
