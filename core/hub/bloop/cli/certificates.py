"""``bloop certificates``: what courses ask for one, who has earned it, and who would."""

from __future__ import annotations

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
)

MOST = 10_000
course_argument = click.argument("course", metavar="COURSE")


@click.group()
def certificates() -> None:
    """See what courses ask for a certificate, change it, see who has earned one."""


@certificates.command("list")
@json_option
@asynchronous
async def list_rules(*, as_json: bool) -> None:
    """List the courses that give certificates."""
    from bloop.learning.progress.queries import ALL_RULES
    from bloop.store.statements import parsed, to_dicts

    async with open_hub() as hub:
        rows = await hub.database.read(ALL_RULES, hub_call(hub), after="", limit=MOST)
    found = [one | {"items": parsed(one["items"])} for one in to_dicts(ALL_RULES, rows)]
    if as_json:
        print_json({"items": found})
        return
    lines = [
        (
            one["id"],
            plain(one["title"]),
            "all" if one["items"] is None else str(len(one["items"])),
            f"{one['average']:.0%}",
            str(one["earned"]),
        )
        for one in found
    ]
    print_table(("course", "title", "lessons", "average", "earned"), lines)


@certificates.command()
@course_argument
@json_option
@asynchronous
async def earned(course: str, *, as_json: bool) -> None:
    """List who has earned the certificate of COURSE."""
    from bloop.cli.content import find_course
    from bloop.learning.progress.queries import EARNED
    from bloop.store.statements import to_dicts

    async with open_hub() as hub:
        call = hub_call(hub)
        id_ = find_course(hub, call, course)["id"]
        rows = await hub.database.read(EARNED, call, container=id_, after="", limit=MOST)
    found = to_dicts(EARNED, rows)
    if as_json:
        print_json({"items": found})
        return
    lines = [(one["number"], plain(one["name"]), str(one["issued_at"])[:10]) for one in found]
    print_table(("number", "name", "at"), lines)


@certificates.command("set")
@course_argument
@click.option("--lesson", "lessons", multiple=True, help="An item's id; without one, all lessons.")
@click.option(
    "--average", type=click.FloatRange(0, 100), default=0.0, help="Of the scores, in percent."
)
@click.option("--dry-run", is_flag=True, help="Only tell who would get it now.")
@json_option
@asynchronous
async def set_rule(
    course: str, lessons: tuple[str, ...], average: float, *, dry_run: bool, as_json: bool
) -> None:
    """Have COURSE give certificates by a rule, or by another; those given stay."""
    from bloop.cli.content import find_course
    from bloop.cli.users import run
    from bloop.learning.progress import certificate_routes, certificates
    from bloop.learning.progress.standing import Asked

    asked = Asked(list(lessons) or None, average / 100)
    async with open_hub() as hub:
        call = hub_call(hub)
        id_ = find_course(hub, call, course)["id"]
        if not dry_run:
            await run(
                hub, call, certificates.set_rule, id_, items=asked.items, average=asked.average
            )
        found = await certificate_routes.dry_run(hub.database, call, id_, asked)
    if as_json:
        print_json({"saved": not dry_run, "items": found})
        return
    met = sum(1 for one in found if one["met"])
    click.echo(f"{met} of {len(found)} learners {'would get' if dry_run else 'can get'} it now")
    print_table(("name", "lessons left", "average", "meets it"), map(_row, found))


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    share = "" if one["average"] is None else f"{one['average']:.0%}"
    return plain(one["name"]), str(one["missing"]), share, "yes" if one["met"] else ""


@certificates.command()
@course_argument
@asynchronous
async def end(course: str) -> None:
    """Have COURSE give no more certificates; those given stay."""
    from bloop.cli.content import find_course
    from bloop.cli.users import run
    from bloop.learning.progress import certificates

    async with open_hub() as hub:
        call = hub_call(hub)
        await run(hub, call, certificates.drop_rule, find_course(hub, call, course)["id"])
