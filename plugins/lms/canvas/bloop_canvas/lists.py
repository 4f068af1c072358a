"""The streams that are one or two lists of Canvas each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from bloop_canvas import audience, content, courses, outcomes
from bloop_canvas.batches import Made, named
from bloop_canvas.fields import flag, identifier, number
from bloop_canvas.learning import Graded
from bloop_canvas.place import Place
from bloop_canvas.reading import Reading, Source, each, nothing, over, remembering
from bloop_sdk import Assignment, Batch, Cursor, Kind, Record
from bloop_sdk.records import JSONObject

ACCOUNT_COURSES: dict[str, Any] = {
    **courses.COURSES,
    "state[]": ["created", "claimed", "available", "completed"],
}
ASSIGNMENTS: dict[str, Any] = {
    # The dates that everybody has; with overrides they would be those of the token's owner.
    "override_assignment_dates": "false",
    # Overrides are told to who may edit them: what has no other dates is of whom they name.
    "include[]": ["checkpoints", "overrides"],
}


def all_courses(reading: Reading, state: Cursor | None) -> AsyncGenerator[Batch, None]:
    """The courses of the token's owner, or of an account."""
    account = reading.config.account_id
    path = "courses" if account is None else f"accounts/{account}/courses"
    params = courses.COURSES if account is None else ACCOUNT_COURSES

    async def read(items: Sequence[JSONObject]) -> AsyncGenerator[Made, None]:
        made, name = Made(), named(None, Kind.COURSE)
        for item in items:
            if courses.is_restricted(item):
                why = "its dates keep this credential out of it"
                made.skip(name(item), item, why, "record_forbidden")
            else:
                made.take(name, item, lambda one: [courses.container(reading.config.base, one)])
        yield made

    return over(reading, [Source(path, params, read)], state)


def sections(reading: Reading, place: Place, state: Cursor | None) -> AsyncGenerator[Batch, None]:
    """The sections of a course."""
    make = each(named(place, Kind.SECTION), partial(courses.section, place))
    source = Source(f"courses/{place.course}/sections", {}, make, nothing)
    return over(reading, [source], state, place.known)


async def people(
    reading: Reading, place: Place, state: Cursor | None
) -> AsyncGenerator[Batch, None]:
    """Who is in a course, and as what: both come in one list, or in two of an older Canvas."""
    ended = state is not None and state.value.get("list") == 1
    bare = ended

    async def read(items: Sequence[JSONObject]) -> AsyncGenerator[Made, None]:
        nonlocal bare
        bare = bare or any("enrollments" not in item for item in items)
        made = Made()
        for item in items:
            _somebody(reading, place, item, made)
        yield made

    source = Source(f"courses/{place.course}/users", courses.PEOPLE, read)
    async with aclosing(over(reading, [source], state)) as batches:
        async for batch in batches:
            yield batch
    if bare:
        async for batch in _enrolled(reading, place):
            yield batch


def _somebody(reading: Reading, place: Place, item: JSONObject, made: Made) -> None:
    """A person, unless known already, and what they are in the course."""

    def person(item: JSONObject) -> list[Record]:
        known = identifier(item) in reading.people
        found: list[Record] = [] if known else [courses.person(item)]
        reading.people.add(identifier(item))
        return found

    bad = len(made.skipped)
    made.take(named(None, Kind.PERSON), item, person)
    if len(made.skipped) == bad:
        made.take(named(place, Kind.ENROLMENT), item, partial(courses.enrolments, place))


async def _enrolled(reading: Reading, place: Place) -> AsyncGenerator[Batch, None]:
    """People by the list of enrolments; those of somebody come together, so it is read whole."""
    users: dict[str, JSONObject] = {}
    path = f"courses/{place.course}/enrollments"
    async for page in reading.api.pages(path, {"state[]": courses.PEOPLE["enrollment_state[]"]}):
        for row in page.items:
            number = str(row.get("user_id"))
            user = users.setdefault(
                number, {**(row.get("user") or {}), "id": row.get("user_id"), "enrollments": []}
            )
            user["enrollments"].append(row)
    made = Made()
    for user in users.values():
        _somebody(reading, place, user, made)
    for batch in made.batches():
        yield batch


def assignments(
    reading: Reading, place: Place, state: Cursor | None
) -> AsyncGenerator[Batch, None]:
    """The assignments of a course; what they are graded by is remembered for the submissions."""
    facts = reading.facts(place)
    graded: dict[str, Graded] = {}

    def note(item: JSONObject) -> None:
        graded[identifier(item)] = graded_of(place, item)

    async def passed(items: Sequence[JSONObject]) -> None:
        for item in items:
            note(item)

    def make(item: JSONObject) -> list[Record]:
        note(item)
        return [] if content.is_quiz(item) else [assignment(place, item)]

    def remember() -> None:
        facts.graded = graded

    read = each(named(place, Kind.ASSIGNMENT), make)
    path = f"courses/{place.course}/assignments"
    batches = over(reading, [Source(path, ASSIGNMENTS, read, nothing, passed)], state, place.known)
    return remembering(batches, remember) if state is None else batches


def assignment(place: Place, item: JSONObject) -> Assignment:
    """An assignment as its learners may see it."""
    return audience.assignment(content.assignment(place, item), item)


def graded_of(place: Place, item: JSONObject) -> Graded:
    """What an assignment's grades belong to."""
    return Graded(
        content.graded(place, item),
        number(item, "points_possible"),
        anonymous=flag(item, "anonymize_students"),
        published=flag(item, "published", default=True),
    )


def discussions(
    reading: Reading, place: Place, state: Cursor | None
) -> AsyncGenerator[Batch, None]:
    """Topics, then announcements, which are topics too."""

    def of(*, announcement: bool) -> Source:
        def make(item: JSONObject) -> list[Record]:
            record = content.discussion(place, item, announcement=announcement)
            return [audience.topic(record, item)]

        params: dict[str, Any] = {"only_announcements": "true"} if announcement else {}
        path = f"courses/{place.course}/discussion_topics"
        return Source(path, params, each(named(place, Kind.DISCUSSION), make), audience.later_of)

    return over(reading, [of(announcement=False), of(announcement=True)], state, place.known)


def calendar(reading: Reading, place: Place, state: Cursor | None) -> AsyncGenerator[Batch, None]:
    """The events of a course's calendar; due dates stand with what is due."""
    params: dict[str, Any] = {
        "context_codes[]": [f"course_{place.course}"],
        "type": "event",
        "all_events": "true",
    }
    read = each(named(place, Kind.CALENDAR_EVENT), partial(content.events, place))
    return over(reading, [Source("calendar_events", params, read, nothing)], state, place.known)


def all_outcomes(
    reading: Reading, place: Place, state: Cursor | None
) -> AsyncGenerator[Batch, None]:
    """The groups of outcomes, then what is linked into them."""

    def linked(item: JSONObject) -> str:
        return named(place, Kind.OUTCOME)(item["outcome"] if item.get("outcome") else item)

    path = f"courses/{place.course}"
    groups = each(named(place, Kind.OUTCOME), partial(outcomes.group, place))
    links = each(linked, partial(outcomes.link, place))
    return over(
        reading,
        [
            Source(f"{path}/outcome_groups", {}, groups, nothing),
            Source(f"{path}/outcome_group_links", {"outcome_style": "full"}, links, nothing),
        ],
        state,
        place.known,
    )
