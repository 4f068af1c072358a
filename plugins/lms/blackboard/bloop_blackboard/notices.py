"""Announcements, events and how far somebody is: small lists of one course."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from bloop_blackboard import markup
from bloop_blackboard.api import Api
from bloop_blackboard.known import Known
from bloop_blackboard.wire import Announcement, CalendarItem, Reviewed, fault
from bloop_sdk import (
    Batch,
    CalendarEvent,
    Completion,
    CompletionState,
    Cursor,
    Discussion,
    Kind,
    Record,
    Ref,
    Skipped,
    UnsupportedError,
)
from bloop_sdk.records import JSONObject

ANNOUNCEMENTS = (3500, 3)
CALENDAR = (3400, 9)
PROGRESS = (3700, 15)

WINDOW = timedelta(weeks=16)
"""The longest time that the calendar may be asked for at once."""

_DUE = "GradebookColumn"


class Notices:
    """Reads the announcements, the calendar and the progress of courses."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def announcements(self, course: str, state: Cursor | None) -> AsyncIterator[Batch]:
        """What was announced, drafts as well."""
        if not await self._api.has(ANNOUNCEMENTS):
            raise UnsupportedError("announcements need Learn 3500.3 or newer")
        known = Known.of(state)
        path = f"/v1/courses/{course}/announcements"
        records: list[Record] = []
        skipped: list[Skipped] = []
        for row in await self._api.all(path):
            made = announcement_of(self._api.site, course, row)
            name = str(row.get("id"))
            if isinstance(made, Skipped):
                skipped.append(made)
                known.meet(name)
            else:
                records.append(made)
                known.take(name, [made.ref])
        await known.sweep(self._api, lambda name: f"{path}/{name}")
        yield _batch(records, [*skipped, *known.refused], known)

    async def announcement(self, course: str, name: str) -> Discussion | Skipped:
        """One; raises MissingRecordError."""
        row = await self._api.get(f"/v1/courses/{course}/announcements/{name}")
        return announcement_of(self._api.site, course, row)

    async def calendar(self, course: str, state: Cursor | None) -> AsyncIterator[Batch]:
        """From 16 weeks before to 16 weeks ahead; what was read before and is older stays."""
        if not await self._api.has(CALENDAR):
            raise UnsupportedError("the calendar needs Learn 3400.9 or newer")
        known = Known.of(state)
        records: list[Record] = []
        skipped: list[Skipped] = []
        # The clock is the site's; a day is close enough, and asks the same all day.
        today = datetime.fromtimestamp(self._api.now(), UTC).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        spans = [(today - WINDOW, today), (today, today + WINDOW)]
        for since, until in spans:
            params = {"courseId": course, "since": _iso(since), "until": _iso(until)}
            for row in await self._api.all("/v1/calendars/items", params, key="id"):
                _take_event(self._api.site, course, row, known, records, skipped)
        await self._sweep_calendar(known, _iso(spans[0][0]), _iso(spans[1][1]))
        yield _batch(records, [*skipped, *known.refused], known)

    async def progress(self, course: str) -> AsyncIterator[Batch]:
        """How much of what can be marked as reviewed each person has marked."""
        if not await self._api.has(PROGRESS):
            raise UnsupportedError("progress needs Learn 3700.15 or newer")
        path = f"/v1/courses/{course}/performance/contentReviewStatus"
        async for page in self._api.pages(path, key="userId"):
            made = [one for row in page if (one := _completion(course, row)) is not None]
            yield Batch(
                records=tuple(one for one in made if isinstance(one, Completion)),
                skipped=tuple(one for one in made if isinstance(one, Skipped)),
            )

    async def _sweep_calendar(self, known: Known, since: str, until: str) -> None:
        for name in known.missing():
            start = str(known.kept(name).get("start"))
            if not since <= start <= until:
                continue  # It was not asked for.
            kind, item, again = name.split("/", 2)
            # An event that is repeated is there although one of its days is not.
            if again:
                known.drop(name)
            else:
                await known.settle(self._api, name, f"/v1/calendars/items/{kind}/{item}")


def announcement_of(site: str, course: str, row: JSONObject) -> Discussion | Skipped:
    """An announcement is a discussion that is for reading."""
    remote_id = f"{course}/announcement/{row.get('id')}"
    try:
        one = Announcement.model_validate(row)
    except ValidationError as err:
        return Skipped(ref=f"discussion:{remote_id}", reason=fault(err), raw=row)
    html = markup.unsigned(one.body or "", site)
    counts = {"readCount", "participants"}
    raw = {name: value for name, value in row.items() if name not in counts}
    return Discussion(
        remote_id=remote_id,
        raw={**raw, "body": html},
        created_at=one.created,
        updated_at=one.modified,
        container=course,
        title=one.title,
        published=not one.draft,
        html=html,
        announcement=True,
        posted_at=one.availability.duration.start or one.created,
    )


def _take_event(
    site: str,
    course: str,
    row: JSONObject,
    known: Known,
    records: list[Record],
    skipped: list[Skipped],
) -> None:
    name = f"{row.get('type')}/{row.get('id')}/"
    try:
        item = CalendarItem.model_validate(row)
    except ValidationError as err:
        refused = f"calendar_event:{course}/{row.get('id')}"
        skipped.append(Skipped(ref=refused, reason=fault(err), raw=row))
        known.meet(name)
        return
    if item.type == _DUE:
        return  # The assignment itself says when it is due.
    repeated = item.recurrence is not None and item.recurrence.frequency is not None
    day = _iso(item.start) if repeated else ""
    remote_id = f"{course}/{item.id}" + (f"/{day}" if repeated else "")
    html = markup.unsigned(item.description or "", site)
    event = CalendarEvent(
        remote_id=remote_id,
        raw={**row, "description": html},
        updated_at=item.modified,
        container=course,
        title=item.title,
        html=html,
        starts_at=item.start,
        ends_at=item.end,
        location=item.location or "",
    )
    ref = Ref(Kind.CALENDAR_EVENT, remote_id)
    if name + day not in known.met:
        records.append(event)
    known.take(name + day, [ref], {"start": _iso(item.start)})


def _completion(course: str, row: JSONObject) -> Completion | Skipped | None:
    try:
        one = Reviewed.model_validate(row)
    except ValidationError as err:
        ref = f"completion:{course}/{row.get('userId')}"
        return Skipped(ref=ref, reason=fault(err), raw=row)
    if one.reviewable_count <= 0:
        return None
    complete = one.reviewed_count >= one.reviewable_count
    return Completion(
        remote_id=f"{course}/{one.user_id}",
        raw=row,
        lost=("which items were reviewed, and when: one request for each item and person",),
        container=course,
        person=one.user_id,
        state=CompletionState.COMPLETE if complete else CompletionState.INCOMPLETE,
    )


def _batch(records: list[Record], skipped: list[Skipped], known: Known) -> Batch:
    return Batch(
        records=tuple(records),
        skipped=tuple(skipped),
        deleted=known.take_deleted(),
        cursor=known.cursor(),
    )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
