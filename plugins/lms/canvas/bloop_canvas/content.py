"""Pages, assignments, discussions, files and events, from Canvas's JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time
from typing import Any

from bloop_canvas.fields import (
    address,
    flag,
    identifier,
    kept,
    needed,
    number,
    rows,
    some,
    text,
    when,
    whole,
)
from bloop_canvas.ids import within
from bloop_canvas.place import Place
from bloop_sdk import (
    Assignment,
    CalendarEvent,
    Discussion,
    File,
    Kind,
    MalformedRecordError,
    Page,
    Record,
    Ref,
)
from bloop_sdk.records import JSONObject, RubricCriterion, RubricRating

# Its assignment, where it has one, is read among the assignments.
_PAGE_NOISE = frozenset({"last_edited_by", "page_views", "revision_id", "assignment"})
_ASSIGNMENT_NOISE = frozenset(
    {
        "needs_grading_count",
        "needs_grading_count_by_section",
        "has_submitted_submissions",
        "graded_submissions_exist",
        "submission",
        "score_statistics",
        "unpublishable",
        "can_submit",
        "can_update",
        "can_duplicate",
        "in_closed_grading_period",
        "discussion_topic",
        "submissions_download_url",
        "use_rubric_for_grading",
        "secure_params",
        "overrides",  # They name people.
    }
)
_TOPIC_NOISE = frozenset(
    {
        "read_state",
        "unread_count",
        "subscribed",
        "subscription_hold",
        "discussion_subentry_count",
        "last_reply_at",
        "user_can_see_posts",
        "permissions",
        "podcast_url",
        "author",
        "assignment",
        "topic_children",
        "group_topic_children",
        "can_unpublish",
        "comments_disabled",
        "summary_enabled",
    }
)
# Addresses that open a file to whoever has them, or end soon.
_FILE_NOISE = frozenset(
    {"url", "uuid", "thumbnail_url", "preview_url", "hidden_for_user", "locked_for_user", "user"}
)
_HANDED_IN = {
    "online_text_entry": "text",
    "online_upload": "file",
    "media_recording": "file",
    "student_annotation": "file",
    "online_url": "url",
    "external_tool": "external",
    "basic_lti_launch": "external",
    "online_quiz": "external",
    "discussion_topic": "text",
    "on_paper": "none",
    "none": "none",
    "not_graded": "none",
    "wiki_page": "none",
}


def page(place: Place, item: JSONObject) -> Page:
    """A page, which its id names: its slug goes with its title."""
    body = place.html(text(item, "body"))
    lost = body.lost
    if "block_editor_attributes" in item:
        lost = (*lost, "its text: it is made of blocks of Canvas's block editor")
    elif "body" not in item:  # One that nobody has written yet has a body of null.
        why = "it is locked for this credential" if flag(item, "locked_for_user") else "none came"
        lost = (*lost, f"its text: {why}")
    return Page(
        remote_id=place.id(identifier(item, "page_id", "id")),
        container=place.course,
        title=needed(item, "title", "name"),
        published=flag(item, "published", default=True),
        html=body.html,
        url=address(item),
        created_at=when(item, "created_at"),
        updated_at=when(item, "updated_at"),
        lost=lost,
        raw=kept(item, _PAGE_NOISE),
    )


def assignment(place: Place, item: JSONObject) -> Assignment:
    """An assignment; one whose work is done in New Quizzes is one of them."""
    body = place.html(text(item, "description"))
    lost = list(body.lost)
    types = item.get("submission_types") or []
    if not isinstance(types, list):
        raise MalformedRecordError("its submission_types are no list")
    lost += [f"how it is handed in: {one}" for one in types if one not in _HANDED_IN]
    if flag(item, "is_quiz_lti_assignment") or flag(item, "is_quiz_lti"):
        lost.append("its questions: New Quizzes has an API of its own, which is not read")
    if flag(item, "has_overrides"):
        lost.append("dates of some people and sections that differ")
    if flag(item, "has_sub_assignments"):
        lost.append("the dates and points of its checkpoints")
    if item.get("peer_reviews") is True:
        lost.append("peer reviews")
    return Assignment(
        remote_id=place.id(identifier(item)),
        container=place.course,
        title=needed(item, "name", "title"),
        published=flag(item, "published", default=True),
        html=body.html,
        points=number(item, "points_possible"),
        due_at=when(item, "due_at"),
        opens_at=when(item, "unlock_at"),
        closes_at=when(item, "lock_at"),
        shown_from=when(item, "unlock_at"),
        submission_types=tuple(dict.fromkeys(_HANDED_IN.get(one, "external") for one in types)),
        rubric=tuple(_criterion(one) for one in rows(item, "rubric")),
        url=address(item),
        created_at=when(item, "created_at"),
        updated_at=when(item, "updated_at"),
        lost=tuple(lost),
        raw={**kept(item, _ASSIGNMENT_NOISE), "lock_at": item.get("lock_at")},
    )


def _criterion(item: JSONObject) -> RubricCriterion:
    return RubricCriterion(
        title=text(item, "description") or "-",
        points=number(item, "points") or 0.0,
        description=text(item, "long_description"),
        ratings=tuple(
            RubricRating(
                title=text(one, "description") or "-",
                points=number(one, "points") or 0.0,
                description=text(one, "long_description"),
            )
            for one in rows(item, "ratings")
        ),
    )


def discussion(place: Place, item: JSONObject, *, announcement: bool) -> Discussion:
    """A topic or an announcement, without what people wrote below it."""
    body = place.html(text(item, "message"))
    lost = list(body.lost)
    if whole(item, "discussion_subentry_count"):
        lost.append("what people have written in it")
    return Discussion(
        remote_id=place.id(identifier(item)),
        container=place.course,
        title=needed(item, "title"),
        published=flag(item, "published", default=True),
        html=body.html,
        attachments=tuple(
            place.ref(Kind.FILE, identifier(one)) for one in rows(item, "attachments")
        ),
        announcement=announcement,
        posted_at=when(item, "posted_at") or when(item, "delayed_post_at"),
        url=address(item),
        created_at=when(item, "created_at"),
        lost=tuple(lost),
        raw={
            **kept(item, _TOPIC_NOISE),
            "attachments": [identifier(one) for one in rows(item, "attachments")],
            "is_announcement": announcement,
            # It says whether something is lost; how many there are changes all the time.
            "has_entries": bool(whole(item, "discussion_subentry_count")),
        },
    )


def file(
    place: Place,
    item: JSONObject,
    folder: str | None,
    chunks: Callable[[], AsyncIterator[bytes]] | None,
) -> File:
    """A file; ``folder`` is the full name of the one it is in, ``chunks`` reads its bytes."""
    name = needed(item, "display_name", "filename")
    path = "/".join([*(folder or "").split("/")[1:], name]) if folder is not None else None
    return File(
        remote_id=place.id(identifier(item)),
        container=place.course,
        title=name,
        name=name,
        media_type=some(item, "content-type") or some(item, "content_type"),
        size=whole(item, "size"),
        path=path,
        published=not (flag(item, "locked") or flag(item, "hidden")),
        url=f"{place.base}/courses/{place.course}/files/{identifier(item)}",
        created_at=when(item, "created_at"),
        updated_at=when(item, "modified_at") or when(item, "updated_at"),
        chunks=chunks,
        lost=() if chunks else ("its bytes: Canvas does not give them to this credential",),
        raw={**kept(item, _FILE_NOISE), "locked": flag(item, "locked"), "folder": folder},
    )


def events(place: Place, item: JSONObject) -> list[Record]:
    """An event of a course's calendar; raises for one without a day."""
    body = place.html(text(item, "description"))
    starts = when(item, "start_at") or _midnight(item.get("all_day_date"))
    if starts is None:
        raise MalformedRecordError("it has no day")
    place_name, street = text(item, "location_name"), text(item, "location_address")
    record = CalendarEvent(
        remote_id=place.id(identifier(item)),
        container=place.course,
        title=needed(item, "title"),
        html=body.html,
        starts_at=starts,
        ends_at=when(item, "end_at"),
        all_day=flag(item, "all_day"),
        location=", ".join(part for part in (place_name, street) if part),
        url=address(item),
        created_at=when(item, "created_at"),
        updated_at=when(item, "updated_at"),
        lost=(*body.lost, *_lost_of(item)),
        raw=kept(item, frozenset({"child_events", "url", "context_color"})),
    )
    return [record]


def _lost_of(item: JSONObject) -> tuple[str, ...]:
    sections = whole(item, "child_events_count") if "child_events_count" in item else None
    return ("times of some sections that differ",) if sections else ()


def _midnight(day: Any) -> datetime | None:
    if not isinstance(day, str) or not day:
        return None
    try:
        return datetime.combine(date.fromisoformat(day), time(), UTC)
    except ValueError:
        raise MalformedRecordError(f"its all_day_date is no day: {day!r:.60}") from None


def graded(place: Place, item: JSONObject) -> Ref:
    """What the grades of an assignment belong to: a quiz has an assignment besides."""
    if is_quiz(item):
        return Ref(Kind.QUIZ, within(place.course, str(item["quiz_id"])))
    return Ref(Kind.ASSIGNMENT, place.id(identifier(item)))


def is_quiz(item: JSONObject) -> bool:
    """Whether an assignment only stands for a quiz, which the quizzes' own list tells more of."""
    return bool(item.get("quiz_id")) and "online_quiz" in (item.get("submission_types") or [])
