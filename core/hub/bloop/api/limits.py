"""The rate limits in force and who met them lately, for operators."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, hub_of
from bloop.accounts.http import json_response
from bloop.api.rate_limits import Met

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(prefix="/api/v1/limits", tags=["operations"])


class LimitOut(BaseModel):
    """A setting of `[rates]`; 0 requests a minute are as many as they like."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    key: str = Field(examples=["rates.writes"])
    description: str
    value: int
    origin: str = Field(description="Where it was set", examples=["default", "hub.toml:12"])


class MetOut(BaseModel):
    """Somebody who was refused by the process that answers."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    kind: str = Field(examples=["write"])
    institution: str
    who: str = Field(description="Who had logged in, else an address", examples=["203.0.113.7"])
    last: datetime
    times: int


class LimitsOut(BaseModel):
    """The limits, and who met them: in the process that answers, since it began."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[LimitOut]
    met: list[MetOut]


@router.get("", action="config:read", response_model=LimitsOut)
async def show_limits(request: Request) -> Response:
    """How much each person, token and address may ask, and who asked more."""
    from bloop.ops.limits import limits

    found = [asdict(one) for one in limits(cast("Hub", hub_of(request)))]
    return json_response({"items": found, "met": [asdict(one) for one in met_of(request)]})


def met_of(request: Request) -> list[Met]:
    """Who was refused lately by this process."""
    rates = request.scope["bloop.edge"].rates
    return [] if rates is None else rates.met()
