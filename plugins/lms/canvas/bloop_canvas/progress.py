"""The streams of what people have done: submissions, read on from the last time, and completion."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from bloop_canvas import learning
from bloop_canvas.api import NO_LIST, SELF
from bloop_canvas.batches import Made, all_of, closed_by, named
from bloop_canvas.courses import TEST_STUDENTS
from bloop_canvas.facts import Required
from bloop_canvas.fields import identifier, when, whole
from bloop_canvas.learning import Graded
from bloop_canvas.lists import ASSIGNMENTS, graded_of
from bloop_canvas.paging import Page, groups, together
from bloop_canvas.place import Place
from bloop_canvas.reading import CURSOR_VERSION, Reading, Source, over
from bloop_canvas.tree import met_by, required_of
from bloop_sdk import (
    Batch,
    Cursor,
    Kind,
    PermissionMissingError,
    Record,
    Skipped,
    UnsupportedError,
)
from bloop_sdk.records import JSONObject

EVERYTHING = timedelta(days=7)
"""So often all submissions are read: excuses, lateness and later comments show in no filter."""

OVERLAP = timedelta(minutes=5)
"""Between what one run has read and where the next begins: Canvas's own clocks may differ."""

HIDDEN_AT_ONCE = 20
"""Assignments with grades that students do not see yet, of which all is read again."""

SUBMISSIONS: dict[str, Any] = {"student_ids[]": ["all"], "include[]": ["submission_comments"]}


async def submissions(
    reading: Reading, place: Place, state: Cursor | None
) -> AsyncGenerator[Batch, None]:
    """All of a course, or those that were handed in or graded since the last reading.

    That a grade is shown to its student, or whose anonymous work it is to its teacher, shows in no
    filter: the assignments where something was hidden are read again. The cursor is ``since`` and
    ``full`` (when the last one, and the last of everything, began, by Canvas's clock), ``hidden``
    (those assignments), and ``run`` while one is under way.
    """
    value = dict(state.value) if state is not None else {}
    graded_by = await _graded(reading, place)
    run = value.pop("run", None) or {"list": 0, "next": None, "began": None, **_scope(value)}
    run.setdefault("again", [one for one in value.get("hidden") or () if _shown(one, graded_by)])
    hidden = set(run.get("hidden") or ())
    lists = _lists(run)
    if not run["list"] and run["next"] is None:
        for one in _anonymous(place, graded_by):
            yield one
    for number, params in enumerate(lists):
        if number < run["list"]:
            continue
        async for page in _pages(reading, place, params, run["next"]):
            run["began"] = run["began"] or _moment(page.moment)
            run["next"] = page.next
            run["list"] = number + (page.next is None)
            hidden |= {str(one.get("assignment_id")) for one in page.items if _is_hidden(one)}
            run["hidden"] = sorted(hidden)
            over_ = run["list"] == len(lists)
            cursor = _after(value, run, graded_by) if over_ else {**value, "run": dict(run)}
            told = [one for one in page.items if not _is_anonymous(one, graded_by)]
            told = await _of_people(reading, place, told, "user_id")
            made = all_of(told, _called(place), lambda one: _one(place, one, graded_by))
            end = Batch(cursor=Cursor(cursor, CURSOR_VERSION))
            async for batch in closed_by(_given(made), end):
                yield batch


def _lists(run: JSONObject) -> list[dict[str, Any]]:
    """The filters of the lists that a run reads, one after another."""
    if not run["since"]:
        return [SUBMISSIONS]
    lists = [{**SUBMISSIONS, name: run["since"]} for name in ("submitted_since", "graded_since")]
    if run["again"]:
        lists.append({**SUBMISSIONS, "assignment_ids[]": run["again"]})
    return lists


async def _pages(
    reading: Reading, place: Place, params: dict[str, Any], start: str | None
) -> AsyncGenerator[Page, None]:
    path = f"courses/{place.course}/students/submissions"
    try:
        async for page in reading.api.pages(path, params, start=start):
            yield page
    except PermissionMissingError:
        if "assignment_ids[]" not in params:
            raise
        # One was unpublished meanwhile, for which Canvas refuses all; they come with the others.
        yield Page([])


async def _of_people(
    reading: Reading, place: Place, items: Sequence[JSONObject], field: str
) -> list[JSONObject]:
    """Objects without those of a course's test student, who is nobody, and is given all work."""
    facts = reading.facts(place)
    found = {str(one.get(field)) for one in items}
    if facts.test_students is None and not found <= reading.people:
        try:
            path = f"courses/{place.course}/users"
            facts.test_students = {
                str(one.get("id"))
                async for page in reading.api.pages(path, TEST_STUDENTS)
                for one in page.items
            }
        except (PermissionMissingError, UnsupportedError):
            facts.test_students = set()
    nobody = facts.test_students or set()
    return [one for one in items if str(one.get(field)) not in nobody]


def _is_hidden(item: JSONObject) -> bool:
    return item.get("score") is not None and learning.is_unposted(item)


def _shown(assignment: str, graded_by: dict[str, Graded]) -> bool:
    """Whether Canvas would list an assignment's work, with its people."""
    found = graded_by.get(assignment)
    return found is not None and found.published and not found.anonymous


