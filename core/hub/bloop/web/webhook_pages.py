"""The pages of webhooks: where an institution's events are sent, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.hub.catalogue import catalogue
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.statements import parsed, to_dicts
from bloop.web.job_pages import LIVE
from bloop.web.moments import moment
from bloop.web.render import locale_of, page
from bloop.webhooks import service
from bloop.webhooks.queries import DELIVERIES, ENDPOINT, ENDPOINTS
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["pages"])

DELIVERIES_AT_ONCE = 25
LONGEST_NAME = 120
LONGEST_URL = 2000

_NEWEST = 2**62
_EVER = datetime(1970, 1, 1, tzinfo=UTC)

Before = Annotated[int, Field(ge=1, le=_NEWEST)]
Count = Annotated[int, Field(ge=0)]
Said = Annotated[str, Field(pattern="^(delivered|failed)?$")]


@router.get("/webhooks", action="webhooks:read", include_in_schema=False)
async def show_webhooks(request: Request) -> Response:
    """The institution's webhooks with their states."""
    rows = await hub_of(request).database.read(ENDPOINTS, call_of(request))
    shown = [_endpoint(row, request) for row in to_dicts(ENDPOINTS, rows)]
    return await page(
        request,
        "webhooks.html",
        script=LIVE,
        webhooks=shown,
        may_write=may(call_of(request), "webhooks:write"),
    )


@router.get("/webhooks/new", action="webhooks:write", step_up=True, include_in_schema=False)
async def ask_for_webhook(request: Request) -> Response:
    """The form of a new webhook."""
    return await _form(request, {"name": "", "url": "", "topics": "content.*"})


@router.post("/webhooks/new", action="webhooks:write", step_up=True, include_in_schema=False)
async def create_webhook(request: Request) -> Response:
    """Make a webhook, and show its secret this once; or the form again with what is wrong."""
    hub = cast("Hub", hub_of(request))
    given = await read_form(request)
    form = {name: given[name].strip() for name in ("name", "url", "topics")}
    try:
        _check(form)
        endpoint_id, secret = await hub.database.run(
            in_unit,
            hub.database,
            call_of(request),
            service.create,
            hub.webhooks.keyring,
            hub.webhooks.guard,
            name=form["name"],
            url=form["url"],
            topics=form["topics"].split(),
        )
    except (InvalidError, ConflictError) as err:
        return await _form(request, form, err)
    made = await page(
        request, "webhook_made.html", id=endpoint_id, name=form["name"], secret=secret
    )
    made.headers["cache-control"] = "no-store"
    return made


@router.get(
    "/webhooks/{webhook_id}", action="webhooks:read", problems=(404,), include_in_schema=False
)
async def show_webhook(
    request: Request,
    webhook_id: str,
    before: Before = _NEWEST,
    tested: Said = "",
    again: Count = 0,
) -> Response:
    """One webhook and what was sent to it, newest first."""
    webhook = await _found(request, webhook_id)
    sent = await _deliveries(request, webhook_id, before, DELIVERIES_AT_ONCE + 1)
    shown = sent[:DELIVERIES_AT_ONCE]
    failed = await _deliveries(request, webhook_id, _NEWEST, 1, state="failed")
    locale = locale_of(request)
    return await page(
        request,
        "webhook.html",
        script=LIVE,
        webhook=webhook,
        deliveries=[
            one | {"at": moment(one["tried_at"] or one["created_at"], locale)} for one in shown
        ],
        any_failed=bool(failed),
        older=shown[-1]["seq"] if len(sent) > len(shown) else None,
        is_first=before == _NEWEST,
        may_write=may(call_of(request), "webhooks:write"),
        tested=tested,
        again=again,
    )


@router.post(
    "/webhooks/{webhook_id}/enable",
    action="webhooks:write",
    problems=(404,),
    include_in_schema=False,
)
async def enable_webhook(request: Request, webhook_id: str) -> Response:
    """Send to it again, with no failures on its account."""
    return await _switch(request, webhook_id, enabled=True)


