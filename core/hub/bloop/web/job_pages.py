"""The pages of jobs: what waits, runs and ended; one of them; stopping it, trying it again."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.jobs.models import JobState
from bloop.store.database import in_unit
from bloop.store.errors import NotFoundError
from bloop.store.statements import parsed, to_dicts
from bloop.telemetry.masking import mask
from bloop.web.job_views import JobWords
from bloop.web.queries import JOBS_BY_STATE, WHOLE_JOB
from bloop.web.render import locale_of, page, translations_of

router = Router(tags=["pages"])

JOBS_AT_ONCE = 25
LIVE = "live.js"

_NEWEST = "~"  # Behind every id.

State = Annotated[str, Field(pattern=f"^({'|'.join(JobState)})?$")]
Place = Annotated[str, Field(max_length=36)]
PluginId = Annotated[str, Field(max_length=40)]


@router.get("/jobs", action="jobs:read", include_in_schema=False)
async def show_jobs(
    request: Request, state: State = "", before: Place = "", plugin: PluginId = ""
) -> Response:
    """The institution's jobs, newest first; of one state, or of all; of one plugin, or of all."""
    read = JOBS_BY_STATE[state]
    named = {"before": before or _NEWEST, "plugin": plugin, "limit": JOBS_AT_ONCE + 1}
    rows = await hub_of(request).database.read(read, call_of(request), **named)
    words = _words(request)
    shown = [words.view(row) for row in to_dicts(read, rows[:JOBS_AT_ONCE])]
    return await page(
        request,
        "jobs.html",
        script=LIVE,
        jobs=shown,
        chosen=state,
        plugin=plugin,
        states=list(JobState),
        is_first=not before,
        older=shown[-1].id if len(rows) > JOBS_AT_ONCE else None,
    )


@router.get("/jobs/{job_id}", action="jobs:read", problems=(404,), include_in_schema=False)
async def show_job(request: Request, job_id: str) -> Response:
    """One job: how far it is, what came of it, and what it was asked for with."""
    row = await _row(request, job_id)
    return await page(
        request,
        "job.html",
        script=LIVE,
        job=_words(request).view(row),
        queue=row["queue"],
        payload=_json(row["payload"]),
        result=_json(row["result"]),
        trace=row["trace"].split("-")[1],
    )


@router.get("/jobs/{job_id}/cancel", action="jobs:cancel", problems=(404,), include_in_schema=False)
async def ask_to_cancel(request: Request, job_id: str) -> Response:
    """What stopping a job that runs would leave, and the button."""
    job = _words(request).view(await _row(request, job_id))
    if not job.may_cancel:
        return RedirectResponse(f"/jobs/{job.id}", 303)
    return await page(request, "job_cancel.html", job=job)


@router.post(
    "/jobs/{job_id}/cancel", action="jobs:cancel", problems=(404, 409), include_in_schema=False
)
async def cancel_job(request: Request, job_id: str) -> Response:
    """Stop a job: at once while it waits, as soon as it notices while it runs."""
    return await _act(request, job_id, hub_of(request).jobs.cancel)


@router.post(
    "/jobs/{job_id}/retry", action="jobs:cancel", problems=(404, 409), include_in_schema=False
)
async def retry_job(request: Request, job_id: str) -> Response:
    """Try a job again that failed or was cancelled."""
    return await _act(request, job_id, hub_of(request).jobs.retry)


async def _act(request: Request, job_id: str, command: Any) -> Response:
    database = hub_of(request).database
    await _row(request, job_id)
    await database.run(in_unit, database, call_of(request), command, job_id)
    # Found by the command, so it is an id and nothing else.
    return RedirectResponse(f"/jobs/{job_id}", 303)


async def _row(request: Request, job_id: str) -> dict[str, Any]:
    row = await hub_of(request).database.read_one(WHOLE_JOB, call_of(request), id=job_id)
    if row is None:
        raise NotFoundError(f"no job {job_id[:40]}")
    return WHOLE_JOB.as_dict(row)


def _json(value: Any) -> str:
    """A document for people to read, without what looks like a secret; "" where there is none."""
    found = mask(parsed(value))
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() if found else ""


def _words(request: Request) -> JobWords:
    locale = locale_of(request)
    return JobWords(call_of(request), locale, translations_of(locale).gettext)
