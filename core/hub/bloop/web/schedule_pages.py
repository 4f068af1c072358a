"""The page of what starts by itself: when next, how it went; starting it now, and pausing it."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.people.routes import run
from bloop.jobs import schedules
from bloop.jobs.queries import SCHEDULES
from bloop.store.errors import InvalidError
from bloop.store.statements import parsed, to_dicts
from bloop.web.moments import moment, span
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk._intervals import interval_seconds
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

Name = Annotated[str, Field(max_length=80)]


@router.get("/schedules", action="schedules:read", include_in_schema=False)
async def show_schedules(request: Request, started: Name = "", job: Name = "") -> Response:
    """The institution's schedules, by name; ``started`` was started as ``job`` a moment ago."""
    call, locale = call_of(request), locale_of(request)
    rows = to_dicts(SCHEDULES, await hub_of(request).database.read(SCHEDULES, call))
    return await page(
        request,
        "schedules.html",
        schedules=[_view(row, locale) for row in rows],
        started=started if any(row["last_job_id"] == job for row in rows) else "",
        job=job,
        may_steer=may(call, "schedules:write"),
    )


@router.post(
    "/schedules/{name}/run",
    action="schedules:write",
    problems=(404, 409),
    include_in_schema=False,
)
async def run_now(request: Request, name: str) -> Response:
    """Start its job now, also while it is paused."""
    job = await run(request, schedules.run, name, hub_of(request).jobs.enqueue)
    return RedirectResponse(f"/schedules?started={quote(name)}&job={job}", 303)


@router.post(
    "/schedules/{name}/pause",
    action="schedules:write",
    problems=(404, 412, 422),
    include_in_schema=False,
)
async def pause(request: Request, name: str) -> Response:
    """Have it start nothing by itself."""
    return await _pause(request, name, paused=True)


@router.post(
    "/schedules/{name}/resume",
    action="schedules:write",
    problems=(404, 412, 422),
    include_in_schema=False,
)
async def resume(request: Request, name: str) -> Response:
    """Let it go on; times that passed meanwhile are not made up for."""
    return await _pause(request, name, paused=False)


async def _pause(request: Request, name: str, *, paused: bool) -> Response:
    version = (await read_form(request))["version"]
    if not version.isdecimal() or len(version) > 9:
        raise InvalidError("the form names no version of the schedule", cure="load the page again")
    await run(request, schedules.pause, name, paused=paused, version=int(version))
    return RedirectResponse(f"/schedules#{quote(name)}", 303)


def _view(row: dict[str, Any], locale: str) -> dict[str, Any]:
    _ = translations_of(locale).gettext
    seconds = interval_seconds(row["every"])
    error = parsed(row["last_error"])
    return row | {
        "words": _("every {time}").format(time=span(seconds, locale)) if seconds else "",
        "next": moment(row["next_at"], locale),
        "ended": moment(row["last_finished_at"], locale),
        "missed": moment(row["skipped_at"], locale),
        "error": error if isinstance(error, dict) else None,
        # Paused or not: what has no next time then belongs to a plugin that is not used.
        "unused": row["next_at"] is None and not row["paused"],
    }