@router.post(
    "/webhooks/{webhook_id}/disable",
    action="webhooks:write",
    problems=(404,),
    include_in_schema=False,
)
async def disable_webhook(request: Request, webhook_id: str) -> Response:
    """Send nothing more to it."""
    return await _switch(request, webhook_id, enabled=False)


@router.get(
    "/webhooks/{webhook_id}/disable",
    action="webhooks:write",
    problems=(404,),
    include_in_schema=False,
)
async def ask_to_disable(request: Request, webhook_id: str) -> Response:
    """What switching a webhook off would lose, and the button."""
    webhook = await _found(request, webhook_id)
    return await page(request, "webhook_disable.html", webhook=webhook)


@router.post(
    "/webhooks/{webhook_id}/test", action="webhooks:write", problems=(404,), include_in_schema=False
)
async def test_webhook(request: Request, webhook_id: str) -> Response:
    """Send a webhook.ping now; its line tells what came of it."""
    hub = cast("Hub", hub_of(request))
    _, outcome = await hub.webhooks.ping(call_of(request), webhook_id)
    said = "delivered" if outcome.reason is None else "failed"
    return RedirectResponse(f"/webhooks/{webhook_id}?tested={said}", 303)


@router.post(
    "/webhooks/{webhook_id}/redeliver",
    action="webhooks:write",
    problems=(404, 409),
    include_in_schema=False,
)
async def redeliver(request: Request, webhook_id: str) -> Response:
    """Send one delivery again, or all that failed where the form names none."""
    hub = cast("Hub", hub_of(request))
    delivery = (await read_form(request))["delivery"]
    act: Any = service.redeliver if delivery else service.redeliver_failed
    which = delivery or _EVER
    number = await hub.database.run(in_unit, hub.database, call_of(request), act, webhook_id, which)
    hub.webhooks.wake()
    return RedirectResponse(f"/webhooks/{webhook_id}?again={number}", 303)


async def _switch(request: Request, webhook_id: str, *, enabled: bool) -> Response:
    hub = cast("Hub", hub_of(request))
    await hub.database.run(
        in_unit,
        hub.database,
        call_of(request),
        service.change,
        hub.webhooks.guard,
        webhook_id,
        None,
        {"enabled": enabled},
    )
    return RedirectResponse(f"/webhooks/{webhook_id}", 303)


async def _found(request: Request, webhook_id: str) -> dict[str, Any]:
    row = await hub_of(request).database.read_one(ENDPOINT, call_of(request), id=webhook_id)
    if row is None:
        raise NotFoundError(f"no webhook {webhook_id[:40]}")
    return _endpoint(ENDPOINT.as_dict(row), request)


async def _deliveries(
    request: Request, webhook_id: str, before: int, limit: int, *, state: str = ""
) -> list[dict[str, Any]]:
    which = {"endpoint": webhook_id, "before": before, "limit": limit, "state": state}
    rows = await hub_of(request).database.read(DELIVERIES, call_of(request), **which)
    return to_dicts(DELIVERIES, rows)


def _check(form: Mapping[str, str]) -> None:
    for name, longest in (("name", LONGEST_NAME), ("url", LONGEST_URL)):
        if not 1 <= len(form[name]) <= longest:
            raise InvalidError(f"it has 1 to {longest} characters", field=name)


async def _form(
    request: Request, form: Mapping[str, str], error: BloopError | None = None
) -> Response:
    return await page(
        request,
        "webhook_new.html",
        status=422 if error else 200,
        form=form,
        error=error,
        wrong=getattr(error, "field", None),
        topics=[topic.name for topic in catalogue()],
    )


def _endpoint(row: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """A webhook with its state in a word, and its times."""
    locale = locale_of(request)
    by_hand = row["disabled_reason"] == service.BY_HAND
    state = "active" if not row["failing_since"] else "failing"
    if not row["enabled"]:
        state = "disabled" if by_hand else "given_up"
    times = {name: moment(row[name], locale) for name in ("failing_since", "retry_at")}
    return {**row, **times, "state": state, "topics": parsed(row["topics"])}
