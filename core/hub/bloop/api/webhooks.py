"""Webhooks: where an institution's events are sent, and what became of each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import expected_version, json_response
from bloop.store.database import in_unit
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.statements import to_dicts
from bloop.webhooks import service
from bloop.webhooks.models import DeliveryState
from bloop.webhooks.queries import DELIVERIES, ENDPOINT, ENDPOINTS

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(prefix="/api/v1/webhooks", tags=["webhooks"])

Name = Annotated[str, Field(min_length=1, max_length=120, examples=["Our CRM"])]
Url = Annotated[str, Field(min_length=1, max_length=2000, examples=["https://example.org/hooks"])]
Topics = Annotated[list[str], Field(examples=[["content.*", "user.created"]])]

_NEWEST = 2**62
_UNKEPT = {"cache-control": "no-store"}


class WebhookIn(BaseModel):
    """A new webhook. Topics may end in ``*``; ``*`` alone is every event."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    url: Url
    topics: Topics


class WebhookChange(BaseModel):
    """What is to change; the rest stays. Enabling one begins anew, with no failures."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    url: Url | None = None
    topics: Topics | None = None
    enabled: bool | None = None


class WebhookOut(BaseModel):
    """A webhook. ``failures`` counts those in a row; ``retry_at`` is then the next try."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    name: str
    url: str
    topics: list[str]
    enabled: bool
    disabled_reason: str | None = Field(examples=["it answered 410 Gone; the last: ..."])
    secret_version: int
    old_secret_until: datetime | None = Field(description="So long the secret before signs as well")
    failures: int
    failing_since: datetime | None
    retry_at: datetime | None
    created_at: datetime
    updated_at: datetime
    row_version: int


class WebhookWithSecret(WebhookOut):
    """The same with its secret, which no later answer holds."""

    secret: str = Field(examples=["whsec_..."])


class WebhookList(BaseModel):
    """All webhooks of the institution."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[WebhookOut]


class DeliveryOut(BaseModel):
    """An event for a webhook. ``answer`` is the beginning of the receiver's, secrets masked."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    seq: int
    id: str
    event_id: str = Field(description="What was sent as webhook-id")
    topic: str
    state: DeliveryState
    attempts: int
    status: int | None
    duration_ms: int | None
    answer: str | None
    reason: str | None = Field(description="Why the last try failed")
    created_at: datetime
    tried_at: datetime | None


class DeliveryList(BaseModel):
    """Deliveries, newest first; ``next`` is for ``before``."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[DeliveryOut]
    next: int | None


class Rotation(BaseModel):
    """For so long the secret before signs as well; 0 where it has leaked."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: float = Field(24.0, ge=0, le=24 * 30)


class Again(BaseModel):
    """Which deliveries to send again: one, or all that failed of what was written since a time."""

    model_config = ConfigDict(extra="forbid")

    delivery: str | None = None
    failed_since: AwareDatetime | None = None


class AgainOut(BaseModel):
    """How many are sent again."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    deliveries: int


class PingOut(BaseModel):
    """What became of a test."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    delivery: str
    delivered: bool
    status: int | None
    duration_ms: int
    answer: str | None
    reason: str | None


@router.get("", action="webhooks:read", response_model=WebhookList)
async def list_webhooks(request: Request) -> Response:
    """The institution's webhooks, the oldest first."""
    rows = await hub_of(request).database.read(ENDPOINTS, call_of(request))
    return json_response({"items": to_dicts(ENDPOINTS, rows)})


@router.post(
    "",
    action="webhooks:write",
    status_code=201,
    response_model=WebhookWithSecret,
    problems=(409, 422),
)
async def create_webhook(request: Request, body: WebhookIn) -> Response:
    """Have events sent to a URL, signed with a secret that only this answer holds."""
    hub = _hub(request)
    made = await hub.database.run(
        in_unit,
        hub.database,
        call_of(request),
        service.create,
        hub.webhooks.keyring,
        hub.webhooks.guard,
        name=body.name,
        url=body.url,
        topics=body.topics,
    )
    endpoint_id, secret = made
    found = await _row(request, endpoint_id) | {"secret": secret}
    return json_response(found, 201, version=found["row_version"], headers=_UNKEPT)


