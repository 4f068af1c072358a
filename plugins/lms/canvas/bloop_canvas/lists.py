"""The streams that are one or two lists of Canvas each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Any

from bloop_canvas import content, courses, outcomes
from bloop_canvas.batches import Made, named
from bloop_canvas.fields import identifier, number
from bloop_canvas.learning import Graded
from bloop_canvas.place import Place
from bloop_canvas.reading import Reading, Source, each, over, remembering
from bloop_sdk import Batch, Cursor, Kind, Record
from bloop_sdk.records import JSONObject

ACCOUNT_COURSES: dict[str, Any] = {
    **courses.COURSES,
    "state[]": ["created", "claimed", "available", "completed"],
}
ASSIGNMENTS: dict[str, Any] = {
    # The dates that everybody has; with overrides they would be those of the token's owner.
    "override_assignment_dates": "false",
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
                made.take(
                    name(item), item, lambda one: [courses.container(reading.config.base, one)]
                )
        yield made

    return over(reading, [Source(path, params, read)], state)


def sections(reading: Reading, place: Place, state: Cursor | None) -> AsyncGenerator[Batch, None]:
    """The sections of a course."""
    make = each(named(place, Kind.SECTION), partial(courses.section, place))
    return over(reading, [Source(f"courses/{place.course}/sections", {}, make)], state)


def people(reading: Reading, place: Place, state: Cursor | None) -> AsyncGenerator[Batch, None]:
    """Who is in a course, and as what: both come in one list."""
    of_course = named(place, Kind.ENROLMENT)

    def person(item: JSONObject) -> list[Record]:
        known = identifier(item) in reading.people
        found: list[Record] = [] if known else [courses.person(item)]
        reading.people.add(identifier(item))
        return found

    async def read(items: Sequence[JSONObject]) -> AsyncGenerator[Made, None]:
        made, name = Made(), named(None, Kind.PERSON)
        for item in items:
            bad = len(made.skipped)
            made.take(name(item), item, person)
            if len(made.skipped) == bad:
                made.take(of_course(item), item, partial(courses.enrolments, place))
        yield made

    source = Source(f"courses/{place.course}/users", courses.PEOPLE, read)
    return over(reading, [source], state)


def assignments(
    reading: Reading, place: Place, state: Cursor | None
) -> AsyncGenerator[Batch, None]:
    """The assignments of a course; what they are graded by is remembered for the submissions."""
    facts = reading.facts(place)
    graded: dict[str, Graded] = {}

    def make(item: JSONObject) -> list[Record]:
        graded[identifier(item)] = graded_of(place, item)
        return [] if content.is_quiz(item) else [content.assignment(place, item)]

    def remember() -> None:
        facts.graded = graded

    read = each(named(place, Kind.ASSIGNMENT), make)
    source = Source(f"courses/{place.course}/assignments", ASSIGNMENTS, read)
    batches = over(reading, [source], state)
    return remembering(batches, remember) if state is None else batches


def graded_of(place: Place, item: JSONObject) -> Graded:
    """What an assignment's grades belong to."""
    return Graded(content.graded(place, item), number(item, "points_possible"))


def discussions(
    reading: Reading, place: Place, state: Cursor | None
) -> AsyncGenerator[Batch, None]:
    """Topics, then announcements, which are topics too."""

    def of(*, announcement: bool) -> Source:
        def make(item: JSONObject) -> list[Record]:
            return [content.discussion(place, item, announcement=announcement)]

        params: dict[str, Any] = {"only_announcements": "true"} if announcement else {}
        path = f"courses/{place.course}/discussion_topics"
        return Source(path, params, each(named(place, Kind.DISCUSSION), make))

    return over(reading, [of(announcement=False), of(announcement=True)], state)


def calendar(reading: Reading, place: Place, state: Cursor | None) -> AsyncGenerator[Batch, None]:
    """The events of a course's calendar; due dates stand with what is due."""
    params: dict[str, Any] = {
        "context_codes[]": [f"course_{place.course}"],
        "type": "event",
        "all_events": "true",
    }
    read = each(named(place, Kind.CALENDAR_EVENT), partial(content.events, place))
    return over(reading, [Source("calendar_events", params, read)], state)


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
            Source(f"{path}/outcome_groups", {}, groups),
            Source(f"{path}/outcome_group_links", {"outcome_style": "full"}, links),
        ],
        state,
    )
