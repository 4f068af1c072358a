"""What people have done: their submissions with grades, and how far they are in the modules."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from bloop_canvas.fields import (
    address,
    flag,
    identifier,
    kept,
    number,
    rows,
    some,
    text,
    when,
    whole,
)
from bloop_canvas.place import Place
from bloop_sdk import Comment, Completion, CompletionState, Ref, Submission, SubmissionState
from bloop_sdk.records import JSONObject

# Seconds late grow while nothing comes in; the addresses of what was handed in end soon.
_NOISE = frozenset(
    {
        "seconds_late",
        "preview_url",
        "user",
        "assignment",
        "course",
        "submission_history",
        "submission_comments",
        "attachments",
        "media_comment",
        "read_status",
        "read_state",
        "cached_due_date",
        "anonymous_id",
        "has_postable_comments",
        "redo_request",
        "rubric_assessment",
    }
)


@dataclass(frozen=True, slots=True)
class Graded:
    """What an assignment's grades belong to, and of how many points they are.

    ``anonymous`` says that Canvas tells teachers whose work it is in its API alone, ``published``
    whether it lists submissions of it at all.
    """

    ref: Ref
    points: float | None
    anonymous: bool = False
    published: bool = True


def submission(place: Place, item: JSONObject, graded: Graded) -> Submission:
    """Somebody's newest attempt; its version is a hash, for Canvas has none."""
    lost = []
    if rows(item, "attachments") or item.get("media_comment"):
        lost.append("the files that were handed in")
    if item.get("body") or item.get("url"):
        lost.append("the text or address that was handed in")
    if item.get("rubric_assessment"):
        lost.append("the points by criteria of the rubric")
    comments = [_comment(one) for one in rows(item, "submission_comments")]
    state = _state(item)
    return Submission(
        remote_id=place.id(
            identifier(item, "assignment_id", "assignments_id"), identifier(item, "user_id")
        ),
        container=place.course,
        person=identifier(item, "user_id"),
        content=graded.ref,
        state=state,
        attempt=whole(item, "attempt"),
        score=number(item, "score"),
        points=graded.points,
        grade=some(item, "grade"),
        late=flag(item, "late"),
        submitted_at=when(item, "submitted_at"),
        graded_at=when(item, "graded_at"),
        comments=tuple(comments),
        url=address(item),
        remote_version=version(item),
        lost=tuple(lost),
        raw={
            **kept(item, _NOISE),
            **({"released": False} if state is SubmissionState.UNRELEASED else {}),
            "submission_comments": [_raw_comment(one) for one in rows(item, "submission_comments")],
            "attachments": [identifier(one) for one in rows(item, "attachments")],
            "assignment": {"content": str(graded.ref), "points_possible": graded.points},
        },
    )


def _state(item: JSONObject) -> SubmissionState:
    if flag(item, "excused"):
        return SubmissionState.EXCUSED
    if item.get("score") is not None and is_unposted(item):
        return SubmissionState.UNRELEASED
    if item.get("workflow_state") == "graded" and item.get("score") is not None:
        return SubmissionState.GRADED
    if item.get("submitted_at") or item.get("workflow_state") in {"submitted", "pending_review"}:
        return SubmissionState.SUBMITTED
    return SubmissionState.MISSING if flag(item, "missing") else SubmissionState.UNSUBMITTED


def is_unposted(item: JSONObject) -> bool:
    """Whether Canvas hides the grade from the student; an older one does not tell."""
    return "posted_at" in item and item["posted_at"] is None


def _comment(item: JSONObject) -> Comment:
    author = item.get("author_id")
    return Comment(
        text=text(item, "comment"),
        person=None if author is None else str(author),
        at=when(item, "created_at"),
    )


_OF_COMMENT = ("id", "author_id", "author_name", "comment", "created_at", "edited_at")


def _raw_comment(item: JSONObject) -> JSONObject:
    return {name: item[name] for name in _OF_COMMENT if name in item}


_VERSIONED = ("workflow_state", "attempt", "score", "grade", "excused", "submitted_at", "graded_at")


def version(item: JSONObject) -> str:
    """What a write compares: everything that it would change, and what would make it wrong."""
    comments = [one.get("id") for one in rows(item, "submission_comments")]
    told = json.dumps([*(item.get(name) for name in _VERSIONED), comments])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def in_course(place: Place, item: JSONObject) -> Completion | None:
    """How far somebody is with a course; None where Canvas has no requirements of theirs."""
    progress = item.get("progress")
    if not isinstance(progress, dict) or not isinstance(progress.get("requirement_count"), int):
        return None
    person = identifier(item)
    done = whole(progress, "requirement_completed_count") or 0
    complete = progress.get("completed_at") is not None
    return Completion(
        remote_id=place.id(person),
        container=place.course,
        person=person,
        state=CompletionState.COMPLETE if complete else CompletionState.INCOMPLETE,
        completed_at=when(progress, "completed_at"),
        lost=(f"how many requirements are met: {done} of {progress['requirement_count']}",),
        raw={"id": person, "progress": kept(progress, frozenset({"next_requirement_url"}))},
    )


def of_item(place: Place, person: str, item: str, content: Ref) -> Completion:
    """That somebody has met the requirement of a module's item."""
    return Completion(
        remote_id=place.id(item, person),
        container=place.course,
        person=person,
        content=content,
        state=CompletionState.COMPLETE,
        raw={"item": item, "person": person, "content": str(content)},
    )