def _anonymous(place: Place, graded_by: dict[str, Graded]) -> Iterator[Batch]:
    """Assignments of which teachers shall not learn who did what; the API tells it all the same."""
    skipped = tuple(
        Skipped(
            ref=f"{Kind.SUBMISSION}:{place.id(assignment)}",
            reason="Canvas hides whose work it is (anonymous grading) until its grades are posted",
            code="record_forbidden",
        )
        for assignment, graded in graded_by.items()
        if graded.anonymous and graded.published
    )
    if skipped:
        yield Batch(skipped=skipped)


def _scope(value: JSONObject) -> JSONObject:
    """From when on to read: None for everything, which is due once in a while."""
    since, full = when(value, "since"), when(value, "full")
    if since is None or full is None or since - full >= EVERYTHING:
        return {"since": None}
    return {"since": value["since"]}


def _after(value: JSONObject, run: JSONObject, graded_by: dict[str, Graded]) -> JSONObject:
    """Where the next reading begins; where Canvas told no time, at the beginning again."""
    if run["began"] is None:
        return {"since": None, "full": None}
    anonymous = {one for one, graded in graded_by.items() if graded.anonymous}
    hidden = sorted({*run["hidden"], *anonymous}, key=lambda one: (len(one), one))
    full = value.get("full") if run["since"] else run["began"]
    return {"since": run["began"], "full": full, "hidden": hidden[-HIDDEN_AT_ONCE:]}


def _moment(date: str | None) -> str | None:
    try:
        found = parsedate_to_datetime(date or "")
    except (TypeError, ValueError):
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return (found.astimezone(UTC) - OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")


async def _given(made: Made) -> AsyncGenerator[Batch, None]:
    for batch in made.batches():
        yield batch


def _called(place: Place) -> Any:
    def name(item: JSONObject) -> str:
        parts = str(item.get("assignment_id", "?")), str(item.get("user_id", "?"))
        return f"{Kind.SUBMISSION}:{place.id(*parts)}"

    return name


def _one(place: Place, item: JSONObject, graded_by: dict[str, Graded]) -> list[Record]:
    assignment = identifier(item, "assignment_id", "assignments_id")
    unknown = Graded(place.ref(Kind.ASSIGNMENT, assignment), None)
    return [learning.submission(place, item, graded_by.get(assignment, unknown))]


def _is_anonymous(item: JSONObject, graded_by: dict[str, Graded]) -> bool:
    found = graded_by.get(str(item.get("assignment_id")))
    return found is not None and found.anonymous


async def _graded(reading: Reading, place: Place) -> dict[str, Graded]:
    """What the assignments of a course are graded by: as read before, or listed once more."""
    facts = reading.facts(place)
    if facts.graded is None:
        found: dict[str, Graded] = {}
        try:
            path = f"courses/{place.course}/assignments"
            async for page in reading.api.pages(path, ASSIGNMENTS):
                found |= {identifier(one): graded_of(place, one) for one in page.items}
        except (PermissionMissingError, UnsupportedError):
            found = {}
        facts.graded = found
    return facts.graded


async def completion(
    reading: Reading, place: Place, state: Cursor | None
) -> AsyncGenerator[Batch, None]:
    """How far people are with a course, and which of its required items they have done."""
    facts = await required_of(reading, place)
    if not facts.required:
        return
    wanted = facts.required

    async def read(items: Sequence[JSONObject]) -> AsyncGenerator[Made, None]:
        for group in groups(await _of_people(reading, place, items, "id")):
            found = await together(
                [
                    _items_met(reading, place, one, wanted, sure=not facts.any_will_do)
                    for one in group
                ]
            )
            made = Made()
            for item, met in zip(group, found, strict=True):
                make = partial(_completions, place, wanted, met)
                made.take(named(place, Kind.COMPLETION), item, make)
            yield made

    source = Source(f"courses/{place.course}/bulk_user_progress", {}, read)
    try:
        async for batch in over(reading, [source], state):
            yield batch
    except PermissionMissingError:
        yield Batch(records=tuple(await _own(reading, place, wanted)))
    except UnsupportedError as err:
        if err.code == NO_LIST:
            raise
        # By Canvas's count the course has no requirements, whatever its modules show.


async def _items_met(
    reading: Reading, place: Place, item: JSONObject, wanted: Sequence[Required], *, sure: bool
) -> set[str]:
    """The required items that somebody has met; asked for only where the count leaves it open."""
    progress = item.get("progress")
    if not isinstance(progress, dict) or item.get("id") is None:
        return set()
    done, total = whole(progress, "requirement_completed_count"), progress.get("requirement_count")
    if not done:
        return set()
    if sure and done == total == len(wanted):
        return {one.item for one in wanted}
    return await met_by(reading, place, identifier(item))


def _completions(
    place: Place, wanted: Sequence[Required], met: set[str], item: JSONObject
) -> list[Record]:
    whole_course = learning.in_course(place, item)
    if whole_course is None:
        return []
    person = identifier(item)
    return [
        whole_course,
        *(
            learning.of_item(place, person, one.item, one.content)
            for one in wanted
            if one.item in met
        ),
    ]


async def _own(reading: Reading, place: Place, wanted: Sequence[Required]) -> list[Record]:
    """What the token's owner has done; raises where not even that is told."""
    if all(one.met is None for one in wanted):
        raise PermissionMissingError(
            f"course {place.course}: Canvas tells nobody's progress to this credential",
            permission="view_all_grades",
        )
    me = identifier(await reading.api.get(SELF))
    return [learning.of_item(place, me, one.item, one.content) for one in wanted if one.met]
