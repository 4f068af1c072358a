"""How the hub does: what its checks say, and a few numbers over time; for operators."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, hub_of
from bloop.accounts.http import json_response

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(prefix="/api/v1/system", tags=["operations"])

Range = Annotated[str, Field(pattern="^(1h|24h|7d)$")]


class PartOut(BaseModel):
    """What a check says, in the process where it says the worst."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    name: str = Field(examples=["database"])
    ok: bool | None = Field(description="Null: it is not well, and the hub works all the same")
    detail: str
    cure: str | None
    since: datetime = Field(description="When `ok` became so")
    checked_at: datetime
    is_late: bool = Field(description="Whether it has not been asked for some time")
    host: str
    pid: int
    alike: int = Field(description="Processes that say the same")
    of: int = Field(description="Processes that have the check")


class SystemOut(BaseModel):
    """What the checks of all processes that serve say."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[PartOut]


class PointOut(BaseModel):
    """One step; null is what nobody counted or measured then."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    at: datetime
    requests: int | None
    errors: int | None = Field(description="Requests answered with 5xx")
    p50: float | None = Field(description="Seconds within which half of the requests were answered")
    p95: float | None = Field(description="The same for 95 of 100")
    jobs_failed: int | None = Field(description="Jobs that failed for good")
    jobs_waiting: int | None = Field(description="At most at one time")
    events_behind: int | None = Field(description="Of the slowest consumer, at most")
    database_bytes: int | None
    free_bytes: int | None = Field(description="Where the least was free")


class TrendOut(BaseModel):
    """Steps of `seconds` each, oldest first; `p50` and `p95` are of all of them together."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    range: Range
    seconds: int
    p50: float | None
    p95: float | None
    points: list[PointOut]


@router.get("", action="ops:read", response_model=SystemOut)
async def show_system(request: Request) -> Response:
    """What each check says, the worst of all processes, and since when."""
    from bloop.ops.trends import parts

    found = await parts(cast("Hub", hub_of(request)))
    return json_response({"items": [asdict(one) for one in found]})


@router.get("/samples", action="ops:read", response_model=TrendOut, problems=(422,))
async def show_samples(request: Request, range: Range = "1h") -> Response:  # noqa: A002 - its word
    """Requests, errors, jobs, events and sizes over the last hour, day or week."""
    from bloop.ops.trends import trend

    return json_response(asdict(await trend(cast("Hub", hub_of(request)), range)))
