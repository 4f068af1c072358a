"""What can be done with a connection: check, discover, sync, pause, new secrets, and hints."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import VISIT
from bloop.accounts.http import job_started, json_response
from bloop.api.connections import (
    ConnectionOut,
    Names,
    Secrets,
    answer,
    hub_for,
    own_connection,
    plain,
    run,
)
from bloop.content.connection_queries import QUARANTINED, RUNS
from bloop.content.schemas import JobStarted, QuarantineList, RunOut
from bloop.content.syncing import ask_for_retry, ask_for_sync
from bloop.hub import authorizing, connections, hints, stopping
from bloop.hub.connection_views import survey, view
from bloop.store.statements import to_dicts
from bloop_sdk import WebhookRequest

router = Router(prefix="/api/v1/connections", tags=["connections"])

OUTSIDE_SECONDS = 120.0
"""So long an answer may take that another system is asked for."""
LONGEST_REF = 300
_NEWEST = 2**31 - 1


class SyncIn(BaseModel):
    """How to read: all anew, only to tell, some streams alone, and whether much may be gone."""

    model_config = ConfigDict(extra="forbid")

    full: bool = Field(False, description="From the beginning, not only what has changed")
    dry_run: bool = Field(False, description="Write nothing, and tell what would be written")
    confirm_deletes: bool = Field(False, description="Accept that most of a course is gone")
    streams: Names | None = Field(None, description="Only these, this once")


class RotateIn(BaseModel):
    """New secrets by their names; those that are left out stay, null removes one."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    secrets: Secrets = Field(examples=[{"token": "..."}])


class RetryIn(BaseModel):
    """Which records to fetch again; without ``refs`` all that are in quarantine."""

    model_config = ConfigDict(extra="forbid")

    refs: Annotated[list[str], Field(max_length=10_000)] | None = Field(
        None, examples=[["page:42"]]
    )


class JobsStarted(BaseModel):
    """Work goes on in the background."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    jobs: list[str]


class Offered(BaseModel):
    """A course or notebook of the other system."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    remote_id: str
    kind: str = Field(examples=["course"])
    title: str
    code: str | None
    term: str | None
    selected: bool


class StreamOffered(BaseModel):
    """A part of what can be read."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    name: str = Field(examples=["pages"])
    kinds: list[str]
    optional: bool = Field(description="What it lacks the permission for is a gap, and no failure")
    selected: bool


class Discovered(BaseModel):
    """What there is to choose from, and what this system can do."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    containers: list[Offered]
    streams: list[StreamOffered]
    writes: list[str]
    webhooks: bool


class RunList(BaseModel):
    """Runs, the newest first; ``next`` is for ``before``."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[RunOut]
    next: int | None


class DeviceLoginOut(BaseModel):
    """What somebody types where, and for how many seconds; ``ticket`` is for asking after it."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    user_code: str
    verification_url: str
    expires_in: float
    interval: float
    ticket: str


class DevicePollIn(BaseModel):
    """The ticket of a login that was begun."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    ticket: Annotated[str, Field(min_length=1, max_length=20_000)]


class DeviceLoginState(BaseModel):
    """Whether somebody has logged in by now."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    logged_in: bool


class HintsAddress(BaseModel):
    """Where hints come in."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    url: str = Field(description="For the other system; a subscription can be begun with it")
    to_confirm: str | None = Field(
        description="The secret that a subscription has brought, until it is pasted over there"
    )


class HintsTaken(BaseModel):
    """How many hints there were."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    hints: int


@router.post(
    "/{connection_id}/check",
    action="connections:write",
    also=own_connection,
    response_model=ConnectionOut,
    deadline=OUTSIDE_SECONDS,
    problems=(404, 409, 422, 503),
)
async def check_connection(request: Request, connection_id: str) -> Response:
    """Ask the other system who the credential is and what it lacks; the answer's state tells."""
    await connections.check(hub_for(request), call_of(request), connection_id)
    return await answer(request, connection_id)


@router.post(
    "/{connection_id}/discover",
    action="connections:read",
    also=own_connection,
    response_model=Discovered,
    deadline=OUTSIDE_SECONDS,
    problems=(404, 422, 502, 503),
)
async def discover_of_connection(request: Request, connection_id: str) -> Response:
    """Ask the other system which courses there are to choose from, and what can be read of them."""
    hub, call = hub_for(request), call_of(request)
    selected = (await view(hub, call, connection_id))["selected"]
    found = await survey(hub, call, connection_id)
    chosen, streams = selected.get("containers"), selected.get("streams")
    containers = [
        {
            "remote_id": one.remote_id,
            "kind": str(one.kind),
            "title": one.title,
            "code": one.code,
            "term": one.term.title if one.term else None,
            "selected": chosen is None or one.remote_id in chosen,
        }
        for one in found.containers
    ]
    offered = [
        {
            "name": one.name,
            "kinds": sorted(map(str, one.kinds)),
            "optional": one.optional,
            "selected": streams is None or one.name in streams,
        }
        for one in found.spec.streams
    ]
    return json_response(
        {
            "containers": containers,
            "streams": offered,
            "writes": sorted(found.spec.writes),
            "webhooks": found.spec.webhooks,
        }
    )


@router.post(
    "/{connection_id}/sync",
    action="connections:write",
    also=own_connection,
    status_code=202,
    response_model=JobStarted,
    problems=(404, 409, 422),
)
async def sync_connection(request: Request, connection_id: str, body: SyncIn) -> Response:
    """Have it read in the background; while that goes on, another one is the same."""
    enqueue = hub_of(request).jobs.enqueue
    job = await run(request, ask_for_sync, connection_id, **body.model_dump(), enqueue=enqueue)
    return job_started(job)


