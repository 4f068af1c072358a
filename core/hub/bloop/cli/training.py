"""``bloop learning train``, ``models``, ``use``, ``why``: models of an institution's answers."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from bloop.cli.output import (
    asynchronous,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
    progress_bar,
)


@click.command()
@click.option("--seed", default=0, show_default=True, help="The same answers give the same model.")
@json_option
@asynchronous
async def train(seed: int, *, as_json: bool) -> None:
    """Train on what was answered here, and use what is made where it is surely better."""
    from bloop.hub.training import train as trained

    async with open_hub() as hub:
        await asyncio.to_thread(hub.load_plugins)
        with progress_bar("Training") as show:
            found = await trained(hub, hub_call(hub), show, seed=seed)
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['kind']} on {found['answers']} answers of {found['learners']} learners")
    click.echo(plain(found["why"]))
    click.echo("It is in use now." if found["in_use"] else "What was in use stays.")


@click.command()
@json_option
@asynchronous
async def models(*, as_json: bool) -> None:
    """List what was trained here, and how it did on learners that it had not seen."""
    from bloop.learning.training.queries import MODELS, UPKEEP
    from bloop.store.statements import parsed, to_dicts

    async with open_hub() as hub:
        found = to_dicts(MODELS, await hub.database.read(MODELS, hub_call(hub), limit=50))
        fault, detail, *_ = await hub.database.read_one(UPKEEP, hub_call(hub)) or ("", "")
    if as_json:
        print_json({"items": found, "fault": fault, "detail": detail})
        return
    if not found:
        click.echo("Nothing was trained yet: the core's own model answers.")
        return
    rows = [
        (one["id"], one["kind"], one["standing"], str(one["answers"]), *_told(one, parsed))
        for one in found
    ]
    print_table(("id", "kind", "standing", "answers", "log loss", "before"), rows)
    if fault:
        click.echo(f"The core's own model stands in for the one in use: {plain(detail)}")


def _told(one: dict[str, Any], parsed: Any) -> tuple[str, str]:
    figures = parsed(one["figures"])
    return (
        f"{figures['candidate']['log_loss']:.4f}",
        f"{figures['incumbent']['log_loss']:.4f}",
    )


@click.command()
@click.argument("model")
@asynchronous
async def use(model: str) -> None:
    """Have MODEL, an id, answer from now on; `core` is the core's own."""
    from bloop.cli.users import run
    from bloop.learning.training import service

    async with open_hub() as hub:
        await run(hub, hub_call(hub), service.use, model)
    click.echo("A job of the hub brings what is said of learners into line with it.")


@click.command()
@click.argument("user")
@click.argument("concept")
@json_option
@asynchronous
async def why(user: str, concept: str, *, as_json: bool) -> None:
    """Why USER, an id or an e-mail address, is taken to know CONCEPT, an id, and who says so."""
    from bloop.api.learning import explained_by
    from bloop.cli.learning import user_of

    async with open_hub() as hub:
        await asyncio.to_thread(hub.load_plugins)
        call = hub_call(hub)
        found = await explained_by(hub, call, await user_of(hub, call, user), concept)
    if as_json:
        print_json(found)
        return
    click.echo(f"{plain(found['name'])}: {found['p']:.0%}. {plain(found['made_by'])}")
    rows = [(f"{one['effect']:+.1%}", plain(one["text"])) for one in found["evidence"]]
    print_table(("effect", "reason"), rows)


COMMANDS = (train, models, use, why)
"""What `bloop learning` has of these."""
