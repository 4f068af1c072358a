"""``bloop search``: find something in all content, see how far the indexes are, make them anew."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

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

if TYPE_CHECKING:
    from collections.abc import Sequence


class SearchGroup(click.Group):
    """Whatever is no command of it is a query: `bloop search cell membrane`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find what is meant."""
        if args and args[0] not in self.commands:
            args = ["find", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=SearchGroup, context_settings={"ignore_unknown_options": True})
def search() -> None:
    """Find something in all content: bloop search QUERY."""


@search.command()
@click.argument("query", nargs=-1, required=True)
@click.option("--kind", default="", help="Only pages, quizzes, files, ...: page, quiz, file.")
@click.option("--course", default="", help="Only what is in the course of this id.")
@click.option("--language", default="", help="Only what is in this language: de.")
@click.option("--limit", type=click.IntRange(1, 50), default=10, show_default=True)
@json_option
@asynchronous
async def find(
    query: tuple[str, ...], kind: str, course: str, language: str, limit: int, *, as_json: bool
) -> None:
    """Find what has all words of QUERY, drafts as well; a word may end in *."""
    from bloop.content.notes.wording import clock
    from bloop.content.search.service import Asked

    text = " ".join(query)
    asked = Asked(text=text, kind=kind, course=course, language=language, limit=limit)
    async with open_hub() as hub:
        found = await hub.searching.find(hub_call(hub), asked, drafts=True)
        indexes = [] if found["items"] else await hub.searching.standing(hub_call(hub))
    if as_json:
        print_json(found)
        return
    out = console()
    if found["corrected"]:
        out.print(f"Nothing has {plain(text)}; found for [bold]{plain(found['corrected'])}[/]:")
    for hit in found["items"]:
        where = "" if hit["container"] == hit["id"] else f" · {plain(hit['course'])}"
        title = _marked(hit["title"], hit["title_marks"])
        out.print(f"[bold]{title}[/]  [dim]{hit['kind']}{where}  {hit['id']}[/]")
        if hit["excerpt"]:
            out.print(f"  {_marked(hit['excerpt'], hit['excerpt_marks'])}")
        if found_in := hit["passage"]:
            moment = found_in["moment_ms"]
            where = "" if moment is None else f"[dim]in the video, {clock(moment)}:[/] "
            out.print(f"  {where}{_marked(found_in['excerpt'], found_in['excerpt_marks'])}")
    if not found["items"]:
        click.echo(f"Nothing was found for {text}.")
        if any(one["state"] != "whole" or one["behind"] for one in indexes):
            click.echo("The index is behind: a hub that runs (bloop up) brings it up to date.")


@search.command()
@json_option
@asynchronous
async def status(*, as_json: bool) -> None:
    """Say which indexes there are, and how far each is behind."""
    async with open_hub() as hub:
        await asyncio.to_thread(hub.load_plugins)
        lines = await hub.searching.standing(hub_call(hub))
    if as_json:
        print_json({"items": lines})
    else:
        print_table(
            ("index", "state", "behind"),
            [(plain(one["index"]), one["state"], str(one["behind"])) for one in lines],
        )


@search.command()
@json_option
@asynchronous
async def rebuild(*, as_json: bool) -> None:
    """Have all indexes made anew; what is there answers meanwhile.

    It is done in the background: `bloop jobs watch ID` follows it.
    """
    from bloop.content.search.rebuild import ask_for_rebuild
    from bloop.store.database import in_unit

    async with open_hub() as hub:
        call = hub_call(hub)
        job = await hub.database.run(in_unit, hub.database, call, ask_for_rebuild)
    if as_json:
        print_json({"job": job})
    else:
        click.echo(f"Job {job} makes the indexes anew: bloop jobs watch {job}")


def _marked(text: str, marks: Sequence[Any]) -> str:
    parts, at = list[str](), 0
    for start, end in marks:
        parts += [plain(text[at:start]), f"[yellow]{plain(text[start:end])}[/]"]
        at = end
    return "".join([*parts, plain(text[at:])])
