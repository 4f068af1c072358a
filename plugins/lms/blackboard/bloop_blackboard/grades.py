"""Grades: of each column only what has changed since its last change index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic import ValidationError

from bloop_blackboard.api import Api
from bloop_blackboard.contents import Contents
from bloop_blackboard.gradebook import COLUMNS, Graded, columns_of
from bloop_blackboard.wire import Attempt, Column, DisplayGrade, Grade, fault
from bloop_sdk import (
    Batch,
    Comment,
    Cursor,
    Kind,
    MissingRecordError,
    PermissionMissingError,
    Ref,
    Skipped,
    Submission,
    SubmissionState,
    UnsupportedError,
)
from bloop_sdk.records import JSONObject

_ATTEMPTS = "id,userId,status,created,attemptDate,modified,feedback,score"
_GRADES = "userId,columnId,status,displayGrade,overridden,feedback,exempt,changeIndex"
"""Not the notes that teachers make for themselves."""

_UNFINISHED = frozenset({"NotAttempted", "InProgress", "Abandoned", "Suspended", "Canceled"})


class Grades:
    """Reads submissions; which item a column is about is kept in the cursor."""

    def __init__(self, api: Api, contents: Contents) -> None:
        self._api = api
        self._contents = contents

    async def read(self, course: str, state: Cursor | None) -> AsyncIterator[Batch]:
        """Column by column, each with its own commit."""
        if not await self._api.has(COLUMNS):
            raise UnsupportedError("grades need Learn 3200.10 or newer")
        kept: Any = state.value.get("columns") if state is not None else None
        before: dict[str, JSONObject] = dict(kept) if isinstance(kept, dict) else {}
        columns, _ = await columns_of(self._api, course)
        refs: Mapping[str, Ref] = {}
        if any(one.column.content_id and one.column.id not in before for one in columns):
            refs = await self._contents.kinds(course)
        # A column that this run has not come to yet is none that is known.
        now = {one.column.id: before[one.column.id] for one in columns if one.column.id in before}
        for number, graded in enumerate(columns, 1):
            entry = now.get(graded.column.id, {})
            about = str(entry.get("ref") or graded.ref(course, refs))
            basis = _basis(graded.column)
            index = int(entry.get("index") or 0) if entry.get("basis") == basis else 0
            batch, index = await self._column(course, graded, _ref(about), index)
            now[graded.column.id] = {"ref": about, "basis": basis, "index": index}
            yield Batch(
                records=batch.records,
                skipped=batch.skipped,
                cursor=Cursor({"columns": dict(now)}),
                done=number,
                total=len(columns),
            )

    async def fetch(self, course: str, column: str, user: str) -> Submission | Skipped:
        """One submission; raises MissingRecordError."""
        columns, _ = await columns_of(self._api, course)
        graded = next((one for one in columns if one.column.id == column), None)
        if graded is None:
            raise MissingRecordError(f"the course {course} has no column {column}")
        path = f"/v2/courses/{course}/gradebook/columns/{column}"
        row = await self._api.get(f"{path}/users/{user}", {"fields": _GRADES})
        attempts = await self._attempts(path, graded, {"userId": user})
        about = graded.ref(course, await self._contents.kinds(course))
        return _made(course, graded, about, row, attempts)

    async def _column(
        self, course: str, graded: Graded, about: Ref, index: int
    ) -> tuple[Batch, int]:
        path = f"/v2/courses/{course}/gradebook/columns/{graded.column.id}"
        since: dict[str, str | int] = {"changeIndex": index} if index else {}
        try:
            rows = await self._api.all(f"{path}/users", {"fields": _GRADES, **since}, key="userId")
            attempts = await self._attempts(path, graded) if rows else {}
        except PermissionMissingError as err:
            ref = f"submission:{course}/{graded.column.id}/grades"
            skipped = Skipped(ref=ref, reason=err.message, code="record_forbidden")
            return Batch(skipped=(skipped,)), index
        except MissingRecordError:
            return Batch(), index  # No grade yet, or the column has gone meanwhile.
        records: list[Submission] = []
        refused: list[Skipped] = []
        for row in rows:
            made = _made(course, graded, about, row, attempts)
            if isinstance(made, Skipped):
                refused.append(made)
            else:
                index = max(index, int(row.get("changeIndex") or 0))
                records.append(made)
        return Batch(records=tuple(records), skipped=tuple(refused)), index

    async def _attempts(
        self, path: str, graded: Graded, params: Mapping[str, str] | None = None
    ) -> Mapping[str, list[tuple[Attempt, JSONObject]]]:
        """The attempts of each person, oldest first."""
        found: defaultdict[str, list[tuple[Attempt, JSONObject]]] = defaultdict(list)
        if graded.column.grading.type != "Attempts":
            return found
        for row in await self._api.all(f"{path}/attempts", {"fields": _ATTEMPTS, **(params or {})}):
            try:
                attempt = Attempt.model_validate(row)
            except ValidationError:
                continue  # The grade itself is whole.
            if attempt.user_id is not None:
                found[attempt.user_id].append((attempt, row))
        for mine in found.values():
            mine.sort(key=lambda pair: (_text(pair[0].created), pair[0].id))
        return found


def _made(
    course: str,
    graded: Graded,
    about: Ref,
    row: JSONObject,
    attempts: Mapping[str, list[tuple[Attempt, JSONObject]]],
) -> Submission | Skipped:
    try:
        grade = Grade.model_validate(row)
    except ValidationError as err:
        ref = f"submission:{course}/{graded.column.id}/{row.get('userId')}"
        return Skipped(ref=ref, reason=fault(err), raw=row)
    mine = attempts.get(grade.user_id, [])
    return _submission(course, graded, about, grade, row, mine)


def _submission(
    course: str,
    graded: Graded,
    about: Ref,
    grade: Grade,
    row: JSONObject,
    attempts: list[tuple[Attempt, JSONObject]],
) -> Submission:
    column = graded.column
    done = [one for one, _ in attempts if one.status not in _UNFINISHED]
    newest = done[-1] if done else None
    submitted = (newest.attempt_date or newest.created) if newest else None
    due = column.grading.due
    said = [(newest.feedback, newest.modified)] if newest else []
    said.append((grade.feedback, grade.overridden))
    return Submission(
        remote_id=f"{course}/{column.id}/{grade.user_id}",
        raw={
            **row,
            "attempts": [attempt for _, attempt in attempts],
            "possible": column.score.possible,
            "due": _text(due),
            **({"released": False} if column.is_hidden else {}),
        },
        updated_at=newest.modified if newest else None,
        container=course,
        person=grade.user_id,
        content=about,
        state=_state(grade, newest, hidden=column.is_hidden),
        attempt=len(done) or None,
        score=_score(grade.display_grade, column.score.possible),
        points=column.score.possible,
        grade=_shown(grade.display_grade),
        late=bool(submitted and due and submitted > due),
        submitted_at=submitted,
        graded_at=grade.overridden or (newest.modified if newest and _is_done(grade) else None),
        comments=tuple(Comment(text=text, at=at) for text, at in said if text),
    )


def _is_done(grade: Grade) -> bool:
    return grade.status == "Graded"


def _basis(column: Column) -> list[Any]:
    """What of a column its grades depend on: where it is another, all of them are read again."""
    found: list[Any] = [column.score.possible, _text(column.grading.due)]
    return [*found, "hidden"] if column.is_hidden else found


def _state(grade: Grade, newest: Attempt | None, *, hidden: bool) -> SubmissionState:
    if grade.exempt:
        return SubmissionState.EXCUSED
    if _is_done(grade) and hidden:
        return SubmissionState.UNRELEASED
    if _is_done(grade):
        return SubmissionState.GRADED
    if newest is not None or grade.status == "NeedsGrading":
        return SubmissionState.SUBMITTED
    return SubmissionState.UNSUBMITTED


def _score(shown: DisplayGrade, possible: float | None) -> float | None:
    """Points; where a column shows per cent, they are made from them."""
    if shown.score is None or shown.scale_type != "Percent":
        return shown.score
    return None if possible is None else shown.score * possible / 100


def _shown(shown: DisplayGrade) -> str | None:
    if shown.text:
        return shown.text
    if shown.score is None:
        return None
    return f"{shown.score:g} %" if shown.scale_type == "Percent" else f"{shown.score:g}"


def _ref(text: str) -> Ref:
    kind, _, remote_id = text.partition(":")
    return Ref(Kind(kind), remote_id)


def _text(moment: Any) -> str:
    return moment.isoformat() if moment is not None else ""
