"""``bloop graph``: how good the inference of concepts and prerequisites is."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bloop.cli.concepts import COMMANDS
from bloop.cli.output import (
    asynchronous,
    console,
    counted,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from bloop.graph.evaluation import ByGraph, Pair, Report
    from bloop.hub import Hub
    from bloop_sdk.providers.ai import EmbeddingProvider


@click.group()
def graph() -> None:
    """What there is to know, and what comes before what."""


for command in COMMANDS:
    graph.add_command(command)


@graph.command()
@click.option(
    "--gold",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="CSV with the columns prerequisite, concept, label (1 or 0, yes or no).",
)
@click.option("--course", default="", help="Ask the graph that is inferred from this course, too.")
@json_option
@asynchronous
async def evaluate(gold: Path, course: str, *, as_json: bool) -> None:
    """Hold the inference of prerequisites against pairs that people have labelled.

    Without --course the names alone are known, and what a plugin for embeddings makes of them.
    """
    from bloop.graph.evaluation import read_gold

    pairs = await asyncio.to_thread(read_gold, gold)
    async with open_hub() as hub:
        report = await _report(hub, pairs, course)
    if as_json:
        print_json(asdict(report))
    else:
        _print(report)


async def _report(hub: Hub, pairs: list[Pair], course: str) -> Report:
    from bloop.graph.evaluation import evaluate as judged
    from bloop.graph.evaluation import names_of
    from bloop.graph.inference.ladder import ladder
    from bloop.graph.inference.pairs import plain_name

    found = await _embeddings(hub)
    vectors = steps = None
    name = ""
    if found is not None:
        name, provider = found
        vectors = await _rows(provider, [plain_name(one) for one in names_of(pairs)])
        steps = await _rows(provider, ladder().names)
    told = await _told(hub, course, found) if course else None
    return await asyncio.to_thread(
        judged, pairs, vectors=vectors, ladder_vectors=steps, embeddings=name, course=told
    )


async def _embeddings(hub: Hub) -> tuple[str, EmbeddingProvider] | None:
    """A plugin's embeddings; none where there is no hub yet, or no such plugin."""
    from bloop.hub.inferring import provider_of

    if not hub.has_database:
        return None
    await asyncio.to_thread(hub.load_plugins)
    return await provider_of(hub, hub_call(hub), "embedding")


async def _rows(
    provider: EmbeddingProvider, texts: tuple[str, ...] | list[str]
) -> list[list[float]]:
    rows: list[list[float]] = []
    for start in range(0, len(texts), 5000):
        made = await provider.embed(texts[start : start + 5000])
        rows += made.tolist()  # type: ignore[arg-type] # typed as if it had one dimension
    return rows


async def _told(hub: Hub, course: str, found: tuple[str, EmbeddingProvider] | None) -> ByGraph:
    """What the graph inferred from a course says of two names."""
    from bloop.cli.content import find_course
    from bloop.graph.courses import read_course
    from bloop.graph.evaluation import ByGraph
    from bloop.graph.inference import infer
    from bloop.hub.inferring import embed_by

    call = hub_call(hub)
    known = await asyncio.to_thread(find_course, hub, call, course)
    read = await read_course(hub.database, call, known["id"])
    embed = embed_by(found[1], asyncio.get_running_loop()) if found is not None else None
    return ByGraph(read, await asyncio.to_thread(infer, read, embed=embed))


def _print(report: Report) -> None:
    rows = [
        ("inferred", report.inferred),
        ("  without the list of usual levels", report.without_levels),
        ("chance, as many pairs", report.chance),
        ("all positive", report.all_positive),
    ]
    if report.cross_validated is not None:
        rows.append(("learned from these labels, 5-fold", report.cross_validated))
    print_table(
        ("", "precision", "recall", "F1", "taken"),
        [
            (name, f"{one.precision:.3f}", f"{one.recall:.3f}", f"{one.f1:.3f}", str(one.taken))
            for name, one in rows
        ],
    )
    out = console()
    by = f"embeddings of {plain(report.embeddings)}" if report.embeddings else "no embeddings"
    out.print(
        f"[dim]{report.pairs} pairs, {report.positive} of them positive; {by}; "
        f"threshold {report.threshold}, fitted to no file[/]"
    )
    if report.from_course:
        out.print(f"[dim]The course's graph knows both names of {report.from_course} pairs.[/]")
    if report.unknown:
        names = ", ".join(report.unknown_names)
        more = ", ..." if report.unknown > len(report.unknown_names) else ""
        told = counted(report.unknown, "name")
        out.print(f"[dim]The course's graph lacks {told}: {plain(names)}{more}[/]")
    if report.cross_validated is not None:
        out.print("[dim]The last line has seen labels of this file: it is no test.[/]")
    for note in report.notes:
        out.print(f"[yellow]![/] {plain(note)}")
