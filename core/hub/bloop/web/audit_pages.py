"""The page of the audit log: who did what, and up to when it is known to be whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlencode

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.queries import AUDIT
from bloop.api.audit import NEWEST, between
from bloop.store.errors import InvalidError
from bloop.store.statements import parsed, to_dicts
from bloop.web.moments import moment
from bloop.web.render import locale_of, page

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["pages"])

LINES_AT_ONCE = 50
Wish = Annotated[str, Field(max_length=120)]


@router.get("/audit", action="audit:read", problems=(422,), include_in_schema=False)
async def show_audit(
    request: Request,
    actor: Wish = "",
    action: Wish = "",
    resource: Wish = "",
    since: Wish = "",
    until: Wish = "",
    before: Annotated[int, Field(ge=1, le=NEWEST)] = NEWEST,
) -> Response:
    """The institution's log, newest first, as far as it fits what is asked for."""
    hub, call, locale = cast("Hub", hub_of(request)), call_of(request), locale_of(request)
    wishes = {"actor": actor, "action": action, "resource": resource}
    times = {"since": since, "until": until}
    wrong = None
    try:
        bounds = between(since, until)
    except InvalidError as err:
        wrong, bounds = err.field, between("", "")
    rows = await hub.database.read(
        AUDIT, call, before=before, limit=LINES_AT_ONCE + 1, **wishes, **bounds
    )
    lines = [_view(row, locale) for row in to_dicts(AUDIT, rows[:LINES_AT_ONCE])]
    standing = hub.auditing.standing(call.institution)
    chosen = {name: text for name, text in {**wishes, **times}.items() if text}
    return await page(
        request,
        "audit.html",
        lines=lines,
        wishes={**wishes, **times},
        is_filtered=bool(chosen),
        wrong=wrong,
        query=urlencode(chosen),
        is_first=before == NEWEST,
        older=lines[-1]["seq"] if len(rows) > LINES_AT_ONCE else None,
        standing=standing,
        anchored=moment(standing.at, locale),
    )


def _view(row: dict[str, Any], locale: str) -> dict[str, Any]:
    detail = parsed(row["detail"]) or {}
    told = ", ".join(f"{name}: {_told(value)}" for name, value in detail.items())
    return row | {"at": moment(row["at"], locale), "told": told}


def _told(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
