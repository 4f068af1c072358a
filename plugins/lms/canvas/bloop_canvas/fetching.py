"""Single records by their refs, for webhooks and retries."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from bloop_canvas import audience, content, courses, learning, quizzes
from bloop_canvas.contents import file_of, questions_of
from bloop_canvas.fields import flag, text
from bloop_canvas.ids import parts_of
from bloop_canvas.lists import ASSIGNMENTS, assignment, graded_of
from bloop_canvas.paging import groups, together
from bloop_canvas.place import Place
from bloop_canvas.reading import Reading
from bloop_canvas.streams import PARTS
from bloop_sdk import (
    Batch,
    ForbiddenRecordError,
    Kind,
    MissingRecordError,
    PermissionMissingError,
    Record,
    Ref,
    SkippableError,
    Skipped,
    UnsupportedError,
)
from bloop_sdk.records import KIND_OF_OTHERS, Content, JSONObject

_DEEPEST = 20
"""Folders above a file at most, whose locks are its own."""
COMMENTS: dict[str, Any] = {"include[]": ["submission_comments"]}


async def fetch(reading: Reading, refs: Sequence[Ref]) -> Batch:
    """The current state of some records; what is not there, or not to be read, is skipped."""
    records: list[Record] = []
    skipped: list[Skipped] = []
    alone = [ref for ref in refs if ref.kind in _ALONE]
    for group in groups(alone):
        for found in await together([_one(reading, ref) for ref in group]):
            (skipped if isinstance(found, Skipped) else records).append(found)  # type: ignore[arg-type]
    listed = [ref for ref in refs if ref.kind not in _ALONE]
    for course in sorted({ref.remote_id.partition("-")[0] for ref in listed}):
        wanted = {ref for ref in listed if ref.remote_id.partition("-")[0] == course}
        found_here = await _from_lists(reading, course, wanted)
        records += found_here.records
        skipped += found_here.skipped
    return Batch(records=tuple(records), skipped=tuple(skipped))


async def _one(reading: Reading, ref: Ref) -> Record | Skipped:
    try:
        return await _ALONE[ref.kind](reading, ref)
    except PermissionMissingError as err:
        return Skipped(ref=str(ref), reason=err.message, code=ForbiddenRecordError.code)
    except SkippableError as err:
        return Skipped(ref=str(ref), reason=str(err), code=err.code)


async def _from_lists(reading: Reading, course: str, wanted: set[Ref]) -> Batch:
    """What Canvas gives as part of a list alone: the list is read, and the rest left aside."""
    records: dict[Ref, Record] = {}
    skipped: dict[str, Skipped] = {}
    for part in PARTS.values():
        mine = {ref for ref in wanted if ref.kind in part.stream.kinds}
        if not mine or not course.isdigit():
            continue
        try:
            batches = part.read(reading, reading.place(course), None)
            async with aclosing(batches):
                async for batch in batches:
                    records |= {ref: one for one in batch.records if (ref := _ref(one)) in mine}
                    skipped |= {one.ref: one for one in batch.skipped}
        except (PermissionMissingError, UnsupportedError) as err:
            code = "record_missing" if isinstance(err, UnsupportedError) else "record_forbidden"
            skipped |= {
                str(ref): Skipped(ref=str(ref), reason=err.message, code=code) for ref in mine
            }
    for ref in wanted - records.keys():
        gone = Skipped(ref=str(ref), reason="Canvas does not list it", code="record_missing")
        skipped.setdefault(str(ref), gone)
    names = {str(ref) for ref in wanted}
    return Batch(
        records=tuple(records.values()),
        skipped=tuple(one for name, one in skipped.items() if name in names),
    )


def _ref(record: Record) -> Ref:
    kind = record.kind if isinstance(record, Content) else KIND_OF_OTHERS[type(record)]
    return Ref(kind, record.remote_id)


def _in(reading: Reading, ref: Ref) -> tuple[Place, str, str]:
    """The course, its path in the API, and the id in it."""
    course, number = parts_of(ref, 2)
    return reading.place(course), f"courses/{course}", number


async def _course(reading: Reading, ref: Ref) -> Record:
    (course,) = parts_of(ref, 1)
    params = {"include[]": courses.COURSES["include[]"]}
    item = await reading.api.get(f"courses/{course}", params)
    if courses.is_restricted(item):
        raise ForbiddenRecordError("its dates keep this credential out of it", ref=str(ref))
    return courses.container(reading.config.base, item)


async def _person(reading: Reading, ref: Ref) -> Record:
    (user,) = parts_of(ref, 1)
    return courses.person(await reading.api.get(f"users/{user}", {"include[]": ["email"]}))


async def _page(reading: Reading, ref: Ref) -> Record:
    place, path, number = _in(reading, ref)
    return content.page(place, await reading.api.get(f"{path}/pages/page_id:{quote(number)}"))


async def _assignment(reading: Reading, ref: Ref) -> Record:
    place, path, number = _in(reading, ref)
    item = await reading.api.get(f"{path}/assignments/{number}", ASSIGNMENTS)
    if content.is_quiz(item):
        raise MissingRecordError("it is a quiz", ref=str(ref))
    return assignment(place, item)


async def _quiz(reading: Reading, ref: Ref) -> Record:
    place, path, number = _in(reading, ref)
    item = await reading.api.get(f"{path}/quizzes/{number}")
    return quizzes.quiz(place, item, await questions_of(reading, place, item))


async def _discussion(reading: Reading, ref: Ref) -> Record:
    place, path, number = _in(reading, ref)
    item = await reading.api.get(f"{path}/discussion_topics/{number}")
    if "is_announcement" in item:
        announcement = flag(item, "is_announcement")
    else:
        listed = reading.api.pages(f"{path}/discussion_topics", {"only_announcements": "true"})
        announcement = number in {str(one.get("id")) async for page in listed for one in page.items}
    return audience.topic(content.discussion(place, item, announcement=announcement), item)


async def _file(reading: Reading, ref: Ref) -> Record:
    place, path, number = _in(reading, ref)
    item = await reading.api.get(f"{path}/files/{number}")
    folders: list[JSONObject] = []
    above = item.get("folder_id")
    while above is not None and len(folders) < _DEEPEST:
        try:
            folders.append(await reading.api.get(f"folders/{above}"))
        except (PermissionMissingError, MissingRecordError):
            break
        above = folders[-1].get("parent_folder_id")
    folder = str(folders[0].get("full_name") or "") if folders else None
    shut = audience.shut_folders(folders)
    return file_of(reading, place, audience.in_folder(item, shut), folder)


async def _event(reading: Reading, ref: Ref) -> Record:
    place, _, number = _in(reading, ref)
    item = await reading.api.get(f"calendar_events/{number}")
    # An event of a section is listed with its course, which only the wider codes name.
    codes = [*text(item, "all_context_codes").split(","), text(item, "context_code")]
    if any(codes) and f"course_{place.course}" not in codes:
        raise MissingRecordError("it is of another course", ref=str(ref))
    (found,) = content.events(place, item)
    return found


async def _submission(reading: Reading, ref: Ref) -> Record:
    course, assignment, user = parts_of(ref, 3)
    place, path = reading.place(course), f"courses/{course}/assignments/{assignment}"
    known = reading.facts(place).graded or {}
    graded = known.get(assignment) or graded_of(place, await reading.api.get(path, ASSIGNMENTS))
    if graded.anonymous:
        raise ForbiddenRecordError("Canvas hides whose work it is", ref=str(ref))
    item = await reading.api.get(f"{path}/submissions/{user}", COMMENTS)
    return learning.submission(place, item, graded)


_ALONE = {
    Kind.COURSE: _course,
    Kind.PERSON: _person,
    Kind.PAGE: _page,
    Kind.ASSIGNMENT: _assignment,
    Kind.QUIZ: _quiz,
    Kind.DISCUSSION: _discussion,
    Kind.FILE: _file,
    Kind.CALENDAR_EVENT: _event,
    Kind.SUBMISSION: _submission,
}
"""What Canvas answers one by one."""
