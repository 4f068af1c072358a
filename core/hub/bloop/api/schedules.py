"""Schedules: which jobs start by themselves, when, and how that goes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import expected_version, job_started, json_response
from bloop.content.schemas import JobStarted
from bloop.jobs import JobState, schedules
from bloop.jobs.queries import SCHEDULE, SCHEDULES
from bloop.store.database import in_unit
from bloop.store.errors import NotFoundError
from bloop.store.statements import to_dicts

router = Router(prefix="/api/v1/schedules", tags=["jobs"])


class ScheduleOut(BaseModel):
    """A schedule, named as its jobs' kind; ``last_...`` is its last job."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    name: str = Field(examples=["canvas.sync"])
    plugin_id: str | None
    every: str = Field(description="An interval or a cron line", examples=["15m", "30 3 * * *"])
    zone: str = Field(description="The time zone of a cron line", examples=["Europe/Berlin"])
    paused: bool
    next_at: datetime | None = Field(description="Null while paused, or its plugin is not used")
    last_due_at: datetime | None = Field(description="The due time that last started a job")
    last_job_id: str | None
    last_state: JobState | None
    last_finished_at: datetime | None
    last_error: Any = None
    skipped: int = Field(description="Due times since then at which that job was under way")
    skipped_at: datetime | None
    row_version: int


class ScheduleList(BaseModel):
    """All schedules of the institution."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[ScheduleOut]


class ScheduleChange(BaseModel):
    """What is to change: whether it starts nothing by itself."""

    model_config = ConfigDict(extra="forbid")

    paused: bool | None = None


@router.get("", action="schedules:read", response_model=ScheduleList)
async def list_schedules(request: Request) -> Response:
    """The institution's schedules, by name."""
    rows = await hub_of(request).database.read(SCHEDULES, call_of(request))
    return json_response({"items": to_dicts(SCHEDULES, rows)})


@router.get("/{name}", action="schedules:read", response_model=ScheduleOut, problems=(404,))
async def show_schedule(request: Request, name: str) -> Response:
    """One schedule."""
    found = await _row(request, name)
    # What it has started is no version of it, so there is no 304.
    return json_response(found, version=found["row_version"])


@router.patch(
    "/{name}",
    action="schedules:write",
    response_model=ScheduleOut,
    problems=(404, 412, 422, 428),
)
async def change_schedule(request: Request, name: str, body: ScheduleChange) -> Response:
    """Pause it, or let it go on; times that passed meanwhile are not made up for."""
    version = expected_version(request)
    if body.paused is not None:
        await _run(request, schedules.pause, name, paused=body.paused, version=version)
    found = await _row(request, name)
    return json_response(found, version=found["row_version"])


@router.post(
    "/{name}/run",
    action="schedules:write",
    status_code=202,
    response_model=JobStarted,
    problems=(404, 409),
)
async def run_schedule(request: Request, name: str) -> Response:
    """Start its job now, also while it is paused; 409 while its last one is under way."""
    job = await _run(request, schedules.run, name, hub_of(request).jobs.enqueue)
    return job_started(job)


async def _run(request: Request, command: Any, *args: Any, **kwargs: Any) -> Any:
    database = hub_of(request).database
    return await database.run(in_unit, database, call_of(request), command, *args, **kwargs)


async def _row(request: Request, name: str) -> dict[str, Any]:
    row = await hub_of(request).database.read_one(SCHEDULE, call_of(request), name=name)
    if row is None:
        raise NotFoundError(f"no schedule {name[:80]!r}")
    return SCHEDULE.as_dict(row)
