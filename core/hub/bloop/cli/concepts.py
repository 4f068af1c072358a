"""``bloop graph`` and its commands on concepts: finding, linking, walking, undoing, in and out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bloop.cli.output import (
    asynchronous,
    counted,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
    progress_bar,
)

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop_sdk import Call

KIND = click.option(
    "--kind", type=click.Choice(["prerequisite", "part_of", "related"]), default="prerequisite"
)
FORM = click.option("--form", type=click.Choice(["jsonld", "graphml", "case"]), default="jsonld")
LIMIT = click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
_PAST = "\U0010ffff"


def find_concept(hub: Hub, call: Call, name: str) -> str:
    """The id of a concept by its id, name or alias; raises NotFoundError with what is near."""
    from bloop.graph.mentions import BY_NAME
    from bloop.graph.names import keepable, key_of
    from bloop.graph.queries import CONCEPT, NAMED
    from bloop.store.errors import NotFoundError
    from bloop.store.statements import to_dicts

    read, key = hub.database.read_now, key_of(name)
    found = read(CONCEPT, call, id=keepable(name)) or read(BY_NAME, call, key=key)
    if found:
        return str(found[0][0])
    near = to_dicts(NAMED, read(NAMED, call, low=key[:3], high=key[:3] + _PAST, limit=5))
    names = ", ".join(dict.fromkeys(one["name"] for one in near))
    cure = f"there is: {names}" if names else "bloop graph concepts lists them"
    raise NotFoundError(f"no concept is called {name[:80]!r}", cure=cure)


@click.command()
@click.argument("name", default="")
@json_option
@asynchronous
async def concepts(name: str, *, as_json: bool) -> None:
    """List the concepts whose names begin with NAME; all of them without one."""
    from bloop.graph.names import key_of
    from bloop.graph.queries import NAMED
    from bloop.store.statements import to_dicts

    low = key_of(name) if name.strip() else ""
    async with open_hub() as hub:
        asked = {"low": low, "high": low + _PAST, "limit": 100_000}
        found = to_dicts(NAMED, await hub.database.read(NAMED, hub_call(hub), **asked))
    if as_json:
        print_json({"items": found})
    elif not found:
        click.echo("There is no such concept." if name else "There is no concept yet.")
    else:
        print_table(
            ("name", "is", "standing", "from", "id"),
            [
                (plain(one["matched"]), _same(one), one["standing"], one["origin"], one["id"])
                for one in found
            ],
        )


def _same(one: dict[str, Any]) -> str:
    return "" if one["matched"] == one["name"] else plain(one["name"])


@click.command()
@click.argument("concept")
@json_option
@asynchronous
async def show(concept: str, *, as_json: bool) -> None:
    """Show CONCEPT: what comes before it, what it opens, and what covers it."""
    from bloop.graph.queries import CONCEPT, COVERING, EDGES_OF
    from bloop.store.statements import to_dicts

    async with open_hub() as hub:
        call, read = hub_call(hub), hub.database.read_now
        id_ = find_concept(hub, call, concept)
        found = to_dicts(CONCEPT, read(CONCEPT, call, id=id_))[0]
        edges = to_dicts(EDGES_OF, read(EDGES_OF, call, id=id_, limit=1000))
        items = to_dicts(COVERING, read(COVERING, call, id=id_, limit=1000))
    if as_json:
        print_json({**found, "edges": edges, "items": items})
        return
    click.echo(f"{found['name']}  ({found['standing']}, {found['origin']})")
    if found["description"]:
        click.echo(found["description"])
    rows = [
        (one["kind"], plain(one["source_name"]), plain(one["target_name"]), one["standing"])
        for one in edges
    ]
    print_table(("edge", "of", "to", "standing"), rows)
    print_table(
        ("covered by", "how", "id"),
        [(plain(one["title"]), one["role"], one["item"]) for one in items],
    )


@click.command()
@click.argument("course")
@json_option
@asynchronous
async def make(course: str, *, as_json: bool) -> None:
    """Read COURSE for its concepts, and what comes before what; all of it as suggestions."""
    from bloop.cli.content import find_course
    from bloop.hub.inferring import make_graph

    async with open_hub() as hub:
        call = hub_call(hub)
        known = find_course(hub, call, course)
        await asyncio.to_thread(hub.load_plugins)
        with progress_bar(known["title"]) as show:
            made = await make_graph(hub, call, known["id"], show)
    if as_json:
        print_json(made)
        return
    new = f"{counted(made['concepts'], 'concept')} and {counted(made['edges'], 'edge')}"
    click.echo(f"{new} are new, as suggestions: bloop graph concepts")


@click.command()
@click.argument("source")
@click.argument("target")
@KIND
@asynchronous
async def link(source: str, target: str, kind: str) -> None:
    """Say that SOURCE comes before TARGET, is a part of it, or is related to it.

    Concepts that are not there yet are made.
    """
    from bloop.cli.users import run

    async with open_hub() as hub:
        await run(hub, hub_call(hub), _link_names, source, target, kind)


def _link_names(unit: Any, source: str, target: str, kind: str) -> None:
    from bloop.graph import service
    from bloop.graph.writing import Writing

    writing = Writing(unit, "link")
    ends = [
        one if service.is_there(writing, one) else service.concept_called(unit, one)
        for one in (source, target)
    ]
    service.link(unit, ends[0], ends[1], kind)


@click.command()
@click.argument("source")
@click.argument("target")
@KIND
@asynchronous
async def unlink(source: str, target: str, kind: str) -> None:
    """Say that it is not so; nothing suggests it again."""
    from bloop.cli.users import run
    from bloop.graph import service

    async with open_hub() as hub:
        call = hub_call(hub)
        ends = [find_concept(hub, call, one) for one in (source, target)]
        await run(hub, call, service.unlink, *ends, kind)


@click.command()
@click.argument("goal")
@click.option("--known", multiple=True, help="A concept that is known already; repeatable.")
@json_option
@asynchronous
async def path(goal: str, known: tuple[str, ...], *, as_json: bool) -> None:
    """List what is to be learned to know GOAL, in an order in which it can be."""
    async with open_hub() as hub:
        call = hub_call(hub)
        names = (await hub.graphs.of(call)).names
        ids = [find_concept(hub, call, one) for one in known]
        snapshot = (await hub.graphs.of(call)).snapshot
        found = [(one, names[one]) for one in snapshot.path(ids, find_concept(hub, call, goal))]
    _print_walk(found, as_json=as_json, nothing="That is known already.")


@click.command("next")
@click.option("--known", multiple=True, help="A concept that is known already; repeatable.")
@click.option("--goal", help="Only what leads to this concept.")
@LIMIT
@json_option
@asynchronous
async def next_(known: tuple[str, ...], goal: str | None, limit: int, *, as_json: bool) -> None:
    """List what can be learned now: all that comes before it is known."""
    async with open_hub() as hub:
        call = hub_call(hub)
        graph = await hub.graphs.of(call)
        ids = [find_concept(hub, call, one) for one in known]
        wanted = find_concept(hub, call, goal) if goal else None
        found = [(one, graph.names[one]) for one in graph.snapshot.next(ids, wanted, limit=limit)]
    _print_walk(found, as_json=as_json, nothing="Nothing is left to learn.")


def _print_walk(found: list[tuple[str, str]], *, as_json: bool, nothing: str) -> None:
    if as_json:
        print_json({"items": [{"id": id_, "name": name} for id_, name in found]})
    elif not found:
        click.echo(nothing)
    for number, (_, name) in enumerate(() if as_json else found, 1):
        click.echo(f"{number:3}  {plain(name)}")


@click.command()
@LIMIT
@json_option
@asynchronous
async def history(limit: int, *, as_json: bool) -> None:
    """List what was done to the graph, the last first."""
    from bloop.graph.models import LAST_VERSION
    from bloop.graph.queries import HISTORY
    from bloop.store.statements import to_dicts

    async with open_hub() as hub:
        asked = {"before": LAST_VERSION, "limit": limit}
        found = to_dicts(HISTORY, await hub.database.read(HISTORY, hub_call(hub), **asked))
    if as_json:
        print_json({"items": found})
        return
    print_table(
        ("version", "when", "who", "what", "rows"),
        [
            (
                str(one["version"]),
                str(one["at"])[:16],
                plain(one["actor"]),
                one["act"] + (f" {one['undoes']}" if one["undoes"] else ""),
                str(one["changed"]),
            )
            for one in found
        ],
    )


@click.command()
@click.argument("version", type=int)
@asynchronous
async def undo(version: int) -> None:
    """Have what VERSION changed as it was before; undoing the undo does it again."""
    from bloop.cli.users import run
    from bloop.graph import history as of

    async with open_hub() as hub:
        made = await run(hub, hub_call(hub), of.undo, version)
    click.echo(f"The graph is at version {made}: bloop graph undo {made} does it again.")


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@FORM
@asynchronous
async def export(file: Path, form: str) -> None:
    """Write all concepts and edges to FILE (- for the terminal)."""
    from functools import partial

    from bloop.graph.exchange.giving import document_of
    from bloop.graph.exchange.service import write

    async with open_hub() as hub:
        document = document_of(partial(hub.database.read_now, call=hub_call(hub)))
        data, _ = write(form, document, hub.config.value.hub.name)
    with click.open_file(str(file), "wb") as out:
        out.write(data)
    if str(file) != "-":
        told = (
            f"{counted(len(document.concepts), 'concept')}, {counted(len(document.edges), 'edge')}"
        )
        click.echo(f"{told} in {file}")


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@FORM
@json_option
@asynchronous
async def import_(file: Path, form: str, *, as_json: bool) -> None:
    """Add the concepts and edges of FILE; nothing of it where it contradicts.

    The same import again adds what an interrupted one left out.
    """
    from bloop.graph.exchange.service import import_document, read

    async with open_hub() as hub:
        with progress_bar(file.name) as show:
            show(0, 3, "reading it")
            document = await asyncio.to_thread(lambda: read(form, file.read_bytes()))
            made = await hub.database.run(
                import_document, hub.database, hub_call(hub), document, show
            )
    if as_json:
        print_json(made)
    else:
        new = f"{counted(made['concepts'], 'concept')} and {counted(made['edges'], 'edge')}"
        click.echo(f"{new} are new.")


COMMANDS = (make, concepts, show, link, unlink, path, next_, history, undo, export, import_)
"""What `bloop graph` has of these."""
