"""``bloop learning progress`` and its neighbours: how a class is doing, and what it is shown."""

from __future__ import annotations

import asyncio
from typing import Any

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
)

course_argument = click.argument("course", metavar="COURSE")


@click.command()
@course_argument
@click.option("--sort", default="name", help="name, done, known or seen; -done: most first.")
@click.option("--stuck", is_flag=True, help="Only who is stuck.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for spreadsheets.")
@json_option
@asynchronous
async def progress(course: str, sort: str, *, stuck: bool, as_csv: bool, as_json: bool) -> None:
    """Show how far each learner of COURSE is, who is stuck, and what they know."""
    from bloop.cli.content import find_course
    from bloop.learning.classes.service import class_of, spread_of
    from bloop.learning.classes.tables import csv_of

    async with open_hub() as hub:
        call = hub_call(hub)
        id_ = find_course(hub, call, course)["id"]
        found = await class_of(hub.database, call, id_, sort)
        spread = await spread_of(hub.database, call, id_, len(found.learners))
    learners = found.stuck if stuck else list(found.learners)
    if as_csv:
        click.echo(csv_of(learners).decode("utf-8-sig"), nl=False)
        return
    if as_json:
        print_json({"learners": learners, "concepts": spread, "whole": found.whole})
        return
    rows = [
        (
            plain(one["name"]),
            f"{one['done']}/{one['lessons']}",
            f"{one['known']}/{len(spread)}",
            str(one["seen_at"] or "never")[:10],
            _why(one["stuck"]),
        )
        for one in learners
    ]
    print_table(("name", "lessons", "concepts", "last seen", "stuck"), rows)
    counts = ("known", "unsure", "weak", "silent")
    concepts = [(plain(one["name"]), *(str(one[key]) for key in counts)) for one in spread]
    if concepts:
        print_table(("concept", *counts), concepts)


def _why(stuck: dict[str, Any] | None) -> str:
    if stuck is None:
        return ""
    return f"{stuck['tries']} tries at {plain(stuck['title'])}" if stuck["item"] else "away"


@click.command()
@click.argument("goal", metavar="CONCEPT")
@click.option("--course", default="", help="Of the learners of a course.")
@click.option("--group", default="", help="Of the people of a group, by its id or name.")
@json_option
@asynchronous
async def gaps(goal: str, course: str, group: str, *, as_json: bool) -> None:
    """Show what some people lack on the way to CONCEPT, and the lessons that teach it."""
    from bloop.accounts.people.queries import MEMBERS
    from bloop.cli.concepts import find_concept
    from bloop.cli.content import find_course
    from bloop.cli.groups import find_group
    from bloop.content.enrolling.queries import LEARNERS
    from bloop.learning.classes import gaps as counting
    from bloop.learning.classes.service import LEARNERS as MOST

    if bool(course) == bool(group):
        raise click.UsageError("name --course or --group")
    async with open_hub() as hub:
        call, read = hub_call(hub), hub.database.read_now
        around, concept = "", find_concept(hub, call, goal)
        if course:
            around = find_course(hub, call, course)["id"]
            rows = read(LEARNERS, call, container=around, limit=MOST)
        else:
            id_ = find_group(hub, call, group)["id"]
            rows = read(MEMBERS, call, group=id_, after="", limit=MOST)
        graph = await hub.graphs.of(call)
        users = [row[0] for row in rows]
        found = await counting.gaps(hub.database, call, graph, concept, users, around)
    if as_json:
        print_json(found)
        return
    click.echo(f"{counted(found['learners'], 'learner')} on the way to {plain(found['goal'])}")
    lines = [
        (
            plain(one["name"]),
            str(one["lacking"]),
            str(one["ready"]),
            ", ".join(plain(lesson["title"]) for lesson in one["lessons"]),
        )
        for one in found["items"]
        if one["lacking"]
    ]
    print_table(("concept", "lack it", "could learn it next", "lessons"), lines)


@click.command()
@course_argument
@json_option
@asynchronous
async def rules(course: str, *, as_json: bool) -> None:
    """Show what was said of recommending the lessons of COURSE, by whom and when."""
    from bloop.cli.content import find_course
    from bloop.learning.recommend.queries import RULES
    from bloop.learning.recommend.routes import MOST_RULES
    from bloop.store.statements import to_dicts

    async with open_hub() as hub:
        call = hub_call(hub)
        id_ = find_course(hub, call, course)["id"]
        found = to_dicts(
            RULES, await hub.database.read(RULES, call, container=id_, limit=MOST_RULES)
        )
    if as_json:
        print_json({"items": found})
        return
    rows = [
        (
            one["item"],
            plain(one["title"]),
            one["act"],
            str(one["position"]) if one["act"] == "order" else "",
            plain(one["concept_name"] or ""),
            plain(one["by"] or ""),
            str(one["at"])[:10],
        )
        for one in found
    ]
    print_table(("item", "title", "act", "place", "concept", "by", "at"), rows)


@click.command()
@click.argument("item", metavar="ITEM")
@click.argument("act", type=click.Choice(["pin", "hide", "order", "none"]))
@click.option("--concept", default="", help="Only where it is recommended for this concept.")
@click.option("--place", type=click.IntRange(0, 1000), default=0, help="Its place, for `order`.")
@asynchronous
async def steer(item: str, act: str, concept: str, place: int) -> None:
    """Pin, hide or order ITEM, an id, among what is recommended; `none` takes that back."""
    from bloop.cli.concepts import find_concept
    from bloop.cli.users import run
    from bloop.learning.recommend import rules as said

    async with open_hub() as hub:
        call = hub_call(hub)
        scope = find_concept(hub, call, concept) if concept else ""
        if act == "none":
            before = await run(hub, call, said.unrule, item, concept=scope)
        else:
            before = await run(hub, call, said.rule, item, act, concept=scope, position=place)
    click.echo(f"before: {before.act} {before.position}" if before else "before: nothing")


@click.command()
@course_argument
@click.argument("user", metavar="USER")
@json_option
@asynchronous
async def preview(course: str, user: str, *, as_json: bool) -> None:
    """Show what USER, who learns in COURSE, is shown of it now; nothing is logged."""
    from bloop.cli.content import find_course
    from bloop.cli.users import person
    from bloop.learning.recommend.reasons import sentence
    from bloop.learning.recommend.routes import preview_of

    async with open_hub() as hub:
        call = hub_call(hub)
        id_, who = find_course(hub, call, course)["id"], person(hub, call, user)["id"]
        await asyncio.to_thread(hub.load_plugins)  # They may have a word in it.
        found = await preview_of(hub.database, call, hub.recommending, id_, who, 5)
    items = [
        {"item": one["item"], "title": one["title"], "why": sentence(one["kind"], one["facts"])}
        for one in found["items"]
    ]
    if as_json:
        print_json({"items": items})
        return
    print_table(("title", "why"), [(plain(one["title"]), plain(one["why"])) for one in items])


COMMANDS = (progress, gaps, rules, steer, preview)
"""What `bloop learning` has of these."""
