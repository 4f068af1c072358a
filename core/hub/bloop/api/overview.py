"""What needs attention, and how much there is of everything; for administrators."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(prefix="/api/v1/overview", tags=["operations"])


class AttentionOut(BaseModel):
    """One thing that somebody should look at; `path` is the page that tells more."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    kind: str = Field(examples=["connection"])
    severe: bool = Field(description="Whether something does not work, rather than less well")
    path: str
    subject: str = Field(description="Its name; empty where some are told at once")
    count: int
    reason: str | None
    cure: str | None
    since: datetime | None


class OverviewOut(BaseModel):
    """What to look at, the gravest first, and how much there is of everything."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    attention: list[AttentionOut]
    counts: dict[str, int] = Field(examples=[{"users": 412, "connections": 3, "jobs_open": 1}])


@router.get("", action="admin:read", response_model=OverviewOut)
async def show_overview(request: Request) -> Response:
    """What needs attention in the institution, as far as the caller may see it, and counts."""
    from bloop.ops.overview import overview

    found = await overview(cast("Hub", hub_of(request)), call_of(request))
    return json_response(asdict(found))
