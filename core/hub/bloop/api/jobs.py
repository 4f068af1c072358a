"""Jobs: what runs in the background, how far it is, and how to stop it or try it again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response, not_modified
from bloop.jobs import JobState
from bloop.jobs.queries import AFTER, JOB, JOBS, JOBS_CHOSEN, OWN_JOB
from bloop.store.database import in_unit
from bloop.store.errors import NotFoundError
from bloop.store.statements import to_dicts

router = Router(prefix="/api/v1/jobs", tags=["jobs"])

_NEWEST = "~"  # Behind every id.


class JobOut(BaseModel):
    """A job; ``progress_total`` null means that nobody knows how much there is to do."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    kind: str = Field(examples=["content.import"])
    plugin_id: str | None = Field(examples=["cartridge"])
    state: JobState
    attempts: int
    max_attempts: int
    cancel_requested: bool
    pending: int = Field(description="Jobs that it comes after and that have not succeeded yet")
    progress_done: int | None
    progress_total: int | None
    progress_message: str | None
    progress_until: datetime | None = Field(
        description="When this part of it is over at the pace that the other side allows"
    )
    result: Any = None
    error: Any = None
    actor: str
    run_after: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    row_version: int


class JobShown(JobOut):
    """A job with the ids of those that it comes after."""

    after: list[str]


class JobList(BaseModel):
    """Jobs, newest first; ``next`` is for ``before``."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[JobOut]
    next: str | None


@router.get("", action="jobs:read", response_model=JobList)
async def list_jobs(
    request: Request,
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    before: Annotated[str, Field(max_length=36)] = "",
    state: Annotated[str, Field(pattern=f"^({'|'.join(JobState)})?$")] = "",
    plugin: Annotated[str, Field(max_length=40)] = "",
) -> Response:
    """The institution's jobs, newest first; of all states and plugins, unless one is named."""
    chosen = {"state": state, "plugin": plugin} if state or plugin else {}
    rows = await hub_of(request).database.read(
        JOBS_CHOSEN if chosen else JOBS,
        call_of(request),
        before=before or _NEWEST,
        limit=limit + 1,
        **chosen,
    )
    items = to_dicts(JOBS, rows[:limit])
    return json_response({"items": items, "next": items[-1]["id"] if len(rows) > limit else None})


async def own_job(request: Request) -> bool:
    """For ``also``: whether the job is about what the caller has for themselves."""
    scopes, id_ = call_of(request).principal.scopes, request.path_params["job_id"]
    if scopes is not None and "jobs:read" not in scopes:
        return False
    row = await hub_of(request).database.read_one(OWN_JOB, call_of(request), id=id_)
    return row is not None


@router.get("/{job_id}", action="jobs:read", also=own_job, response_model=JobShown, problems=(404,))
async def show_job(request: Request, job_id: str) -> Response:
    """One job with its progress, what it waits for, its result, or why it failed."""
    found = JOB.as_dict(await _row(request, job_id))
    others = await hub_of(request).database.read(AFTER, call_of(request), id=job_id)
    found["after"] = [row[0] for row in others]
    version = found["row_version"]
    return not_modified(request, version) or json_response(found, version=version)


@router.post("/{job_id}/cancel", action="jobs:cancel", response_model=JobOut, problems=(404, 409))
async def cancel_job(request: Request, job_id: str) -> Response:
    """Stop a job: at once while it waits, as soon as it notices while it runs.

    What comes after it is cancelled as well.
    """
    return await _act(request, job_id, hub_of(request).jobs.cancel)


@router.post("/{job_id}/retry", action="jobs:cancel", response_model=JobOut, problems=(404, 409))
async def retry_job(request: Request, job_id: str) -> Response:
    """Try a job again that failed or was cancelled.

    What was cancelled because of it waits for it anew.
    """
    return await _act(request, job_id, hub_of(request).jobs.retry)


async def _act(request: Request, job_id: str, command: Any) -> Response:
    database = hub_of(request).database
    await _row(request, job_id)
    await database.run(in_unit, database, call_of(request), command, job_id)
    found = JOB.as_dict(await _row(request, job_id))
    return json_response(found, version=found["row_version"])


async def _row(request: Request, job_id: str) -> tuple[Any, ...]:
    row = await hub_of(request).database.read_one(JOB, call_of(request), id=job_id)
    if row is None:
        raise NotFoundError(f"no job {job_id[:40]}")
    return row
