"""The API of a user's day."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.content.tree_routes import PAGE_LIMIT, run
from bloop.hub.today import today
from bloop.learning.quizzes.service import user_in
from bloop.learning.recommend.routes import told
from bloop.learning.recommend.schemas import NextList
from bloop.learning.today.history import answered
from bloop.learning.today.places import note_place

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(prefix="/api/v1", tags=["learning"])


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class PlaceOut(_Out):
    """A lesson that was opened last in its course; ``percent`` of the course's lessons are done."""

    item: str
    title: str
    item_kind: str
    container: str
    course: str
    opened_at: datetime
    lessons: int
    done: int
    percent: int


class ReviewsOut(_Out):
    """How many questions are due today (UTC), about how many minutes they take, and when next."""

    due: int
    minutes: int
    next: datetime | None


class DeadlineOut(_Out):
    """Something that is due within two weeks, or was within the last; not done by the caller."""

    item: str
    title: str
    kind: str
    container: str
    course: str
    due_at: datetime
    overdue: bool


class GradedOut(_Out):
    """An answer of the caller's that a person graded within the last two weeks.

    ``score`` is from 0 to 1, and null where it got words alone; ``comment`` is their HTML.
    """

    attempt: str
    place: int
    item: str
    title: str
    container: str
    course: str
    score: float | None
    verdict: Literal["right", "partly", "wrong", "ungraded"]
    comment: str
    graded_at: datetime


class MyCourseOut(_Out):
    """A course that the caller learns in."""

    id: str
    kind: str
    title: str
    code: str | None
    state: str
    lessons: int
    done: int
    percent: int


class TaughtOut(_Out):
    """A course that the caller teaches."""

    id: str
    title: str
    waiting: dict[Literal["answers", "to_grade", "conflicts", "refused"], int] = Field(
        description="How much waits: answers to grade in quizzes here, work of other systems to "
        "grade, notes changed on both sides, changes that another system refused"
    )


class WaitingOut(_Out):
    """Something of the institution or the hub that needs the caller.

    A ``connection`` whose login is refused and a ``plugin`` that could not be loaded are named;
    of ``suggestions`` to review, ``parked`` events and ``jobs`` that failed lately ``count`` says
    how many. The others are as in :class:`TaughtOut`, of a course that is named.
    """

    what: Literal[
        "suggestions",
        "connection",
        "parked",
        "jobs",
        "plugin",
        "answers",
        "to_grade",
        "conflicts",
        "refused",
    ]
    id: str
    name: str
    reason: str | None
    count: int


class TodayOut(_Out):
    """A user's day; of each kind the first few."""

    continue_: list[PlaceOut] = Field(alias="continue")
    reviews: ReviewsOut
    next: NextList
    deadlines: list[DeadlineOut]
    graded: list[GradedOut]
    courses: list[MyCourseOut]
    teaching: list[TaughtOut]
    attention: list[WaitingOut]


@router.get("/today", action="account:read", response_model=TodayOut, problems=(403,))
async def show_today(request: Request) -> Response:
    """Where you were, what is due, what comes next, and what waits for you."""
    call = call_of(request)
    user_in(call)
    found: dict[str, Any] = await today(cast("Hub", hub_of(request)), call)
    following = found["next"]
    return json_response(
        found | {"next": following | {"items": [told(one) for one in following["items"]]}}
    )


class AnswerOut(_Out):
    """An answer of the caller's; ``score`` is from 0 to 1, ``reviewed`` whether it was a review.

    ``part`` names the question, and is empty where the whole was graded.
    """

    id: str
    item: str
    title: str
    container: str
    course: str
    part: str
    score: float
    at: datetime
    source: str
    reviewed: bool


class AnswerList(_Out):
    """Answers, the last first; ``next`` is for ``before``."""

    items: list[AnswerOut]
    next: str | None


@router.get("/account/answers", action="account:read", response_model=AnswerList, problems=(422,))
async def list_answers(request: Request, limit: int = 50, before: str = "") -> Response:
    """What you answered lately: in quizzes, in reviews, and in other systems."""
    database, call = hub_of(request).database, call_of(request)
    return json_response(await answered(database, call, before, max(1, min(limit, PAGE_LIMIT))))


@router.put("/items/{item_id}/opened", action="account:write", status_code=204, problems=(404,))
async def opened(request: Request, item_id: str) -> Response:
    """Say that you opened a lesson now: it is where its course goes on for you."""
    await run(request, note_place, item_id)
    return Response(status_code=204)
