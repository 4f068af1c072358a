"""Whether the hub lives, whether it is ready, and its metrics."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import VISIT, may, require
from bloop.accounts.http import json_response

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["operations"])


class Alive(BaseModel):
    """The process answers."""

    model_config = ConfigDict(defer_build=True)

    status: str = Field(examples=["alive"])


class CheckOut(BaseModel):
    """One check; ``ok`` null means that nobody knows."""

    model_config = ConfigDict(defer_build=True)

    name: str = Field(examples=["database"])
    ok: bool | None
    detail: str = Field("", examples=["sqlite"])
    cure: str | None = None


class Readiness(BaseModel):
    """``ready``, ``loading`` or ``unready``; the checks are for operators and this machine."""

    model_config = ConfigDict(defer_build=True)

    status: str = Field(examples=["ready"])
    checks: list[CheckOut] | None = None


@router.get("/healthz", action=VISIT, response_model=Alive)
async def healthz(_request: Request) -> Response:
    """Whether the process answers; it asks nobody else."""
    return json_response({"status": "alive"})


@router.get(
    "/readyz", action=VISIT, response_model=Readiness, responses={503: {"model": Readiness}}
)
async def readyz(request: Request) -> Response:
    """Whether the hub can do its work: 200, or 503 with the reasons."""
    from bloop.ops.health import report

    hub = cast("Hub", hub_of(request))
    lines = await report(hub)
    ready = all(line.ok is not False for line in lines)
    status = "ready" if ready else "loading" if hub.loading else "unready"
    body: dict[str, object] = {"status": status}
    if _is_local(request) or may(call_of(request), "ops:read"):
        body["checks"] = [asdict(line) for line in lines]
    return json_response(body, 200 if ready else 503)


@router.get("/metrics", action=VISIT, include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Prometheus's text format, for this machine and for operators."""
    if not _is_local(request):
        require(call_of(request), "ops:read")
    from bloop.telemetry.metrics import CONTENT_TYPE
    from bloop.telemetry.metrics import metrics as collected

    running = request.scope["bloop.edge"].deadlines.running
    collected().requests_running.set(len(running))
    return Response(collected().render(), headers={"content-type": CONTENT_TYPE})


def _is_local(request: Request) -> bool:
    """Whether the client sits on this machine; behind a proxy nobody does."""
    client = request.client
    forwarded = {"forwarded", "x-forwarded-for"} & set(request.headers)
    return client is not None and client.host in {"127.0.0.1", "::1"} and not forwarded
