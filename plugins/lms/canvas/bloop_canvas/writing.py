"""Grades, written back: one submission's grade and a comment on it.

Canvas has no version of a submission and no conditional request. So it is read, compared, written
and read once more; between reading and writing somebody else may grade, for as long as two requests
take, and what they wrote is overwritten. Reading once more tells where the later word was theirs.
"""

from __future__ import annotations

from typing import Any

from bloop_canvas import learning
from bloop_canvas.api import Api
from bloop_canvas.fetching import COMMENTS
from bloop_canvas.fields import flag, number, rows
from bloop_canvas.ids import parts_of
from bloop_canvas.typed import Typed
from bloop_sdk import (
    FatalError,
    Kind,
    MalformedRecordError,
    Precondition,
    PreconditionFailedError,
    UnsupportedError,
    WriteOp,
    WriteResult,
)
from bloop_sdk.records import JSONObject

GRADE = "grade"
_SAME_GRADE = {"pass": "complete", "fail": "incomplete"}
_SUMMED = 1e-6
"""What sums of binary fractions may be off."""


async def write(api: Api, typed: Typed, op: WriteOp, precondition: Precondition) -> WriteResult:
    """Give a grade: ``values`` are of ``score``, ``grade``, ``excused`` and ``comment``.

    A write that comes again, as after an answer that was lost, has one effect: a submission that
    is not as expected any more, and is as it was to become, has been written.
    """
    if op.kind != GRADE:
        raise UnsupportedError(f"{op.kind}: of Canvas nothing is written but {GRADE}")
    if op.ref is None or op.ref.kind is not Kind.SUBMISSION:
        raise FatalError(f"{op.kind}: a grade is of a submission, and {op.ref} is none")
    changes = _changes(op.values)
    course, assignment, user = parts_of(op.ref, 3)
    path = f"courses/{course}/assignments/{assignment}/submissions/{user}"
    before = await api.get(path, COMMENTS)
    if not _expected(before, precondition):
        if not _holds(before, op.values):
            raise PreconditionFailedError(
                f"{op.ref} has changed in Canvas since it was read",
                cure="read the submission again, and decide",
            )
        return WriteResult(ref=op.ref, remote_version=learning.version(before))
    await typed.grade(course, assignment, user, changes)
    after = await api.get(path, COMMENTS)
    if not _holds(after, op.values):
        raise PreconditionFailedError(
            f"{op.ref}: Canvas took the grade, and holds another one now",
            cure="read the submission again, and decide",
        )
    return WriteResult(ref=op.ref, remote_version=learning.version(after))


def _changes(values: JSONObject) -> dict[str, Any]:
    unknown = values.keys() - {"score", "grade", "excused", "comment"}
    if unknown or not values:
        raise FatalError(f"grade: {', '.join(sorted(unknown)) or 'no values'} cannot be written")
    try:
        number(values, "score")
    except MalformedRecordError as err:
        raise FatalError(f"grade: {err}") from err
    changes: dict[str, Any] = {}
    if values.get("excused"):
        changes["submission"] = {"excuse": "true"}
    elif "score" in values or "grade" in values:
        given = values.get("grade", values.get("score"))
        grade = f"{given:.12g}" if isinstance(given, float) else str(given)
        changes["submission"] = {"posted_grade": grade}
        if "grade" not in values:
            # In a scheme of numbers, such as 1 to 6, Canvas takes points for one of its grades.
            changes["prefer_points_over_scheme"] = "true"
    if values.get("comment"):
        changes["comment"] = {"text_comment": str(values["comment"])}
    return changes


def _holds(item: JSONObject, values: JSONObject) -> bool:
    """Whether a submission is as it would be after the write."""
    graded = values.keys() & {"score", "grade", "excused"}
    if graded and flag(item, "excused") != bool(values.get("excused")):
        return False
    if not values.get("excused"):
        if "grade" in values and not _is_grade(item, str(values["grade"])):
            return False
        if "score" in values and not _is_score(item, number(values, "score")):
            return False
    comment = values.get("comment")
    return not comment or any(
        one.get("comment") == str(comment) for one in rows(item, "submission_comments")
    )


def _is_score(item: JSONObject, wanted: float | None) -> bool:
    """Whether that score was given: a late policy takes points off what was entered.

    Canvas tells what was entered as what is left and what was taken, of which more may have been
    taken than there was.
    """
    score, taken = number(item, "score"), number(item, "points_deducted") or 0.0
    if score is None or wanted is None:
        return score is wanted
    return abs(score + taken - wanted) < _SUMMED or (score == 0 and 0 <= wanted <= taken)


def _is_grade(item: JSONObject, wanted: str) -> bool:
    """Whether that grade was given: Canvas writes it down as the assignment is graded."""
    names = ("entered_grade", "grade")
    told = {str(item[name]).strip().casefold() for name in names if item.get(name) is not None}
    wanted = wanted.strip().casefold()
    if {wanted, _SAME_GRADE.get(wanted)} & told:
        return True
    try:
        return _is_score(item, float(wanted))
    except ValueError:
        return False


def _expected(item: JSONObject, precondition: Precondition) -> bool:
    """Whether a submission is at the version that is expected; None expects neither word on it."""
    if precondition.remote_version is not None:
        return precondition.remote_version == learning.version(item)
    touched = item.get("grade") is not None or rows(item, "submission_comments")
    return not touched and not flag(item, "excused")
