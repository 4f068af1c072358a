"""Events that a consumer could not take: what waits and why; trying again, or giving up."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.events import parking
from bloop.events.models import Parked
from bloop.events.queries import PARKED
from bloop.store.database import in_unit
from bloop.store.statements import to_dicts

router = Router(prefix="/api/v1/events", tags=["events"])


class ParkedEventOut(BaseModel):
    """An event that waits beside the log for one consumer."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    consumer: str = Field(examples=["bookmarks.follow_content"])
    event_id: str
    topic: str = Field(examples=["content.item.updated"])
    aggregate: str = Field(examples=["item:019a"])
    state: Parked = Field(
        description="retrying: it is tried again at retry_at; parked: somebody has to decide; "
        "behind: an earlier event of its aggregate waits"
    )
    reason: str | None = Field(description="Why the last try failed")
    tries: int
    retry_at: datetime | None
    parked_at: datetime


class ParkedEventList(BaseModel):
    """Parked events, the first that was parked first; ``next`` is for ``after``."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[ParkedEventOut]
    next: str | None


class ReplayedOut(BaseModel):
    """How many events are tried again."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    events: int


@router.get("/parked", action="events:read", response_model=ParkedEventList)
async def list_parked_events(
    request: Request,
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    after: Annotated[str, Field(max_length=36)] = "",
) -> Response:
    """The institution's events that consumers could not take."""
    rows = await hub_of(request).database.read(
        PARKED, call_of(request), after=after, limit=limit + 1
    )
    items = to_dicts(PARKED, rows[:limit])
    return json_response({"items": items, "next": items[-1]["id"] if len(rows) > limit else None})


@router.post(
    "/parked/replay", action="events:replay", response_model=ReplayedOut, problems=(404, 422)
)
async def replay_parked_events(
    request: Request, consumer: Annotated[str, Field(max_length=120)]
) -> Response:
    """Try all events of a consumer again that wait behind no other; the others follow."""
    database = hub_of(request).database
    number = await database.run(in_unit, database, call_of(request), parking.replay_all, consumer)
    return json_response({"events": number})


@router.post(
    "/parked/{parked_id}/replay",
    action="events:replay",
    response_model=ParkedEventOut,
    problems=(404, 409),
)
async def replay_parked_event(request: Request, parked_id: str) -> Response:
    """Try an event again; those behind it follow in their order."""
    return await _act(request, parked_id, parking.replay)


@router.post(
    "/parked/{parked_id}/skip",
    action="events:replay",
    response_model=ParkedEventOut,
    problems=(404,),
)
async def skip_parked_event(request: Request, parked_id: str) -> Response:
    """Give an event up for its consumer; those behind it follow in their order."""
    return await _act(request, parked_id, parking.skip)


async def _act(request: Request, parked_id: str, command: Any) -> Response:
    database = hub_of(request).database
    found = await database.run(in_unit, database, call_of(request), command, parked_id)
    return json_response(found)
