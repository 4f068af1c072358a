"""Writes a grade and a comment on a submission, if nobody graded it since it was read.

``mod_assign_save_grade`` takes what it is given without a word: it drops a grade that is too high
or locked, gives the lowest grade where it expects a rubric, and takes what is left out (a grade, a
comment, a state of the marking workflow) for emptied. So the assignment is looked at before, what
is not to change is sent back as it stands, and what was kept is looked at behind it.
"""

from __future__ import annotations

import html
from dataclasses import dataclass

from bloop_moodle import work
from bloop_moodle.activities import dicts
from bloop_moodle.course import ASSIGNMENTS
from bloop_moodle.gradable import Gradable, look
from bloop_moodle.participants import ASSIGN_GRADES, GRADES, SUBMISSIONS
from bloop_moodle.rest import Moodle
from bloop_moodle.single import course_module
from bloop_moodle.values import body, identifier, listed, number, words
from bloop_sdk.errors import (
    FatalError,
    PermissionMissingError,
    PreconditionFailedError,
    SkippableError,
    UnsupportedError,
)
from bloop_sdk.providers.content import Precondition, WriteOp, WriteResult
from bloop_sdk.records import JSONObject, Kind, Ref

SAVE = "mod_assign_save_grade"
FLAGS = "mod_assign_get_user_flags"
STATUS = "mod_assign_get_submission_status"
_NO_GRADE = -1
_KEPT = 0.00005
"""Moodle keeps five digits behind the point."""


@dataclass(frozen=True, slots=True)
class _Given:
    """What is to be written: each None where it is not to change."""

    ref: Ref
    user: str
    score: float | None
    comment: str | None


async def save_grade(moodle: Moodle, op: WriteOp, precondition: Precondition) -> WriteResult:
    """``values`` are ``score`` (of the assignment's points) and ``comment`` (plain text).

    Moodle has no conditional write: between the look and the save is one request. A write that was
    done already, as after an answer that was lost, is done.
    """
    cmid, given = _given(op)
    for function in (SAVE, ASSIGN_GRADES, ASSIGNMENTS):
        await moodle.need(function, "writing a grade")
    module = await course_module(moodle, cmid)
    if module.get("modname") != "assign" or identifier(module.get("instance")) is None:
        raise UnsupportedError(
            f"{given.ref}: Moodle takes grades from outside for assignments alone",
            cure="grade it in Moodle",
        )
    gradable = await look(moodle, module)
    gradable.check(given.ref, given.score)
    before = await _grade(moodle, gradable, given.user)
    held = work.version(before)
    item = await _item(moodle, gradable, given.user)
    if before is None and await _reopened(moodle, gradable, given.user):
        if _equal(item, given.score, "graderaw") and _says(item, given.comment):
            return WriteResult(ref=given.ref, remote_version=held)
        raise PreconditionFailedError(
            f"{given.ref} may be handed in again in Moodle, and nobody has done so yet",
            cure="wait for it, or grade the attempt before in Moodle",
        )
    if held != (precondition.remote_version or work.UNGRADED):
        if _equal(before, given.score) and _says(item, given.comment):
            return WriteResult(ref=given.ref, remote_version=held)
        raise PreconditionFailedError(
            f"{given.ref} has been graded in Moodle since it was read",
            cure="read it again, and decide",
        )
    gradable.check_person(given.ref, before, item)
    await _save(moodle, gradable, given, before)
    return await _kept(moodle, gradable, given)


def _given(op: WriteOp) -> tuple[str, _Given]:
    ref = op.ref
    cmid, _, user = ref.remote_id.partition(":") if ref is not None else ("", "", "")
    if ref is None or ref.kind is not Kind.SUBMISSION or not (cmid.isdigit() and user.isdigit()):
        raise FatalError(f"a grade is written to a submission, and {ref} is none")
    score, comment = op.values.get("score"), op.values.get("comment")
    if score is not None and (number(score) is None or float(score) < 0):
        raise FatalError(f"a grade of {score!r} is no number from 0 on")
    if comment is not None and not isinstance(comment, str):
        raise FatalError("a comment is text")
    return cmid, _Given(ref, user, number(score), comment)


async def _save(
    moodle: Moodle, gradable: Gradable, given: _Given, before: JSONObject | None
) -> None:
    """Write, and send back what is not to change: Moodle takes what is missing for emptied."""
    present = number(before.get("grade")) if before else None
    score = given.score if given.score is not None else present
    if given.comment is not None:
        text = html.escape(given.comment, quote=False).replace("\n", "<br>")
    else:
        text = await _comment(moodle, gradable, given) if before else ""
    state = await _state(moodle, gradable, given) if gradable.workflow else ""
    await moodle.call(
        SAVE,
        write=True,
        assignmentid=gradable.assignment,
        userid=given.user,
        grade=_NO_GRADE if score is None else score,
        attemptnumber=-1,
        addattempt=False,
        workflowstate=state,
        applytoall=False,
        plugindata={"assignfeedbackcomments_editor": {"text": text, "format": 1}},
    )