@router.get("/{webhook_id}", action="webhooks:read", response_model=WebhookOut, problems=(404,))
async def show_webhook(request: Request, webhook_id: str) -> Response:
    """One webhook."""
    found = await _row(request, webhook_id)
    # What its tries have written is no version of it, so there is no 304.
    return json_response(found, version=found["row_version"])


@router.patch(
    "/{webhook_id}",
    action="webhooks:write",
    response_model=WebhookOut,
    problems=(404, 412, 422, 428),
)
async def change_webhook(request: Request, webhook_id: str, body: WebhookChange) -> Response:
    """Change its name, URL or topics, switch it off, or on again."""
    hub = _hub(request)
    await hub.database.run(
        in_unit,
        hub.database,
        call_of(request),
        service.change,
        hub.webhooks.guard,
        webhook_id,
        expected_version(request),
        body.model_dump(exclude_none=True),
    )
    found = await _row(request, webhook_id)
    return json_response(found, version=found["row_version"])


@router.delete("/{webhook_id}", action="webhooks:write", status_code=204, problems=(404, 412, 428))
async def remove_webhook(request: Request, webhook_id: str) -> Response:
    """Remove it with its log; nothing more is sent."""
    database = hub_of(request).database
    version = expected_version(request)
    await database.run(in_unit, database, call_of(request), service.remove, webhook_id, version)
    return Response(status_code=204)


@router.post(
    "/{webhook_id}/rotate",
    action="webhooks:write",
    response_model=WebhookWithSecret,
    problems=(404, 422),
)
async def rotate_webhook_secret(request: Request, webhook_id: str, body: Rotation) -> Response:
    """Give it a new secret, which only this answer holds; the one before signs for a while too."""
    hub = _hub(request)
    secret = await hub.database.run(
        in_unit,
        hub.database,
        call_of(request),
        service.rotate,
        hub.webhooks.keyring,
        webhook_id,
        timedelta(hours=body.overlap_hours),
    )
    found = await _row(request, webhook_id) | {"secret": secret}
    return json_response(found, version=found["row_version"], headers=_UNKEPT)


@router.post("/{webhook_id}/test", action="webhooks:write", response_model=PingOut, problems=(404,))
async def test_webhook(request: Request, webhook_id: str) -> Response:
    """Send a webhook.ping now, and tell what came of it; also to one that is disabled."""
    delivery, outcome = await _hub(request).webhooks.ping(call_of(request), webhook_id)
    return json_response(outcome.told(delivery))


@router.get(
    "/{webhook_id}/deliveries",
    action="webhooks:read",
    response_model=DeliveryList,
    problems=(404, 422),
)
async def list_webhook_deliveries(
    request: Request,
    webhook_id: str,
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    before: Annotated[int, Field(ge=1, le=_NEWEST)] = _NEWEST,
    state: Annotated[str, Field(pattern="^(waiting|delivered|failed)?$")] = "",
) -> Response:
    """What was sent to it, and what became of that."""
    await _row(request, webhook_id)
    rows = await hub_of(request).database.read(
        DELIVERIES,
        call_of(request),
        endpoint=webhook_id,
        before=before,
        state=state,
        limit=limit + 1,
    )
    items = to_dicts(DELIVERIES, rows[:limit])
    return json_response({"items": items, "next": items[-1]["seq"] if len(rows) > limit else None})


@router.post(
    "/{webhook_id}/redeliver",
    action="webhooks:write",
    response_model=AgainOut,
    problems=(404, 409, 422),
)
async def redeliver_webhook(request: Request, webhook_id: str, body: Again) -> Response:
    """Send one delivery again, or all that failed since a time, with all their tries."""
    hub = _hub(request)
    if (body.delivery is None) == (body.failed_since is None):
        raise InvalidError("name either a delivery or failed_since", field="delivery")
    act: Any = service.redeliver if body.failed_since is None else service.redeliver_failed
    which = body.failed_since or body.delivery
    number = await hub.database.run(in_unit, hub.database, call_of(request), act, webhook_id, which)
    hub.webhooks.wake()
    return json_response({"deliveries": number})


def _hub(request: Request) -> Hub:
    return cast("Hub", hub_of(request))


async def _row(request: Request, webhook_id: str) -> dict[str, Any]:
    row = await hub_of(request).database.read_one(ENDPOINT, call_of(request), id=webhook_id)
    if row is None:
        raise NotFoundError(f"no webhook {webhook_id[:40]}")
    return ENDPOINT.as_dict(row)
