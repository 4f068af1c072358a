"""Writes a grade and a comment on a submission, if nobody graded it since it was read."""

from __future__ import annotations

import html

from bloop_moodle import work
from bloop_moodle.activities import dicts
from bloop_moodle.participants import ASSIGN_GRADES, GRADES
from bloop_moodle.rest import Moodle
from bloop_moodle.single import course_module
from bloop_moodle.values import identifier, listed, number, words
from bloop_sdk.errors import (
    FatalError,
    PermissionMissingError,
    PreconditionFailedError,
    UnsupportedError,
)
from bloop_sdk.providers.content import Precondition, WriteOp, WriteResult
from bloop_sdk.records import JSONObject, Kind

SAVE = "mod_assign_save_grade"
_NO_GRADE = -1


async def save_grade(moodle: Moodle, op: WriteOp, precondition: Precondition) -> WriteResult:
    """``values`` are ``score`` (of the assignment's points) and ``comment`` (plain text).

    Moodle has no conditional write: between the look and the save is one request. A write that was
    done already, as after an answer that was lost, is done.
    """
    ref = op.ref
    cmid, _, user = ref.remote_id.partition(":") if ref is not None else ("", "", "")
    if ref is None or ref.kind is not Kind.SUBMISSION or not (cmid.isdigit() and user.isdigit()):
        raise FatalError(f"a grade is written to a submission, and {ref} is none")
    score, comment = _values(op)
    for function in (SAVE, ASSIGN_GRADES):
        await moodle.need(function, "writing a grade")
    module = await course_module(moodle, cmid)
    assignment = identifier(module.get("instance"))
    if module.get("modname") != "assign" or assignment is None:
        raise UnsupportedError(
            f"{ref}: Moodle takes grades from outside for assignments alone",
            cure="grade it in Moodle",
        )
    before = await _grade(moodle, assignment, user)
    if work.version(before) != (precondition.remote_version or work.UNGRADED):
        same = before is not None and number(before.get("grade")) == score
        if same and await _says(moodle, str(module["course"]), cmid, user, comment):
            return WriteResult(ref=ref, remote_version=work.version(before))
        raise PreconditionFailedError(
            f"{ref} has been graded in Moodle since it was read", cure="read it again, and decide"
        )
    await moodle.call(
        SAVE,
        write=True,
        assignmentid=assignment,
        userid=user,
        grade=_NO_GRADE if score is None else score,
        attemptnumber=-1,
        addattempt=False,
        workflowstate="",
        applytoall=False,
        plugindata=_feedback(comment),
    )
    return WriteResult(ref=ref, remote_version=work.version(await _grade(moodle, assignment, user)))


def _values(op: WriteOp) -> tuple[float | None, str | None]:
    score, comment = op.values.get("score"), op.values.get("comment")
    if score is not None and (number(score) is None or float(score) < 0):
        raise FatalError(f"a grade of {score!r} is no number from 0 on")
    if comment is not None and not isinstance(comment, str):
        raise FatalError("a comment is text")
    return number(score), comment


def _feedback(comment: str | None) -> JSONObject | None:
    if comment is None:
        return None
    text = html.escape(comment, quote=False).replace("\n", "<br>")
    return {"assignfeedbackcomments_editor": {"text": text, "format": 1}}


async def _grade(moodle: Moodle, assignment: str, user: str) -> JSONObject | None:
    """A person's newest grade on an assignment."""
    answer = await moodle.call(ASSIGN_GRADES, assignmentids=[assignment])
    listed(answer, "assignments", ASSIGN_GRADES)
    for warning in dicts(answer.get("warnings")):
        # 3 says that there are no grades yet, 1 that this account may not see them.
        if str(warning.get("warningcode")) == "1":
            raise PermissionMissingError(
                f"{ASSIGN_GRADES}: {words(warning.get('message'))}",
                permission="mod/assign:grade",
                cure="give the account's role mod/assign:grade in the course",
            )
    found: work.Work = {}
    work.gather(found, "grade", {assignment: assignment}, answer)
    return found.get((assignment, user), {}).get("grade")


async def _says(moodle: Moodle, course: str, cmid: str, user: str, comment: str | None) -> bool:
    """Whether the feedback that Moodle holds is this comment."""
    if comment is None:
        return True
    if not await moodle.has(GRADES):
        return False
    answer = await moodle.call(GRADES, courseid=course, userid=user)
    items = [
        item
        for one in listed(answer, "usergrades", GRADES)
        for item in dicts(one.get("gradeitems"))
    ]
    wanted = " ".join(comment.split())
    return any(
        identifier(item.get("cmid")) == cmid and words(item.get("feedback")) == wanted
        for item in items
    )
