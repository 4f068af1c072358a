"""Submissions, grades, completion and dates, from Moodle's answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bloop_moodle.activities import dicts
from bloop_moodle.outline import Outline, content_ref
from bloop_moodle.values import (
    LONGEST,
    body,
    flag,
    identifier,
    integer,
    moment,
    name,
    number,
    without,
    words,
)
from bloop_sdk.records import (
    CalendarEvent,
    Comment,
    Completion,
    CompletionState,
    JSONObject,
    Kind,
    Skipped,
    Submission,
    SubmissionState,
)

_COMPLETION = {
    0: CompletionState.INCOMPLETE,
    1: CompletionState.COMPLETE,
    2: CompletionState.PASSED,
    3: CompletionState.FAILED,
}
_IN_WORKFLOW = frozenset(
    {"notmarked", "inmarking", "readyforreview", "inreview", "readyforrelease"}
)
"""States of a marking workflow in which learners are not shown a grade."""
UNGRADED = "ungraded"

Work = dict[tuple[str, str], dict[str, JSONObject]]
"""What is known of a person's work on a module, by (cmid, user id): ``submission``, ``grade`` (of
``mod_assign``) and ``item`` (of the gradebook)."""


def gather(work: Work, key: str, assignments: Mapping[str, str], answer: Any) -> None:
    """Add the newest attempts of ``mod_assign_get_submissions`` or ``mod_assign_get_grades``.

    ``assignments`` are course module ids by the id of the assignment.
    """
    for one in dicts(answer.get("assignments") if isinstance(answer, dict) else None):
        cmid = assignments.get(str(one.get("assignmentid")))
        for found in dicts(one.get(f"{key}s")):
            user = identifier(found.get("userid"))
            if cmid is None or user is None:
                continue
            known = work.setdefault((cmid, user), {})
            if _attempt(found) >= _attempt(known.get(key)):
                known[key] = found


def of_teams(answer: Any) -> bool:
    """Whether ``mod_assign_get_submissions`` tells of work that a group handed in together."""
    return any(
        identifier(found.get("userid")) is None
        for one in dicts(answer.get("assignments"))
        for found in dicts(one.get("submissions"))
    )


def gather_teams(
    work: Work, assignments: Mapping[str, str], answer: Any, members: Mapping[str, list[str]]
) -> None:
    """Add a group's work for each of its members: Moodle keeps a row for who pressed the button.

    ``members`` are user ids by group, those of who is in none by ``"0"``.
    """
    for one in dicts(answer.get("assignments")):
        cmid = assignments.get(str(one.get("assignmentid")))
        for found in dicts(one.get("submissions")):
            if cmid is None or identifier(found.get("userid")) is not None:
                continue
            for user in members.get(identifier(found.get("groupid")) or "0", ()):
                known = work.setdefault((cmid, user), {})
                if _attempt(found) > _attempt(known.get("submission")):
                    known["submission"] = {**found, "userid": integer(user)}


def gather_items(work: Work, answer: Any) -> None:
    """Add the gradebook's items, from ``gradereport_user_get_grade_items``."""
    for one in dicts(answer.get("usergrades") if isinstance(answer, dict) else None):
        user = identifier(one.get("userid"))
        for item in dicts(one.get("gradeitems")):
            cmid = identifier(item.get("cmid"))
            if item.get("itemtype") != "mod" or user is None or cmid is None:
                continue
            # A workshop has two items: the first one is its grade.
            if not integer(item.get("itemnumber")):
                work.setdefault((cmid, user), {})["item"] = item


def _attempt(found: JSONObject | None) -> int:
    return -1 if found is None else integer(found.get("attemptnumber")) or 0


