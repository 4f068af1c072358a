"""The audit log: who did what, and how far it is known to be whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import job_started, json_response
from bloop.accounts.people.routes import run
from bloop.accounts.queries import AUDIT
from bloop.content.schemas import JobStarted
from bloop.hub.audit_checks import ask_to_verify, last_check
from bloop.jobs.models import JobState
from bloop.store.audit.exporting import Form, Wanted, batches, header, written
from bloop.store.errors import InvalidError
from bloop.store.statements import to_dicts

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.store.database import Database
    from bloop_sdk import Call

router = Router(prefix="/api/v1/audit", tags=["audit"])

NEWEST = 2**62
FIRST_TIME = datetime(1, 1, 1, tzinfo=UTC)
LAST_TIME = datetime(9999, 12, 31, tzinfo=UTC)

Beginning = Annotated[str, Field(max_length=120)]
Time = Annotated[str, Field(max_length=40)]


class AuditLineOut(BaseModel):
    """Who did what. ``personal`` parts are kept apart, and not shown here."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    seq: int
    at: datetime
    actor: str = Field(examples=["user:019a21c4-6b1e-7c2a-9d1f-0a4f3f8a1b2c"])
    actor_name: str | None
    action: str = Field(examples=["webhooks:create"])
    resource: str = Field(examples=["webhook:019a21c4-6b1e-7c2a-9d1f-0a4f3f8a1b2c"])
    detail: dict[str, Any]
    about: str | None = Field(description="Whom its personal part is about, where it has one")
    personal: bool = Field(description="Whether it has a personal part that was not erased")
    trace: str
    hash: str


class AuditStanding(BaseModel):
    """Up to which line the log was checked and anchored, and what is wrong since."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    seq: int
    at: datetime | None
    fault: str | None


class AuditList(BaseModel):
    """Lines, newest first; ``next`` is for ``before``."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[AuditLineOut]
    next: int | None
    verified: AuditStanding


class AuditFault(BaseModel):
    """The first line that does not fit; ``seq`` 0 where the file of anchors is what is wrong."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    seq: int
    reason: str = Field(examples=["is missing"])


class AuditFound(BaseModel):
    """What a check found, as ``bloop audit verify`` does: of the institution's lines alone."""

    model_config = ConfigDict(extra="forbid", defer_build=True, populate_by_name=True)

    good: bool
    lines: int = Field(description="How many are there, old ones that were cut aside")
    last: int = Field(description="The number of the last one")
    from_: datetime | None = Field(alias="from", description="When the first one was written")
    to: datetime | None = Field(description="When the last one was written")
    anchored: int = Field(description="Up to which line anchors that were kept elsewhere agree")
    fault: AuditFault | None


class AuditCheck(BaseModel):
    """A check that was asked for; ``result`` once its job has succeeded."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    job: str
    state: JobState
    asked_at: datetime
    finished_at: datetime | None
    result: AuditFound | None


class LastAuditCheck(BaseModel):
    """The check that was asked for last; null where nobody has asked."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    check: AuditCheck | None


@router.get("", action="audit:read", response_model=AuditList, problems=(422,))
async def list_audit_lines(
    request: Request,
    limit: Annotated[int, Field(ge=1, le=500)] = 50,
    before: Annotated[int, Field(ge=1, le=NEWEST)] = NEWEST,
    since: Time = "",
    until: Time = "",
    actor: Beginning = "",
    action: Beginning = "",
    resource: Beginning = "",
) -> Response:
    """The institution's log; actor, action and resource by what they begin with."""
    given = {"actor": actor, "action": action, "resource": resource}
    hub, call = cast("Hub", hub_of(request)), call_of(request)
    rows = await hub.database.read(
        AUDIT, call, before=before, limit=limit + 1, **given, **between(since, until)
    )
    items = to_dicts(AUDIT, rows[:limit])
    standing = hub.auditing.standing(call.institution)
    return json_response(
        {
            "items": items,
            "next": items[-1]["seq"] if len(rows) > limit else None,
            "verified": {"seq": standing.seq, "at": standing.at, "fault": standing.fault},
        }
    )


@router.get("/check", action="audit:read", response_model=LastAuditCheck)
async def show_check(request: Request) -> Response:
    """What the check found that was asked for last, or how far it is."""
    found = await last_check(cast("Hub", hub_of(request)), call_of(request))
    if found is None:
        return json_response({"check": None})
    names = ("state", "finished_at", "result")
    told = {"job": found["id"], "asked_at": found["created_at"], **{n: found[n] for n in names}}
    return json_response({"check": told})


@router.post("/check", action="audit:read", status_code=202, response_model=JobStarted)
async def check_log(request: Request) -> Response:
    """Check every line of the institution's log: a job, one at a time."""
    job = await run(request, ask_to_verify, enqueue=hub_of(request).jobs.enqueue)
    return job_started(job)


@router.get(
    "/export",
    action="audit:read",
    problems=(422,),
    deadline=None,
    responses={200: {"content": {"application/jsonl": {}, "text/csv": {}}}},
)
async def export_lines(
    request: Request,
    form: Annotated[str, Field(pattern="^(jsonl|csv)$")] = "jsonl",
    since: Time = "",
    until: Time = "",
    actor: Beginning = "",
    action: Beginning = "",
    resource: Beginning = "",
) -> Response:
    """The lines as JSON lines or CSV, the oldest first; what they tell of people is masked."""
    given = {"actor": actor, "action": action, "resource": resource}
    bounds = between(since, until)
    wanted = Wanted(bounds["since"], bounds["until"], given)
    return StreamingResponse(
        _pieces(hub_of(request).database, call_of(request), wanted, cast("Form", form)),
        media_type=MEDIA_TYPES[form],
        headers={
            "content-disposition": f'attachment; filename="audit.{form}"',
            "cache-control": "no-store",
        },
    )


MEDIA_TYPES = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}


async def _pieces(
    database: Database, call: Call, wanted: Wanted, form: Form
) -> AsyncIterator[bytes]:
    """Batch by batch, each read when the one before has been sent."""
    found = batches(database, call, wanted)
    if begun := header(form):
        yield begun.encode()
    while batch := await asyncio.to_thread(next, found, None):
        yield (await asyncio.to_thread(written, batch, form)).encode()


def between(since: str, until: str) -> dict[str, datetime]:
    """Two times as a read takes them; raises InvalidError for what is no time."""
    return {
        "since": _moment(since, "since") if since else FIRST_TIME,
        "until": _moment(until, "until") if until else LAST_TIME,
    }


def _moment(given: str, field: str) -> datetime:
    try:
        found = datetime.fromisoformat(given)
        # Without a zone it is UTC; a day is its first moment.
        found = found.replace(tzinfo=found.tzinfo or UTC)
        found = found.astimezone(UTC)
    except (ValueError, OverflowError) as err:
        raise InvalidError(
            f"{given[:40]!r} is no time", field=field, cure="write 2026-01-31T08:00:00Z"
        ) from err
    return found
