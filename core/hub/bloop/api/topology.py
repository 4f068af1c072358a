"""The processes of the hub, its queues and consumers, for operators."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, hub_of
from bloop.accounts.http import json_response

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(prefix="/api/v1/topology", tags=["operations"])


class ProcessOut(BaseModel):
    """One process of the hub."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    kind: str = Field(examples=["worker"])
    host: str
    pid: int
    version: str | None = Field(description="Of the hub's code that it runs", examples=["0.1.0"])
    generation: str = Field(description="A hash of the plugins that it has")
    is_current: bool = Field(description="Whether those are the plugins that are wanted")
    is_stale: bool = Field(description="Whether it has not been heard of for some time")
    workers: int = Field(description="Jobs that it runs at a time")
    queues: list[str] = Field(description="Queues that it serves; empty: all", examples=[["sync"]])
    jobs: int = Field(description="Jobs that it runs now")
    started_at: datetime
    beat_at: datetime
    config_fault: str | None


class QueueOut(BaseModel):
    """What waits and runs of one queue."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    name: str = Field(examples=["default"])
    waiting: int
    running: int
    oldest_at: datetime = Field(description="When the oldest of them was asked for")
    is_served: bool = Field(description="Whether a living process runs jobs of it")


class LagOut(BaseModel):
    """How many events a consumer has not passed, at most."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    consumer: str
    behind: int = Field(description="Of the partition that is the slowest")
    partitions: int = Field(description="Into how many its log is cut")
    taken_by: list[str | None] = Field(
        description="For each partition the process that took events of it last, if it is alive"
    )


class TopologyOut(BaseModel):
    """Who is alive, on which generation, serving what."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    processes: list[ProcessOut]
    queues: list[QueueOut]
    consumers: list[LagOut]


@router.get("", action="ops:read", response_model=TopologyOut)
async def show_topology(request: Request) -> Response:
    """The processes of the hub, what waits in its queues, and how far consumers are behind."""
    from bloop.ops.topology import topology

    found = await asyncio.to_thread(topology, cast("Hub", hub_of(request)))
    return json_response(asdict(found))