def submission(
    course: str,
    key: tuple[str, str],
    known: dict[str, JSONObject],
    due: datetime | None = None,
) -> Submission:
    """A person's work on a module, as far as each of the three sources tells of it."""
    cmid, user = key
    sent, graded, item = (known.get(name, {}) for name in ("submission", "grade", "item"))
    kind = str(item.get("itemmodule") or "assign")
    score = number(item.get("graderaw"))
    if score is None:
        score = number(graded.get("grade"))
    score = score if score is None or score >= 0 else None
    shown = words(item.get("gradeformatted"))[:80]
    feedback = words(item.get("feedback"))
    handed_in = sent.get("status") == "submitted" or (
        not sent and bool(item.get("gradedatesubmitted"))
    )
    submitted = moment(item.get("gradedatesubmitted"))
    if handed_in and sent:
        submitted = moment(sent.get("timemodified"))
    grader = identifier(graded.get("grader"))
    graded_at = moment(graded.get("timemodified")) or moment(item.get("gradedategraded"))
    attempt = integer(sent.get("attemptnumber", graded.get("attemptnumber")))
    hidden = score is not None and _is_hidden(sent, item)
    raw = {
        **({"released": False} if hidden else {}),
        "due": due.isoformat() if due is not None else None,
        "submission": without(sent, "gradingstatus"),
        "grade": graded,
        "item": without(item, "weightraw", "weightformatted", "gradeislocked", "locked", "status"),
    }
    return Submission(
        remote_id=f"{cmid}:{user}",
        container=course,
        person=user,
        content=content_ref(kind, cmid),
        state=SubmissionState.UNRELEASED if hidden else _state(score, handed_in=handed_in),
        attempt=None if attempt is None else attempt + 1,
        score=score,
        points=number(item.get("grademax")),
        grade=shown if shown and shown != "-" else None,
        late=due is not None and submitted is not None and submitted > due,
        submitted_at=submitted,
        graded_at=graded_at if score is not None else None,
        comments=(Comment(text=feedback, person=grader, at=graded_at),) if feedback else (),
        raw=raw,
        remote_version=version(graded) if kind == "assign" else None,
        created_at=moment(sent.get("timecreated")),
        updated_at=moment(sent.get("timemodified")),
        lost=("its files",) if _has_files(sent) else (),
    )


def version(graded: JSONObject | None) -> str:
    """What a write of a grade is conditional on: attempt, time and grade."""
    score = number(graded.get("grade")) if graded else None
    if not graded or score is None or score < 0:
        return UNGRADED
    return f"{_attempt(graded)}:{integer(graded.get('timemodified')) or 0}:{score:g}"


def _is_hidden(sent: JSONObject, item: JSONObject) -> bool:
    """Whether Moodle does not show a grade that there is to its learner.

    Hidden in the gradebook; or given in a marking workflow, from which only what is released comes
    into the gradebook.
    """
    if item:
        waits = number(item.get("graderaw")) is None and not flag(item.get("gradeneedsupdate"))
        return waits or flag(item.get("gradeishidden"))
    return sent.get("gradingstatus") in _IN_WORKFLOW


def _state(score: float | None, *, handed_in: bool) -> SubmissionState:
    if score is not None:
        return SubmissionState.GRADED
    return SubmissionState.SUBMITTED if handed_in else SubmissionState.UNSUBMITTED


def _has_files(sent: JSONObject) -> bool:
    areas = (
        area for plugin in dicts(sent.get("plugins")) for area in dicts(plugin.get("fileareas"))
    )
    return any(dicts(area.get("files")) for area in areas)


def completion(course: str, user: str, found: JSONObject) -> Completion | Skipped | None:
    """How far a person is with a module; None where that is not tracked for them."""
    cmid = identifier(found.get("cmid"))
    state = integer(found.get("state"))
    if cmid is None or state not in _COMPLETION:
        ref = f"{Kind.COMPLETION}:{found.get('cmid')}:{user}"
        return Skipped(ref=ref, reason="the completion has no module or no state", raw=found)
    if not flag(found.get("istrackeduser", True)):
        return None
    return Completion(
        remote_id=f"{cmid}:{user}",
        container=course,
        person=user,
        content=content_ref(str(found.get("modname")), cmid),
        state=_COMPLETION[state],
        completed_at=moment(found.get("timecompleted")),
        raw=without(found, "details", "overrideby"),
    )


def event(base: str, outline: Outline, found: JSONObject) -> CalendarEvent | Skipped | None:
    """An event of the course; None for one of a person, or that learners are not shown."""
    remote_id, starts = identifier(found.get("id")), moment(found.get("timestart"))
    if remote_id is None or starts is None:
        ref = f"{Kind.CALENDAR_EVENT}:{found.get('id')}"
        return Skipped(ref=ref, reason="the event has no id or no time", raw=found)
    if identifier(found.get("courseid")) != outline.course:
        return None
    module = outline.by_instance(str(found.get("modulename") or ""), found.get("instance"))
    # When something has to be graded is for who grades: Moodle's own calendar looks at that.
    if found.get("eventtype") == "gradingdue" or (module is not None and not module.published):
        return None
    seconds = number(found.get("timeduration")) or 0
    return CalendarEvent(
        remote_id=remote_id,
        container=outline.course,
        title=name(found.get("name"), "Event"),
        html=body(found.get("description")),
        starts_at=starts,
        ends_at=starts + timedelta(seconds=min(seconds, 10**9)) if seconds > 0 else None,
        location=words(found.get("location"))[:LONGEST],
        content=content_ref(module.type, module.cmid) if module is not None else None,
        raw=without(found, "userid"),
        updated_at=moment(found.get("timemodified")),
        url=f"{base}/calendar/view.php?view=day&time={int(starts.timestamp())}",
    )