@router.get(
    "/{connection_id}/runs",
    action="connections:read",
    also=own_connection,
    response_model=RunList,
    problems=(404,),
)
async def list_runs(
    request: Request,
    connection_id: str,
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    before: Annotated[int, Field(ge=1, le=_NEWEST)] = _NEWEST,
) -> Response:
    """Its readings with their counts, the newest first."""
    hub, call = hub_for(request), call_of(request)
    await view(hub, call, connection_id)
    rows = await hub.database.read(
        RUNS, call, connection=connection_id, before=before, limit=limit + 1
    )
    items = to_dicts(RUNS, rows[:limit])
    more = items[-1]["generation"] if len(rows) > limit else None
    return json_response({"items": items, "next": more})


@router.get(
    "/{connection_id}/quarantine",
    action="connections:read",
    also=own_connection,
    response_model=QuarantineList,
    problems=(404,),
)
async def list_quarantined(
    request: Request,
    connection_id: str,
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    after: Annotated[str, Field(max_length=LONGEST_REF)] = "",
) -> Response:
    """Its records that could not be used, and why."""
    hub, call = hub_for(request), call_of(request)
    await view(hub, call, connection_id)
    rows = await hub.database.read(
        QUARANTINED, call, connection=connection_id, after=after, limit=limit + 1
    )
    items = to_dicts(QUARANTINED, rows[:limit])
    return json_response({"items": items, "next": items[-1]["ref"] if len(rows) > limit else None})


@router.post(
    "/{connection_id}/quarantine/retry",
    action="connections:write",
    also=own_connection,
    status_code=202,
    response_model=JobsStarted,
    problems=(404, 409, 422),
)
async def retry_quarantined(request: Request, connection_id: str, body: RetryIn) -> Response:
    """Have records fetched again that could not be used."""
    enqueue = hub_of(request).jobs.enqueue
    jobs = await run(request, ask_for_retry, connection_id, body.refs, enqueue=enqueue)
    return json_response({"jobs": jobs}, 202)


@router.post(
    "/{connection_id}/pause",
    action="connections:end",
    also=own_connection,
    response_model=ConnectionOut,
    problems=(404,),
)
async def pause_connection(request: Request, connection_id: str) -> Response:
    """Read nothing more of it until it is resumed; a sync under way is stopped."""
    await stopping.pause(hub_for(request), call_of(request), connection_id)
    return await answer(request, connection_id)


@router.post(
    "/{connection_id}/resume",
    action="connections:write",
    also=own_connection,
    response_model=ConnectionOut,
    deadline=OUTSIDE_SECONDS,
    problems=(404, 409, 503),
)
async def resume_connection(request: Request, connection_id: str) -> Response:
    """Check it, and have it read by its schedule again."""
    await connections.resume(hub_for(request), call_of(request), connection_id)
    return await answer(request, connection_id)


@router.post(
    "/{connection_id}/rotate",
    action="connections:write",
    also=own_connection,
    step_up=True,
    response_model=ConnectionOut,
    deadline=OUTSIDE_SECONDS,
    problems=(404, 409, 422, 502, 503),
)
async def rotate_secrets(request: Request, connection_id: str, body: RotateIn) -> Response:
    """Change secrets once the other system has taken the new ones; until then the old ones hold."""
    hub, call = hub_for(request), call_of(request)
    await connections.rotate(hub, call, connection_id, plain(body.secrets))
    return await answer(request, connection_id)


@router.post(
    "/{connection_id}/device-login",
    action="connections:write",
    also=own_connection,
    step_up=True,
    response_model=DeviceLoginOut,
    deadline=OUTSIDE_SECONDS,
    problems=(404, 422, 502, 503),
)
async def begin_device_login(request: Request, connection_id: str) -> Response:
    """Begin a login by a code that somebody types at the other system, on any device."""
    hub, call = hub_for(request), call_of(request)
    login = await authorizing.begin_device(hub, call, connection_id)
    return json_response(
        {
            "user_code": login.user_code,
            "verification_url": login.verification_url,
            "expires_in": login.expires_in,
            "interval": login.interval,
            "ticket": await authorizing.ticket_of(hub, call, connection_id, login),
        },
        headers={"cache-control": "no-store"},
    )


@router.post(
    "/{connection_id}/device-login/poll",
    action="connections:write",
    also=own_connection,
    response_model=DeviceLoginState,
    deadline=OUTSIDE_SECONDS,
    problems=(404, 422, 502, 503),
)
async def poll_device_login(request: Request, connection_id: str, body: DevicePollIn) -> Response:
    """Ask whether somebody has logged in; no more often than once in ``interval`` seconds."""
    hub, call = hub_for(request), call_of(request)
    login = await authorizing.login_of(hub, call, connection_id, body.ticket)
    status = await authorizing.poll_device(hub, call, connection_id, login)
    return json_response({"logged_in": status is not None})


@router.get(
    "/{connection_id}/hints",
    action="connections:write",
    response_model=HintsAddress,
    problems=(404, 422, 503),
)
async def show_hints_address(request: Request, connection_id: str) -> Response:
    """The address that the other system is given, and what it waits for somebody to paste there."""
    found = await hints.address(hub_for(request), call_of(request), connection_id)
    return json_response(asdict(found), headers={"cache-control": "no-store"})


@router.post(
    "/{connection_id}/hints",
    action=VISIT,
    status_code=202,
    response_model=HintsTaken,
    problems=(404,),
)
async def take_hints(request: Request, connection_id: str) -> Response:
    """Where the other system says that something has changed, signed as its plugin expects.

    What it says is not believed, but has the records fetched that it names.
    """
    came = WebhookRequest(
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.body(),
        received_at=time.time(),
        query=dict(request.query_params),
    )
    number = await hints.take(hub_for(request), connection_id, came)
    return json_response({"hints": number}, 202)
