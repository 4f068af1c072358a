"""One's own data as a download, and erasing a person."""

from __future__ import annotations

from typing import Any, Protocol, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.accounts.privacy import service
from bloop.accounts.privacy.exporting import EXPORT_JOB
from bloop.jobs.models import JobState
from bloop.jobs.queries import JOB
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.statements import parsed
from bloop.store.unit import UnitOfWork, actor_of

router = Router(prefix="/api/v1", tags=["accounts"])


class HasSources(Protocol):
    """What of the hub is asked here beside the usual parts."""

    @property
    def sources(self) -> service.Sources:
        """Where people's data is."""
        ...


class ExportAsked(BaseModel):
    """The job that writes the export; when it has succeeded, the export can be downloaded."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    job: str


class ErasureOut(BaseModel):
    """What an erasure changes, or would: rows by table, and why others are kept."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    person: str = Field(examples=["user:019a21c5-0f3d-7b11-8c53-5d0a6c1f7e90"])
    deleted: dict[str, int]
    blanked: dict[str, int]
    kept: dict[str, str]
    files: int
    waiting: int = Field(description="Jobs of theirs under way: erase again when they are over")


@router.post(
    "/account/export",
    action="account:write",
    step_up=True,
    status_code=202,
    response_model=ExportAsked,
)
async def ask_for_export(request: Request) -> Response:
    """Have all that the hub holds of you written into a zip, in the background."""
    hub = hub_of(request)

    @command("account:write")
    def ask(unit: UnitOfWork) -> str:
        unit.audit.append("account:export", f"user:{unit.call.principal.id}")
        return hub.jobs.enqueue(unit, EXPORT_JOB, {})

    job = await hub.database.run(in_unit, hub.database, call_of(request), ask)
    return json_response({"job": job}, 202)


@router.get(
    "/account/export/{job_id}",
    action="account:read",
    problems=(404, 409),
    responses={200: {"content": {"application/zip": {}}, "description": "The zip"}},
)
async def download_export(request: Request, job_id: str) -> Response:
    """The zip of a job of yours; it lies there for three days."""
    hub, call = hub_of(request), call_of(request)
    row = await hub.database.read_one(JOB, call, id=job_id)
    found = JOB.as_dict(row) if row else {}
    own = (found.get("kind"), found.get("actor")) == (EXPORT_JOB, actor_of(call))
    if not own:
        raise NotFoundError(f"no export {job_id[:40]}")
    if found["state"] != JobState.SUCCEEDED:
        raise ConflictError(f"the export is {found['state']}", cure="ask again when it is done")
    result = parsed(found["result"]) or {}
    if "blob" not in result:
        raise NotFoundError("this export is too old", cure="ask for another one")
    return FileResponse(
        hub.blobs.path(result["blob"]),
        media_type="application/zip",
        filename="my-data.zip",
        headers={"cache-control": "no-store"},
    )


@router.get(
    "/users/{user_id}/erasure",
    action="users:erase",
    step_up=True,
    response_model=ErasureOut,
    problems=(404,),
)
async def plan_erasure(request: Request, user_id: str) -> Response:
    """What erasing a person would change; changes nothing."""
    return await _erasure(request, service.plan, user_id)


@router.post(
    "/users/{user_id}/erasure",
    action="users:erase",
    step_up=True,
    response_model=ErasureOut,
    problems=(404, 409),
)
async def erase_person(request: Request, user_id: str) -> Response:
    """Erase a person: what they wrote stays, by nobody. There is no undo."""
    return await _erasure(request, service.erase, user_id)


async def _erasure(request: Request, command: Any, user_id: str) -> Response:
    hub = hub_of(request)
    sources = cast("HasSources", hub).sources
    done = await hub.database.run(command, hub.database, sources, call_of(request), user_id)
    return json_response(done.as_dict())
