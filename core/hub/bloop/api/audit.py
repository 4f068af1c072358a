"""The audit log: who did what, and how far it is known to be whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.accounts.queries import AUDIT
from bloop.store.errors import InvalidError
from bloop.store.statements import to_dicts

if TYPE_CHECKING:
    from bloop.hub import Hub

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
