"""The API of reviews: what is due today, what is asked of it, and what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.content.links import resolve_json
from bloop.content.tree_routes import PAGE_LIMIT, run
from bloop.learning.quizzes.schemas import AnsweredOut, BlankOut, ChoiceOut, ResponseIn
from bloop.learning.reviews import asking
from bloop.learning.reviews.answering import KEY, answer
from bloop.learning.reviews.queries import DUE, LOAD
from bloop.learning.reviews.scheduling import load
from bloop.store.database import Database
from bloop.store.statements import moment, to_dicts
from bloop.store.types import utcnow
from bloop_sdk import Call

router = Router(prefix="/api/v1", tags=["learning"])

DAYS = 30
CARDS = 10_000
"""Of so many cards the load is counted; nobody reviews more in a month."""


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class DueOut(_Out):
    """A concept or a question that is due; ``stability`` is in days."""

    subject: str
    concept: str | None
    concept_name: str | None
    item: str | None
    item_title: str | None
    part: str
    due: datetime
    last: datetime
    stability: float
    answers: int
    lapses: int


class AskedOut(_Out):
    """A question without its answers."""

    kind: str
    title: str
    html: str
    points: float
    manner: str
    choices: list[ChoiceOut]
    blanks: list[BlankOut]
    lefts: list[ChoiceOut]
    rights: list[ChoiceOut]


class ReviewOut(_Out):
    """A question to answer again; send ``key`` and ``version`` with the answer.

    ``concept`` is what it is asked for, null where it is about none.
    """

    key: str
    version: str
    item: str
    part: str
    title: str
    container: str
    course: str
    language: str | None
    concept: str | None
    concept_name: str | None
    question: AskedOut


class DueList(_Out):
    """What is due by the end of today (UTC), and how many concepts are on each day from today.

    ``questions`` are what to ask now, one for each concept; ``done`` were answered today.
    """

    items: list[DueOut]
    load: list[int] = Field(description=f"{DAYS} days, the first is today with all before it")
    questions: list[ReviewOut]
    done: int


class ReviewIn(ResponseIn):
    """An answer to a question of ``/account/reviews``.

    The same ``key`` again changes nothing; one that is not of the question's last answer, or
    answers before it is due, is refused. ``seconds`` is how long it took; ``at`` when it was
    answered, where that was offline. Longer ago than 30 days counts as 30 days, the future as now.
    """

    key: Annotated[str, Field(pattern=f"^{KEY}$")]
    version: Annotated[str, Field(max_length=64)]
    item: Annotated[str, Field(min_length=1, max_length=60)]
    part: Annotated[str, Field(min_length=1, max_length=200)]
    seconds: Annotated[float, Field(ge=0)] | None = None
    at: AwareDatetime | None = None


class ReviewedOut(_Out):
    """What was answered and what was right; ``due`` is when the question is due again."""

    id: str
    item: str
    part: str
    title: str
    container: str
    course: str
    language: str | None
    due: datetime | None
    question: AskedOut
    answered: AnsweredOut


class ReviewedList(_Out):
    """What was answered today (UTC), the first first."""

    items: list[ReviewedOut]


@router.get("/account/reviews", action="account:read", response_model=DueList, problems=(422,))
async def list_own_reviews(request: Request, limit: int = 50) -> Response:
    """What you are to look at again today, and how much in the days to come."""
    call = call_of(request)
    database = hub_of(request).database
    found = await due(database, call, call.principal.id, limit)
    told = await asking.asked(database, call)
    questions = [_resolved(one) for one in told["questions"][: max(1, min(limit, PAGE_LIMIT))]]
    return json_response({**found, **told, "questions": questions})


def _resolved(one: dict[str, Any]) -> orjson.Fragment:
    """A question with the links of its HTML as they lead somewhere."""
    return orjson.Fragment(resolve_json(orjson.dumps(one), one["container"]))


@router.post(
    "/account/reviews/answers",
    action="account:write",
    response_model=ReviewedOut,
    status_code=201,
    problems=(404, 409, 422),
)
async def answer_review(request: Request, body: ReviewIn) -> Response:
    """Answer a question that is due; the same key again gives what was kept the first time."""
    given = body.model_dump(exclude={"item", "part", "answer"})
    kept = await run(request, answer, body.item, body.part, body.answer, **given)
    found = await asking.response(hub_of(request).database, call_of(request), kept)
    return json_response(_resolved(found), 201)


@router.get("/account/reviews/answers", action="account:read", response_model=ReviewedList)
async def list_reviewed(request: Request) -> Response:
    """What you have answered in your reviews today."""
    found = await asking.responses_of_today(hub_of(request).database, call_of(request))
    return json_response({"items": [_resolved(one) for one in found]})


@router.get(
    "/account/reviews/answers/{response_id}",
    action="account:read",
    response_model=ReviewedOut,
    problems=(404,),
)
async def show_reviewed(request: Request, response_id: str) -> Response:
    """One answer of your reviews, and what was right."""
    found = await asking.response(hub_of(request).database, call_of(request), response_id)
    return json_response(_resolved(found))


async def due(database: Database, call: Call, user: str, limit: int = 50) -> dict[str, Any]:
    """What is due of a user by the end of today, and the load of :data:`DAYS` days."""
    now = utcnow()
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    limit = max(1, min(limit, PAGE_LIMIT))
    rows = await database.read(DUE, call, user=user, until=tomorrow, limit=limit)
    until = tomorrow + timedelta(days=DAYS - 1)
    dues: Sequence[Any] = await database.read(LOAD, call, user=user, until=until, limit=CARDS)
    counts = load((moment(one[0]) for one in dues), now, DAYS)
    return {"items": to_dicts(DUE, rows), "load": counts}
