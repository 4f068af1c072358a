"""The page of the audit log: who did what, whether anybody changed it, and its way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlencode

from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.people.routes import run
from bloop.accounts.queries import AUDIT
from bloop.api.audit import NEWEST, between
from bloop.hub.audit_checks import ask_to_verify, last_check
from bloop.store.errors import InvalidError
from bloop.store.statements import parsed, to_dicts
from bloop.web.amounts import number
from bloop.web.job_pages import LIVE
from bloop.web.job_views import JobWords
from bloop.web.moments import moment, on_day
from bloop.web.refusal_words import said
from bloop.web.render import locale_of, page, translations_of

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
    translate = translations_of(locale).gettext
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
        script=LIVE,
        fault=standing.fault,
        standing=standing,
        anchored=moment(standing.at, locale),
        check=_check(request, await last_check(hub, call), translate),
        sees_jobs=may(call, "jobs:read"),
    )


@router.post("/audit/verify", action="audit:read", include_in_schema=False)
async def verify(request: Request) -> Response:
    """Have the institution's log checked, and show how far that is."""
    await run(request, ask_to_verify, enqueue=hub_of(request).jobs.enqueue)
    return RedirectResponse("/audit", 303)


def _check(
    request: Request, row: dict[str, Any] | None, translate: Callable[[str], str]
) -> dict[str, Any] | None:
    """The check that was asked for last, in words: its ``job``, and what was ``found``."""
    if row is None:
        return None
    locale, found = locale_of(request), row["result"]
    shown = JobWords(call_of(request), locale, translate).view(row | {"asker": None})
    if shown.state != "succeeded":
        return {"job": shown, "found": None}
    fault = found["fault"]
    told = {
        "good": found["good"],
        "lines": found["lines"],
        "count": number(found["lines"], locale),
        "begun": on_day(found["from"], locale) if found["from"] else "",
        "ended": on_day(found["to"], locale) if found["to"] else "",
        "fault": said(_place(fault), translate) if fault else "",
    }
    return {"job": shown, "found": told}


def _place(fault: dict[str, Any]) -> str:
    """As the log's standing says it."""
    reason: str = fault["reason"]
    return f"line {fault['seq']} {reason}" if fault["seq"] else reason


def _view(row: dict[str, Any], locale: str) -> dict[str, Any]:
    detail = parsed(row["detail"]) or {}
    told = ", ".join(f"{name}: {_told(value)}" for name, value in detail.items())
    return row | {"at": moment(row["at"], locale), "told": told}


def _told(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
