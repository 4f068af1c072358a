"""The steps of setting up: how far an institution is, what is put away, what plugins would add."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import job_started, json_response
from bloop.content.schemas import JobStarted
from bloop.hub.setup import service
from bloop.hub.setup.sample import bring_sample
from bloop.hub.setup.schemas import DismissalIn, SetupOut
from bloop.hub.setup.steps import Setup, check_step, survey
from bloop.store.database import in_unit

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(prefix="/api/v1", tags=["setup"])


@router.get("/setup", action="institutions:configure", response_model=SetupOut)
async def show_setup(request: Request) -> Response:
    """How far the institution is on its way to a first lesson."""
    return await _told(request)


@router.put(
    "/setup/steps/{step}/dismissal",
    action="institutions:configure",
    response_model=SetupOut,
    problems=(404, 422),
)
async def dismiss_step(request: Request, step: str, body: DismissalIn) -> Response:
    """Put a step away, for oneself or for everybody; the same again changes nothing."""
    hub, call = _hub(request), call_of(request)
    await check_step(hub, call, step)
    await hub.database.run(in_unit, hub.database, call, service.dismiss, step, for_all=body.for_all)
    return await _told(request)


@router.delete(
    "/setup/steps/{step}/dismissal",
    action="institutions:configure",
    response_model=SetupOut,
    problems=(404,),
)
async def restore_step(request: Request, step: str) -> Response:
    """Bring a step back, for oneself and for everybody."""
    hub, call = _hub(request), call_of(request)
    await check_step(hub, call, step)
    await hub.database.run(in_unit, hub.database, call, service.restore, step)
    return await _told(request)


@router.post(
    "/setup/sample",
    action="content:import",
    response_model=JobStarted,
    status_code=202,
    problems=(422, 503),
)
async def take_sample(request: Request) -> Response:
    """Import the sample course that comes with the hub; where it is already, nothing is written."""
    job = await bring_sample(_hub(request), call_of(request))
    return job_started(job)


def as_json(found: Setup) -> dict[str, Any]:
    """A survey as the API and the command line give it."""
    return {"done": found.done, "total": found.total, **asdict(found)}


async def _told(request: Request) -> Response:
    return json_response(as_json(await survey(_hub(request), call_of(request))))


def _hub(request: Request) -> Hub:
    return cast("Hub", hub_of(request))
