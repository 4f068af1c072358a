"""Single records, as they are now: for retries, and before a write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bloop_moodle.course import CourseReader
from bloop_moodle.ledger import Made, ref_of
from bloop_moodle.materials import part_records
from bloop_moodle.outline import Outline
from bloop_moodle.participants import PeopleReader
from bloop_moodle.rest import Moodle
from bloop_moodle.values import identifier
from bloop_sdk.errors import MissingRecordError, PermissionMissingError
from bloop_sdk.records import (
    CONTAINER_KINDS,
    Batch,
    Container,
    JSONObject,
    Kind,
    Record,
    Ref,
    Skipped,
)

MODULE = "core_course_get_course_module"


async def fetch(
    moodle: Moodle, courses: CourseReader, people: PeopleReader, refs: Sequence[Ref]
) -> Batch:
    """The records of some refs; what there is none of is skipped."""
    found: dict[Ref, Record] = {}
    skipped: dict[str, Skipped] = {}
    if any(ref.kind in CONTAINER_KINDS for ref in refs):
        for one in await people.courses():
            if isinstance(one, Container):
                found[Ref(one.kind, one.remote_id)] = one
    finder = _Finder(moodle, courses, people)
    for ref in refs:
        owner = _owner(ref)
        if ref in found or owner is None:
            continue
        made = await finder.made(owner, ref.kind)
        found |= {ref_of(record): record for record in made.records}
        skipped |= {one.ref: one for one in made.skipped}
    return Batch(
        records=tuple(found[ref] for ref in refs if ref in found),
        skipped=tuple(skipped.get(str(ref), _missing(ref)) for ref in refs if ref not in found),
    )


async def course_module(moodle: Moodle, cmid: str) -> JSONObject:
    """A course module; raises MissingRecordError where there is none."""
    await moodle.need(MODULE, "fetching single records")
    answer = await moodle.call(MODULE, cmid=cmid)
    module = answer.get("cm") if isinstance(answer, dict) else None
    if not isinstance(module, dict) or identifier(module.get("course")) is None:
        raise MissingRecordError(f"Moodle knows no course module {cmid}")
    return module


def _owner(ref: Ref) -> str | None:
    """The module (or ``@`` the course of a section's summary) that a record's id begins with."""
    before, found, course = ref.remote_id.partition("@")
    if found:
        return f"@{course}" if course.isdigit() and before else None
    owner = ref.remote_id.removeprefix("node-").removeprefix("cm")
    owner = owner.partition("-")[0].partition(":")[0].partition("/")[0]
    return owner if owner.isdigit() else None


def _missing(ref: Ref) -> Skipped:
    return Skipped(
        ref=str(ref),
        reason="Moodle does not have it, or not for this account",
        code="record_missing",
    )


class _Finder:
    """Everything of an owner; each is asked for once."""

    def __init__(self, moodle: Moodle, courses: CourseReader, people: PeopleReader) -> None:
        self._moodle = moodle
        self._courses = courses
        self._people = people
        self._outlines: dict[str, Outline] = {}
        self._made: dict[tuple[str, bool], Made] = {}

    async def made(self, owner: str, kind: Kind) -> Made:
        """The records of an owner: its content, or its submissions."""
        key = (owner, kind is Kind.SUBMISSION)
        if key not in self._made:
            try:
                self._made[key] = await self._make(*key)
            except (MissingRecordError, PermissionMissingError):
                self._made[key] = Made()
        return self._made[key]

    async def _make(self, owner: str, submissions: bool) -> Made:  # noqa: FBT001 - a cache's key
        if owner.startswith("@"):
            outline = await self._outline(owner[1:])
            made = Made()
            for part in outline.parts:
                made.records += part_records(outline.course, part).records
            return made
        module: Any = await course_module(self._moodle, owner)
        outline = await self._outline(str(identifier(module["course"])))
        if owner not in outline.modules:
            return Made()
        if submissions:
            return Made([*await self._people.submissions(outline, owner)])
        made = await self._courses.made(outline, outline.modules[owner])
        if not outline.modules[owner].open:
            ref = str(outline.modules[owner].content)
            reason = outline.modules[owner].restriction
            made.skipped.append(Skipped(ref=ref, reason=reason, code="record_forbidden"))
        return made

    async def _outline(self, course: str) -> Outline:
        if course not in self._outlines:
            self._outlines[course] = await self._courses.whole_outline(course)
        return self._outlines[course]
