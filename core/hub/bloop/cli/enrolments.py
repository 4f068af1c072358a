"""``bloop content enrol`` and its neighbours: who is in a course, and whom it is for."""

from __future__ import annotations

from typing import Any

import click

from bloop.cli.groups import find_group
from bloop.cli.output import asynchronous, json_option, open_hub, plain, print_json, print_table
from bloop.cli.users import call_in, person, run

MOST = 10_000

course_argument = click.argument("course", metavar="COURSE")


@click.command()
@course_argument
@json_option
@asynchronous
async def people(course: str, *, as_json: bool) -> None:
    """Show who is in COURSE: enrolled here, and in the system that it comes from."""
    from bloop.cli.content import find_course
    from bloop.content.enrolling.queries import ENROLMENTS, ROSTER
    from bloop.store.statements import to_dicts

    async with open_hub() as hub:
        call = call_in(hub, None)
        asked: dict[str, Any] = {"after": "", "limit": MOST}
        asked["container"] = find_course(hub, call, course)["id"]
        here, there = (
            to_dicts(read, hub.database.read_now(read, call, **asked))
            for read in (ENROLMENTS, ROSTER)
        )
    if as_json:
        print_json({"enrolments": here, "people": there})
        return
    rows = [(one["id"], plain(one["name"]), one["role"], _standing(one)) for one in here]
    rows += [
        (one["person"], plain(one["name"]), one["role"], one["user"] or "no account is known")
        for one in there
    ]
    print_table(("id", "name", "role", "account"), rows)


def _standing(enrolment: dict[str, Any]) -> str:
    if enrolment["source"]:
        return f"let in by {enrolment['source']}"
    return "a group" if enrolment["group"] else "here"


@click.command()
@course_argument
@click.argument("user", metavar="USER", required=False)
@click.option("--group", help="A group, by id or name, in place of USER.")
@click.option("--role", type=click.Choice(["learner", "educator"]), default="learner")
@asynchronous
async def enrol(course: str, user: str | None, group: str | None, role: str) -> None:
    """Enrol USER, or a group, in COURSE; who is enrolled already gets the role."""
    from bloop.cli.content import find_course
    from bloop.content.enrolling import service

    async with open_hub() as hub:
        call = call_in(hub, None)
        made = await run(
            hub,
            call,
            service.enrol,
            find_course(hub, call, course)["id"],
            user=None if user is None else person(hub, call, user)["id"],
            group=None if group is None else find_group(hub, call, group)["id"],
            role=role,
        )
    click.echo(made)


@click.command("end-enrolment")
@course_argument
@click.argument("enrolment", metavar="ENROLMENT")
@asynchronous
async def end_enrolment(course: str, enrolment: str) -> None:
    """End ENROLMENT, an id of `bloop content people`, in COURSE."""
    from bloop.cli.content import find_course
    from bloop.content.enrolling import service

    async with open_hub() as hub:
        call = call_in(hub, None)
        await run(hub, call, service.end, find_course(hub, call, course)["id"], enrolment)


@click.command()
@course_argument
@click.argument("audience", type=click.Choice(["open", "members", "enrolled"]))
@asynchronous
async def audience(course: str, audience: str) -> None:
    """Say whom COURSE is for once it is published, wherever it comes from."""
    from bloop.cli.content import find_course
    from bloop.content.enrolling import service

    async with open_hub() as hub:
        call = call_in(hub, None)
        id_ = find_course(hub, call, course)["id"]
        await run(hub, call, service.set_audience, id_, None, audience)


@click.command("link")
@click.argument("person_id", metavar="PERSON")
@click.argument("user", metavar="USER", required=False)
@asynchronous
async def link(person_id: str, user: str | None) -> None:
    """Say that PERSON, an id of `bloop content people`, is USER; without one, that they are nobody.

    Their enrolments in the system that they come from count for USER then.
    """
    from bloop.content.enrolling import linking

    async with open_hub() as hub:
        call = call_in(hub, None)
        if user is None:
            await run(hub, call, linking.unlink, person_id)
        else:
            await run(hub, call, linking.link, person_id, person(hub, call, user)["id"])
