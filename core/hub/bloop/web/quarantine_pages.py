"""The page of what could not be used of all connections: why, and fetching it again.

Notes that were changed on both sides stand beside it: they wait for somebody, too.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.people.routes import run
from bloop.content.notes.queries import CONFLICTS
from bloop.content.syncing import ask_for_retry
from bloop.store.errors import InvalidError
from bloop.store.statements import to_dicts
from bloop.web.job_pages import Place
from bloop.web.moments import moment
from bloop.web.queries import QUARANTINE_COUNTS, QUARANTINE_OF
from bloop.web.render import locale_of, page
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

RECORDS_AT_ONCE = 50
CONFLICTS_AT_ONCE = 10

Wish = Annotated[str, Field(max_length=60)]
Count = Annotated[int, Field(ge=0)]


@router.get("/quarantine", action="connections:read", include_in_schema=False)
async def show_quarantine(
    request: Request,
    connection: Place = "",
    code: Wish = "",
    after: Place = "",
    asked: Count = 0,
) -> Response:
    """What could not be used: of a connection, for a reason, or all; ``asked`` jobs fetch some."""
    database, call, locale = hub_of(request).database, call_of(request), locale_of(request)
    wishes = {"connection": connection, "code": code}
    counted = to_dicts(QUARANTINE_COUNTS, await database.read(QUARANTINE_COUNTS, call))
    rows = await database.read(
        QUARANTINE_OF, call, **wishes, after=after, limit=RECORDS_AT_ONCE + 1
    )
    records = [_view(row, locale) for row in to_dicts(QUARANTINE_OF, rows[:RECORDS_AT_ONCE])]
    sees_notes = may(call, "content:write")
    conflicts = (
        await database.read(CONFLICTS, call, after="", limit=CONFLICTS_AT_ONCE)
        if sees_notes
        else []
    )
    return await page(
        request,
        "quarantine.html",
        records=records,
        count=sum(row["count"] for row in counted),
        systems=_sums(counted, "connection", "system"),
        codes=_sums(counted, "code", "code"),
        wishes=wishes,
        conflicts=to_dicts(CONFLICTS, conflicts),
        may_retry=may(call, "connections:write"),
        is_first=not after,
        later=_query(wishes, records[-1]["id"]) if len(rows) > RECORDS_AT_ONCE else None,
        first=_query(wishes, ""),
        asked=asked,
    )


@router.post(
    "/quarantine/retry",
    action="connections:write",
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def retry(request: Request) -> Response:
    """Have one record of a connection fetched again, or all of them."""
    form = await read_form(request)
    if not form["connection"]:
        raise InvalidError("the form names no connection", cure="load the page again")
    refs, enqueue = ([form["ref"]] if form["ref"] else None), hub_of(request).jobs.enqueue
    jobs = await run(request, ask_for_retry, form["connection"], refs, enqueue=enqueue)
    chosen = {"connection": form["connection"], "asked": len(jobs)}
    return RedirectResponse(f"/quarantine?{urlencode(chosen)}", 303)


def _view(row: dict[str, Any], locale: str) -> dict[str, Any]:
    return row | {"first": moment(row["first_at"], locale), "last": moment(row["last_at"], locale)}


def _sums(counted: list[dict[str, Any]], key: str, name: str) -> list[dict[str, Any]]:
    """How many records there are of each, the most first."""
    found: dict[str, dict[str, Any]] = {}
    for row in counted:
        one = found.setdefault(row[key], {"key": row[key], "name": row[name], "count": 0})
        one["count"] += row["count"]
    return sorted(found.values(), key=lambda one: -one["count"])


def _query(wishes: dict[str, str], after: str) -> str:
    return urlencode({key: text for key, text in {**wishes, "after": after}.items() if text})
