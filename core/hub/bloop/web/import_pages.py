"""The pages of importing a file: the form, how far it is, what came, taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.content import history, queries
from bloop.content.connection_queries import RUN
from bloop.content.file_routes import uploaded
from bloop.content.imports import IMPORT_JOB, ask_for_import
from bloop.content.runs import MASS_DELETE
from bloop.content.uploads import Upload, accept
from bloop.kernel.states import PluginState
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.ids import new_id
from bloop.store.statements import parsed, to_dicts
from bloop.web.job_pages import LIVE
from bloop.web.job_views import JobView, JobWords
from bloop.web.queries import IMPORTED, IMPORTS, LOST, WHOLE_JOB
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import BloopError

router = Router(tags=["pages"])

FORM = "/imports/new"
COURSES_AT_ONCE = 200
IMPORTS_SHOWN = 5
LOST_SHOWN = 20
SHOWN_KINDS = frozenset(
    {"page", "note", "quiz", "assignment", "discussion", "link", "file", "tool"}
)
NEWEST = "~"  # Behind every id.
PROBLEMS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Reads:
    """A plugin that reads files with these ``suffixes``, and whether it does so here."""

    id: str
    name: str
    summary: str
    suffixes: tuple[str, ...]
    ready: bool


@router.get(FORM, action="content:import", include_in_schema=False)
async def ask_for_file(request: Request, into: str = "") -> Response:
    """The form that takes a file, and what was imported last."""
    return await import_form(request, into=into)


@router.post(
    FORM,
    action="content:import",
    upload=True,
    problems=(413, 422, 503),
    include_in_schema=False,
)
async def take_file(request: Request, into: str = "", once: str = "") -> Response:
    """Ask for the import, and go where it can be watched; or the form again with what is wrong.

    ``into`` and ``once`` may be fields of the form as well as of the address.
    """
    given = {"into": into, "once": once}
    try:
        name, _, ref = await uploaded(request, given)
        job = await accept(
            hub_of(request),
            call_of(request),
            Upload(name, ref),
            into=given["into"] or None,
            key=f"upload/{given['once'][:60]}" if given["once"] else None,
        )
    except BloopError as err:
        return await import_form(request, into=given["into"], error=err)
    return RedirectResponse(f"/imports/{job}", 303)


@router.get("/imports/{job_id}", action="content:import", problems=(404,), include_in_schema=False)
async def show_import(request: Request, job_id: str) -> Response:
    """One import: how far it is; then what came, what did not, and the way to its course."""
    row, job = await _import(request, job_id)
    report: dict[str, Any] = parsed(row["result"]) or {}
    run = await _run_of(request, report)
    return await page(
        request,
        "import.html",
        script=LIVE,
        job=job,
        file=_file_of(row),
        report=report,
        run=run,
        kinds=_kinds(report),
        courses=await _courses(request, report, run),
        problems=(report.get("problems") or [])[:PROBLEMS_SHOWN],
        lost=await _lost(request, run),
        is_braked=_is_braked(job),
        may_undo=run is not None and run["state"] in {"succeeded", "failed"},
    )


@router.get(
    "/imports/{job_id}/undo", action="content:import", problems=(404,), include_in_schema=False
)
async def ask_to_undo(request: Request, job_id: str) -> Response:
    """What taking an import back would do, and the button."""
    return await _undo_page(request, job_id)


@router.post(
    "/imports/{job_id}/undo", action="content:import", problems=(404, 409), include_in_schema=False
)
async def undo_import(request: Request, job_id: str) -> Response:
    """Take back all that it wrote; or the question again with why that cannot be."""
    row, _ = await _import(request, job_id)
    run = await _run_of(request, parsed(row["result"]) or {})
    database = hub_of(request).database
    if run is None:
        return RedirectResponse(f"/imports/{job_id}", 303)
    try:
        await database.run(in_unit, database, call_of(request), history.undo_run, run["id"])
    except ConflictError as err:
        return await _undo_page(request, job_id, err)
    return RedirectResponse(f"/imports/{job_id}", 303)


@router.post(
    "/imports/{job_id}/confirm",
    action="content:import",
    problems=(404, 409),
    include_in_schema=False,
)
async def confirm_deletes(request: Request, job_id: str) -> Response:
    """Import the same file again, and let go of what most of its course has lost by it.

    Only an import that was stopped for that: any other, begun again, would undo what came since.
    """
    row, stopped = await _import(request, job_id)
    if not _is_braked(stopped):
        raise ConflictError(
            "this import does not wait for anybody to confirm it", cure="look at how it ended"
        )
    database = hub_of(request).database
    job = await database.run(
        in_unit,
        database,
        call_of(request),
        ask_for_import,
        parsed(row["payload"]) | {"confirm_deletes": True},
        key=f"confirm/{job_id}",
    )
    return RedirectResponse(f"/imports/{job}", 303)


def _is_braked(job: JobView) -> bool:
    """Whether an import was stopped since it would have removed most of a course."""
    return job.state == "failed" and (job.error or {}).get("code") == MASS_DELETE


async def import_form(
    request: Request, *, into: str = "", error: BloopError | None = None, status: int | None = None
) -> Response:
    """The form, with what was wrong with the file that was sent."""
    from bloop.api.problems import status_of

    hub, call = hub_of(request), call_of(request)
    most = hub.config.value.limits.upload_bytes
    readers = await _readers(request)
    rows = await hub.database.read(queries.CONTAINERS, call, after="", limit=COURSES_AT_ONCE)
    courses = [one for one in to_dicts(queries.CONTAINERS, rows) if one["kind"] == "course"]
    past = to_dicts(
        IMPORTS, await hub.database.read(IMPORTS, call, before=NEWEST, limit=IMPORTS_SHOWN)
    )
    return await page(
        request,
        "import_new.html",
        script="import.js",
        status=status or (status_of(error) if error else 200),
        error=error,
        into=into,
        once=new_id(),
        readers=[one for one in readers if one.ready],
        others=[one for one in readers if not one.ready],
        suffixes=sorted({one for reader in readers if reader.ready for one in reader.suffixes}),
        courses=courses,
        most=_size(request, most),
        most_bytes=most,
        past=[{"file": _file_of(one), "job": _view(request, one)} for one in past],
        may_switch=may(call, "plugins:toggle"),
    )


async def too_large(request: Request) -> Response:
    """The form again for who has sent more than the hub takes."""
    most = _size(request, hub_of(request).config.value.limits.upload_bytes)
    error = InvalidError(
        f"the file is too large: this hub takes at most {most}",
        field="file",
        cure="export less at once, or have whoever runs it raise [limits] upload_bytes in hub.toml",
    )
    return await import_form(request, error=error, status=413)


async def _undo_page(request: Request, job_id: str, error: BloopError | None = None) -> Response:
    row, job = await _import(request, job_id)
    report: dict[str, Any] = parsed(row["result"]) or {}
    run = await _run_of(request, report)
    if error is None and (run is None or run["state"] not in {"succeeded", "failed"}):
        return RedirectResponse(f"/imports/{job.id}", 303)
    return await page(
        request,
        "import_undo.html",
        status=409 if error else 200,
        job=job,
        file=_file_of(row),
        courses=await _courses(request, report, run),
        first=bool(report.get("first")),
        error=error,
    )


async def _import(request: Request, job_id: str) -> tuple[dict[str, Any], JobView]:
    row = await hub_of(request).database.read_one(WHOLE_JOB, call_of(request), id=job_id)
    found = None if row is None else WHOLE_JOB.as_dict(row)
    if found is None or found["kind"] != IMPORT_JOB:
        raise NotFoundError(f"no import {job_id[:40]}")
    return found, _view(request, found)


def _file_of(row: dict[str, Any]) -> str:
    return str(parsed(row["payload"]).get("name", ""))


def _view(request: Request, row: dict[str, Any]) -> JobView:
    locale = locale_of(request)
    return JobWords(call_of(request), locale, translations_of(locale).gettext).view(row)


async def _run_of(request: Request, report: dict[str, Any]) -> dict[str, Any] | None:
    if not report.get("run"):
        return None
    row = await hub_of(request).database.read_one(RUN, call_of(request), id=report["run"])
    return None if row is None else RUN.as_dict(row)


async def _courses(
    request: Request, report: dict[str, Any], run: dict[str, Any] | None
) -> Sequence[dict[str, Any]]:
    """The courses that it wrote into, those that are still there."""
    if run is None:
        return []
    rows = await hub_of(request).database.read(
        IMPORTED, call_of(request), connection=run["connection"], into=run["into"] or ""
    )
    wrote = set(report.get("containers") or ())
    return [one for one in to_dicts(IMPORTED, rows) if one["id"] in wrote]


async def _lost(request: Request, run: dict[str, Any] | None) -> Sequence[dict[str, Any]]:
    """Items that could not be taken over whole, each with what was lost."""
    if run is None or run["state"] == "undone":
        return []
    rows = await hub_of(request).database.read(
        LOST, call_of(request), connection=run["connection"], limit=LOST_SHOWN
    )
    return [one | {"lost": parsed(one["lost"])} for one in to_dicts(LOST, rows)]


def _kinds(report: dict[str, Any]) -> list[tuple[str, int]]:
    """What the course holds now, by kind; where it hangs in the outline is none of it."""
    counted: dict[str, int] = report.get("by_kind") or {}
    return sorted((kind, number) for kind, number in counted.items() if kind in SHOWN_KINDS)


async def _readers(request: Request) -> list[Reads]:
    """The plugins that read files, those that are ready first."""
    hub, off = hub_of(request), await hub_of(request).choices.off(call_of(request))
    found = [
        Reads(
            record.id,
            record.manifest.name,
            record.manifest.summary,
            tuple(one for one in record.manifest.imports if one.startswith(".")),
            record.status.state is PluginState.READY and record.id not in off,
        )
        for record in hub.kernel.plugins.values()
        if record.manifest is not None
        and any(one.startswith(".") for one in record.manifest.imports)
    ]
    return sorted(found, key=lambda one: (not one.ready, one.name))


def _size(request: Request, size: int) -> str:
    """A number of bytes as people say it."""
    from babel.numbers import format_decimal

    locale, value, unit = locale_of(request), float(size), "bytes"
    for larger in ("KB", "MB", "GB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{format_decimal(round(value, 1), locale=locale)} {unit}"
