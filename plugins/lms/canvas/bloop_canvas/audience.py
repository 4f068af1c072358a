"""Who Canvas shows something to, and when: what it shows a teacher and not every student.

The hub knows no content of some people alone. What is not to be seen yet, or by hardly anybody, is
not published there; what some sections do not have is, and says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from bloop_canvas.fields import flag, identifier, rows, when
from bloop_sdk import Assignment, Discussion, MalformedRecordError
from bloop_sdk.records import JSONObject

SOME_PEOPLE = "who it is for: only some people have it in Canvas"
SOME_SECTIONS = "who it is for: in Canvas, sections may not have it"
LATER = "that students of Canvas see it later"
NOT_HERE: JSONObject = {"published_here": False}
"""Part of a raw record: once its date has come the hub has to be told of a change."""

_OF_PEOPLE = frozenset({"ADHOC", "Group"})

T = TypeVar("T", Assignment, Discussion)


def is_shut(item: JSONObject) -> bool:
    """Whether students do not get a file, or what is in a folder, for now."""
    now = datetime.now(UTC)
    opens, closes = when(item, "unlock_at"), when(item, "lock_at")
    shut = flag(item, "locked") or flag(item, "hidden")
    return shut or (opens is not None and now < opens) or (closes is not None and closes < now)


def shut_folders(folders: Sequence[JSONObject]) -> frozenset[str]:
    """Ids of folders that are shut themselves, or in one that is: each tells of itself alone."""
    above = {identifier(one): str(one.get("parent_folder_id")) for one in folders if one.get("id")}
    shut = {identifier(one) for one in folders if one.get("id") and _shut_if_told(one)}
    found = set(shut)
    for folder in above:
        path = [folder]
        while (step := path[-1]) in above and step not in shut and len(path) <= len(above):
            path.append(above[step])
        if path[-1] in shut:
            found.update(path)
    return frozenset(found)


def _shut_if_told(item: JSONObject) -> bool:
    try:
        return is_shut(item)
    except MalformedRecordError:
        return flag(item, "locked")


def in_folder(item: JSONObject, shut: Iterable[str]) -> JSONObject:
    """A file, locked where its folder or its dates keep students from it."""
    if str(item.get("folder_id")) in shut or is_shut(item):
        return {**item, "locked": True}
    return item


def is_later(item: JSONObject) -> bool:
    """Whether a topic is posted, or a module opens, later: students see titles alone."""
    return any(
        moment is not None and datetime.now(UTC) < moment
        for moment in (when(item, "delayed_post_at"), when(item, "unlock_at"))
    )


async def later_of(items: Sequence[JSONObject]) -> str:
    """Those of a list that are: time alone changes what becomes of them."""
    try:
        return " ".join(identifier(one) for one in items if is_later(one))
    except MalformedRecordError:
        return ""  # What is wrong, the maker of its record says.


def topic(record: Discussion, item: JSONObject) -> Discussion:
    """A topic for those who may see it by now."""
    lock = item.get("lock_info")
    if isinstance(lock, dict) and not lock.get("can_view"):
        # Its text is what explains the lock to this credential.
        record = dataclasses.replace(
            record, html="", lost=("its text: it is locked for this credential",)
        )
    if flag(item, "is_section_specific"):
        record = dataclasses.replace(record, lost=(*record.lost, SOME_SECTIONS))
    return _unpublished(record, LATER) if is_later(item) else record


def assignment(record: Assignment, item: JSONObject) -> Assignment:
    """An assignment with the dates of those whom it is for, where they have the same."""
    if item.get("description") is None and flag(item, "locked_for_user"):
        lost = (*record.lost, "its text: it is locked for this credential")
        record = dataclasses.replace(record, lost=lost)
    given = rows(item, "overrides")
    if not flag(item, "only_visible_to_overrides") or not given:
        return record
    # An override tells the dates alone that differ from the assignment's own.
    whole = [{**item, **one} for one in given]
    due, opens, closes = (common(whole, name) for name in ("due_at", "unlock_at", "lock_at"))
    raw = {**record.raw, "common_dates": [one and one.isoformat() for one in (due, opens, closes)]}
    record = dataclasses.replace(
        record,
        due_at=due,
        opens_at=opens,
        closes_at=closes,
        shown_from=first(whole, "unlock_at"),
        raw=raw,
    )
    if any(one.get("course_id") for one in given):
        return record
    if all("student_ids" in one or one.get("group_id") for one in given):
        return _unpublished(record, SOME_PEOPLE)
    return dataclasses.replace(record, lost=(*record.lost, SOME_SECTIONS))


def common(given: Sequence[JSONObject], name: str) -> datetime | None:
    """The moment that all have; None where they differ."""
    found = {when(one, name) for one in given}
    return found.pop() if len(found) == 1 else None


def first(given: Sequence[JSONObject], name: str) -> datetime | None:
    """The moment of those that come first; None where some have it from the beginning."""
    found = [when(one, name) for one in given]
    return min(filter(None, found), default=None) if all(found) else None


def dates_of(item: JSONObject) -> list[JSONObject]:
    """The dates of a quiz that are of some people or sections."""
    return [one for one in rows(item, "all_dates") if not flag(one, "base")]


def of_people(dates: Sequence[Mapping[str, Any]]) -> bool:
    """Whether dates are of people or groups alone, and of no section."""
    return bool(dates) and all(one.get("set_type") in _OF_PEOPLE for one in dates)


def _unpublished(record: T, why: str) -> T:
    raw = {**record.raw, **NOT_HERE}
    return dataclasses.replace(record, published=False, lost=(*record.lost, why), raw=raw)
