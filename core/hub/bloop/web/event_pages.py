"""The page of consumers and of events that they could not take: trying again, or giving up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlencode

from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.events import parking
from bloop.events.models import Parked
from bloop.events.queries import PARKED_COUNTS
from bloop.store.database import in_unit
from bloop.store.errors import NotFoundError
from bloop.store.statements import Row, to_dicts
from bloop.web.job_pages import LIVE, Place
from bloop.web.moments import moment
from bloop.web.queries import PARKED_FIRST, PARKED_ONE
from bloop.web.render import locale_of, page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bloop.hub import Hub

router = Router(tags=["pages"])

EVENTS_AT_ONCE = 25

Consumer = Annotated[str, Field(max_length=120)]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class ConsumerView:
    """A consumer in this process; ``behind`` is None where it does not work here.

    ``first`` of the institution's events are parked or tried again, the others wait behind them.
    """

    name: str
    behind: int | None
    fault: str | None
    parked: int
    retrying: int
    waiting: int


@router.get("/events/parked", action="events:read", include_in_schema=False)
async def show_parked(
    request: Request,
    consumer: Consumer = "",
    after: Place = "",
    replayed: Count = 0,
    skipped: Count = 0,
) -> Response:
    """How far the consumers are, and what they could not take of the institution's events."""
    database, call = hub_of(request).database, call_of(request)
    rows = await database.read(
        PARKED_FIRST, call, consumer=consumer, after=after, limit=EVENTS_AT_ONCE + 1
    )
    counts = await database.read(PARKED_COUNTS, call)
    events = [_view(row, request) for row in to_dicts(PARKED_FIRST, rows[:EVENTS_AT_ONCE])]
    return await page(
        request,
        "parked.html",
        script=LIVE,
        events=events,
        consumers=_consumers(cast("Hub", hub_of(request)), counts),
        chosen=consumer,
        is_first=not after,
        later=events[-1]["id"] if len(rows) > EVENTS_AT_ONCE else None,
        replayed=replayed,
        skipped=skipped,
    )


@router.post(
    "/events/parked/replay", action="events:replay", problems=(404,), include_in_schema=False
)
async def replay_all(request: Request, consumer: Consumer) -> Response:
    """Have all events of a consumer tried again; those behind them follow."""
    number = await _command(request, parking.replay_all, consumer)
    return _back(consumer=consumer, replayed=number)


@router.post(
    "/events/parked/{parked_id}/replay",
    action="events:replay",
    problems=(404, 409),
    include_in_schema=False,
)
async def replay(request: Request, parked_id: str) -> Response:
    """Have one event tried again."""
    await _command(request, parking.replay, parked_id)
    return _back(replayed=1)


@router.get(
    "/events/parked/{parked_id}/skip",
    action="events:replay",
    problems=(404,),
    include_in_schema=False,
)
async def ask_to_skip(request: Request, parked_id: str) -> Response:
    """What giving an event up would mean, and the button."""
    row = await hub_of(request).database.read_one(PARKED_ONE, call_of(request), id=parked_id)
    if row is None:
        raise NotFoundError(f"no parked event {parked_id[:40]}")
    return await page(request, "parked_skip.html", event=_view(PARKED_ONE.as_dict(row), request))


@router.post(
    "/events/parked/{parked_id}/skip",
    action="events:replay",
    problems=(404,),
    include_in_schema=False,
)
async def skip(request: Request, parked_id: str) -> Response:
    """Give an event up for its consumer; those behind it follow."""
    await _command(request, parking.skip, parked_id)
    return _back(skipped=1)


def _consumers(hub: Hub, counts: Sequence[Row]) -> list[ConsumerView]:
    """Every consumer of this process, and those elsewhere that could not take an event."""
    lags, faults = hub.consumers.lags(), hub.consumers.faults()
    found: dict[str, dict[str, int]] = {name: {} for name in lags}
    for name, state, number in counts:
        found.setdefault(name, {})[state] = number
    return [
        ConsumerView(
            name,
            lags.get(name),
            faults.get(name),
            parked=states.get(Parked.PARKED, 0),
            retrying=states.get(Parked.RETRYING, 0),
            waiting=states.get(Parked.BEHIND, 0),
        )
        for name, states in sorted(found.items())
    ]


def _view(row: dict[str, Any], request: Request) -> dict[str, Any]:
    locale = locale_of(request)
    times = ("occurred_at", "parked_at", "retry_at")
    return row | {name: moment(row[name], locale) for name in times}


async def _command(request: Request, command: Any, which: str) -> Any:
    database = hub_of(request).database
    return await database.run(in_unit, database, call_of(request), command, which)


def _back(**told: str | int) -> Response:
    return RedirectResponse(f"/events/parked?{urlencode(told)}", 303)
