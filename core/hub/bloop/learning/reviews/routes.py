"""The API of reviews: what is due today, and how much on the days to come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.content.tree_routes import PAGE_LIMIT
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


class DueList(_Out):
    """What is due by the end of today (UTC), and how many concepts are on each day from today."""

    items: list[DueOut]
    load: list[int] = Field(description=f"{DAYS} days, the first is today with all before it")


@router.get("/account/reviews", action="account:read", response_model=DueList, problems=(422,))
async def list_own_reviews(request: Request, limit: int = 50) -> Response:
    """What you are to look at again today, and how much in the days to come."""
    call = call_of(request)
    found = await due(hub_of(request).database, call, call.principal.id, limit)
    return json_response(found)


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
