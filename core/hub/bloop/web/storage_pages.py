"""The pages of what is stored: where the bytes are, counting anew, freeing what nobody needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.people.routes import run
from bloop.hub.storage.service import (
    COUNT_JOB,
    FREE_JOB,
    ask_for_count,
    ask_to_free,
    counted,
)
from bloop.jobs.models import OVER
from bloop.jobs.queries import JOB
from bloop.store.errors import NotFoundError
from bloop.web.amounts import number, size
from bloop.web.moments import moment
from bloop.web.render import locale_of, page

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["pages"])

Id = Annotated[str, Field(max_length=40, pattern="^[0-9a-f-]*$")]


@router.get("/admin/storage", action="storage:read", problems=(422,), include_in_schema=False)
async def show_storage(request: Request, job: Id = "") -> Response:
    """What was counted last; ``job`` was asked for a moment ago, and is perhaps over by now."""
    hub, call, locale = cast("Hub", hub_of(request)), call_of(request), locale_of(request)
    found = await counted(hub, call)
    own, whole = found["institution"], found["hub"]
    newest = (whole or own or {}).get("counted_at")
    return await page(
        request,
        "storage.html",
        at=moment(newest, locale),
        files=_files(own["files"], locale) if own else None,
        areas=[one | {"rows": number(one["rows"], locale)} for one in own["areas"]] if own else [],
        hub_=_hub(hub, whole, locale) if whole else None,
        asked=await _asked(request, job) if job else None,
        may_count=may(call, "storage:count"),
        may_free=may(call, "storage:free"),
    )


@router.post("/admin/storage/count", action="storage:count", include_in_schema=False)
async def count_now(request: Request) -> Response:
    """Have it counted anew."""
    job = await run(request, ask_for_count, enqueue=hub_of(request).jobs.enqueue)
    return RedirectResponse(f"/admin/storage?job={job}", 303)


@router.get("/admin/storage/free", action="storage:free", problems=(404,), include_in_schema=False)
async def preview_free(request: Request) -> Response:
    """What would go, and the button."""
    hub, locale = cast("Hub", hub_of(request)), locale_of(request)
    whole = (await counted(hub, call_of(request)))["hub"]
    if whole is None:
        raise NotFoundError("nothing is counted yet", cure="count at /admin/storage first")
    return await page(
        request,
        "storage_free.html",
        at=moment(whole["counted_at"], locale),
        free=_free(whole["free"], locale),
        hours=number(hub.config.value.limits.sweep_hours, locale),
    )


@router.post("/admin/storage/free", action="storage:free", include_in_schema=False)
async def free(request: Request) -> Response:
    """Remove the files that nothing refers to."""
    job = await run(request, ask_to_free, enqueue=hub_of(request).jobs.enqueue)
    return RedirectResponse(f"/admin/storage?job={job}", 303)


async def _asked(request: Request, job: str) -> dict[str, Any] | None:
    """The job, while it is not over; none of another kind, or of another institution."""
    row = await hub_of(request).database.read_one(JOB, call_of(request), id=job)
    found = JOB.as_dict(row) if row is not None else None
    if found is None or found["kind"] not in {COUNT_JOB, FREE_JOB} or found["state"] in OVER:
        return None
    return {"id": found["id"], "frees": found["kind"] == FREE_JOB}


def _files(found: dict[str, Any], locale: str) -> dict[str, Any]:
    lists = {
        what: [_sized(one, locale) for one in found[what]]
        for what in ("kinds", "plugins", "courses")
    }
    return {**_sized(found, locale), **lists}


def _sized(one: dict[str, Any], locale: str) -> dict[str, Any]:
    """With its numbers as text; "" where the database does not tell a size."""
    shown = {name: number(one[name], locale) for name in ("count", "rows", "files") if name in one}
    told = "" if one["bytes"] is None else size(one["bytes"], locale)
    return one | shown | {"size": told}


def _free(found: dict[str, int], locale: str) -> dict[str, Any]:
    return {"files": found["files"], "count": number(found["files"], locale)} | {
        "size": size(found["bytes"], locale)
    }


def _hub(hub: Hub, found: dict[str, Any], locale: str) -> dict[str, Any]:
    areas = [
        _sized(one, locale)
        | {
            "tables": [_sized(table, locale) for table in one["tables"]],
            "is_left": one["plugin"] and one["name"] not in hub.kernel.plugins,
        }
        for one in found["areas"]
    ]
    return {
        "database": size(found["database_bytes"], locale),
        "unused": size(found["unused_bytes"], locale) if found["unused_bytes"] else "",
        "disk": size(found["disk_bytes"], locale),
        "files": found["files"],
        "files_shown": number(found["files"], locale),
        "file_size": size(found["file_bytes"], locale),
        "areas": areas,
        "left": [one for one in areas if one["is_left"]],
        "is_sized": any(one["size"] for one in areas),
        "institutions": [_sized(one, locale) for one in found["institutions"]],
        "free": _free(found["free"], locale),
    }