async def _kept(moodle: Moodle, gradable: Gradable, given: _Given) -> WriteResult:
    """What Moodle holds now; raises FatalError where that is another grade than was given."""
    after = await _grade(moodle, gradable, given.user)
    begun = after is None and gradable.reopens
    if not begun and not _equal(after, given.score):
        raise FatalError(
            f"{given.ref}: Moodle said yes, and did not keep the grade",
            cure="look in Moodle's gradebook whether the grade is locked or overridden",
        )
    return WriteResult(ref=given.ref, remote_version=work.version(after))


def _equal(graded: JSONObject | None, score: float | None, key: str = "grade") -> bool:
    """Whether a grade is the one to be written, if there is one to be written."""
    found = number(graded.get(key)) if graded is not None else None
    return score is None or (found is not None and abs(found - score) <= _KEPT)


async def _reopened(moodle: Moodle, gradable: Gradable, user: str) -> bool:
    """Whether a grade began another attempt, which nobody has handed in."""
    if not gradable.reopens or not await moodle.has(SUBMISSIONS):
        return False
    assignment = gradable.assignment
    answer = await moodle.call(SUBMISSIONS, assignmentids=[assignment])
    listed(answer, "assignments", SUBMISSIONS)
    found: work.Work = {}
    work.gather(found, "submission", {assignment: assignment}, answer)
    return found.get((assignment, user), {}).get("submission", {}).get("status") == "reopened"


async def _comment(moodle: Moodle, gradable: Gradable, given: _Given) -> str:
    """The comment that stands in Moodle, as HTML."""
    cure = "write the comment together with the score"
    if not await moodle.has(STATUS):
        raise UnsupportedError(
            f"{given.ref}: a score alone would delete a comment in Moodle, and without {STATUS} "
            "nobody knows whether there is one",
            cure=f"{cure}, or add {STATUS} to the external service in Moodle",
        )
    answer = await moodle.call(STATUS, assignid=gradable.assignment, userid=given.user)
    feedback = answer.get("feedback") if isinstance(answer, dict) else None
    if gradable.workflow and not isinstance(feedback, dict):
        raise UnsupportedError(
            f"{given.ref}: a score alone would delete a comment in Moodle, which shows none "
            "before the grade is released",
            cure=cure,
        )
    fields = [
        field
        for plugin in dicts(feedback.get("plugins") if isinstance(feedback, dict) else None)
        if plugin.get("type") == "comments"
        for field in dicts(plugin.get("editorfields"))
    ]
    text = next((body(one.get("text")) for one in fields if one.get("name") == "comments"), "")
    if "pluginfile.php" in text:
        raise UnsupportedError(
            f"{given.ref}: its comment in Moodle shows files, which writing a score would lose",
            cure="grade it in Moodle",
        )
    return text


async def _state(moodle: Moodle, gradable: Gradable, given: _Given) -> str:
    """Where a person's work is in the marking workflow; empty where nobody began."""
    await moodle.need(FLAGS, f"{given.ref}: writing a grade in a marking workflow")
    answer = await moodle.call(FLAGS, assignmentids=[gradable.assignment])
    flags = [
        one
        for each in listed(answer, "assignments", FLAGS)
        for one in dicts(each.get("userflags"))
        if identifier(one.get("userid")) == given.user
    ]
    return body(flags[-1].get("workflowstate")) if flags else ""


async def _grade(moodle: Moodle, gradable: Gradable, user: str) -> JSONObject | None:
    """A person's newest grade on an assignment."""
    assignment = gradable.assignment
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


async def _item(moodle: Moodle, gradable: Gradable, user: str) -> JSONObject | None:
    """What the gradebook says of a person's grade, where it may be asked."""
    if not await moodle.has(GRADES):
        return None
    try:
        answer = await moodle.call(GRADES, courseid=gradable.course, userid=user)
    except (PermissionMissingError, SkippableError):
        return None
    listed(answer, "usergrades", GRADES)
    found: work.Work = {}
    work.gather_items(found, answer)
    return found.get((gradable.cmid, user), {}).get("item")


def _says(item: JSONObject | None, comment: str | None) -> bool:
    """Whether the feedback that Moodle holds is this comment."""
    if comment is None:
        return True
    return item is not None and words(item.get("feedback")) == " ".join(comment.split())
