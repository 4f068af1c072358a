"""The statement resource of xAPI, 1.0.3 and 2.0.

Left out are attachments with bytes, statements of documents, and the filters ``related_*``; what
is left out is refused, never overlooked.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import ForbiddenError, may
from bloop.accounts.http import json_response
from bloop.content.tree_routes import run
from bloop.learning.statements import queries, service
from bloop.learning.statements.schemas import Agent, is_version
from bloop.learning.statements.shown import VERSION, ours, shown
from bloop.store.commands import command
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.statements import to_dicts
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

router = Router(prefix="/api/v1", tags=["learning"])

READ, WRITE, OTHERS = "account:read", "account:write", "learning:read"
PATH = "/xapi/statements"
HEADER = "x-experience-api-version"
MOST = 100


def _site(request: Request) -> str:
    return hub_of(request).config.value.public_url


def _check_version(request: Request) -> None:
    given = request.headers.get(HEADER)
    if given is None or not is_version(given):
        raise InvalidError(
            f"{HEADER}: the hub speaks xAPI 1.0 and 2.0", field=HEADER, cure=f"send {VERSION}"
        )


def _answer(data: Any, status: int = 200) -> Response:
    headers = {HEADER: VERSION, "x-experience-api-consistent-through": utcnow().isoformat()}
    if status == 204:
        return Response(status_code=204, headers=headers)
    return json_response(data, status, headers=headers)


async def _body(request: Request) -> Any:
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError as err:
        raise InvalidError(
            "body: no JSON", field="body", cure="send application/json, without attachments"
        ) from err


@router.post(PATH, action=WRITE, problems=(403, 404, 409, 422))
async def tell_statements(request: Request) -> Response:
    """Keep a statement or a list of them, all or none; answers their ids."""
    _check_version(request)
    told = await _body(request)
    some = told if isinstance(told, list) else [told]
    return _answer(await run(request, service.store, some, site=_site(request)))


@router.put(PATH, action=WRITE, status_code=204, problems=(403, 404, 409, 422))
async def tell_statement(request: Request, statementId: str) -> Response:  # noqa: N803
    """Keep a statement under an id; the same again changes nothing."""
    _check_version(request)
    told = await _body(request)
    id_ = _uuid(statementId, "statementId")
    await run(request, service.store, [told], site=_site(request), id_=id_)
    return _answer(None, 204)


def _uuid(text: str, field: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as err:
        raise InvalidError(f"{field}: no UUID", field=field) from err


_NAMES = frozenset(
    {
        *("statementId", "voidedStatementId", "agent", "verb", "activity", "registration"),
        *("since", "until", "limit", "ascending", "format", "attachments", "cursor"),
    }
)


@router.get(PATH, action=READ, problems=(403, 404, 422))
async def list_statements(request: Request) -> Response:
    """A statement by its id, or those that the filters of xAPI ask for, the newest first.

    Of others only who may ``learning:read``; without ``agent`` others are told of the caller.
    """
    _check_version(request)
    given = dict(request.query_params)
    if unknown := sorted(given.keys() - _NAMES):
        raise InvalidError(f"{unknown[0]}: no filter of this hub", field=unknown[0])
    if given.get("format", "exact") != "exact" or given.get("attachments", "false") != "false":
        raise InvalidError("format: only exact, without attachments", field="format")
    if given.get("ascending", "false") not in {"true", "false"}:
        raise InvalidError("ascending: true or false", field="ascending")
    for name in ("statementId", "voidedStatementId"):
        if name in given:
            if more := sorted(given.keys() - {name, "format", "attachments"}):
                raise InvalidError(f"{more[0]}: not beside {name}", field=more[0])
            return await _one(request, _uuid(given[name], name), voided=name != "statementId")
    return await _some(request, given)


async def _one(request: Request, id_: str, *, voided: bool) -> Response:
    call = call_of(request)
    row = await hub_of(request).database.read_one(queries.ONE, call, id=id_)
    found = None if row is None else queries.ONE.as_dict(row)
    hidden = found and found["user"] != call.principal.id and not may(call, OTHERS)
    if found is None or hidden or bool(found["voided"]) != voided:
        raise NotFoundError(f"there is no statement {id_}")
    return _answer(shown(found, _site(request)))


async def _some(request: Request, given: dict[str, str]) -> Response:
    call, site = call_of(request), _site(request)
    everybody = may(call, OTHERS)
    user: str | None = None if everybody else call.principal.id
    if "agent" in given:
        user = await _agent(request, given["agent"])
        if user != call.principal.id and not everybody:
            raise ForbiddenError("agent: you may read of yourself alone", cure="leave it out")
    ascending = given.get("ascending", "false") == "true"
    limit = _number(given.get("limit", "0"))
    values: dict[str, Any] = {
        "verb": given.get("verb", ""),
        "activity": given.get("activity", ""),
        "ours": ours(given.get("activity", ""), site),
        "registration": given.get("registration", "").lower(),
        "since": _time(given.get("since"), datetime(1970, 1, 1, tzinfo=UTC), "since"),
        "until": _time(given.get("until"), datetime(9999, 1, 1, tzinfo=UTC), "until"),
        "after": given.get("cursor", ""),
        "limit": limit + 1,
    }
    statement = (queries.OF_ALL if user is None else queries.OF_USER)[ascending]
    if user is not None:
        values["user"] = user
    rows = to_dicts(statement, await hub_of(request).database.read(statement, call, **values))
    more = ""
    if len(rows) > limit:
        more = f"/api/v1{PATH}?{urlencode(given | {'cursor': rows[limit - 1]['place']})}"
    told = [shown(row, site) for row in rows[:limit]]
    return _answer({"statements": told, "more": more})


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise InvalidError("limit: no number", field="limit")
    return min(int(text) or MOST, MOST)


def _time(text: str | None, otherwise: datetime, field: str) -> datetime:
    if text is None:
        return otherwise
    try:
        found = datetime.fromisoformat(text)
    except ValueError as err:
        raise InvalidError(f"{field}: no time", field=field) from err
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _agent(request: Request, text: str) -> str:
    """The user whom the filter names; nobody's id where there is none."""
    try:
        agent = Agent.model_validate(orjson.loads(text))
    except ValueError as err:
        raise InvalidError("agent: no agent as JSON", field="agent") from err

    @command(READ)
    def finding(unit: UnitOfWork) -> str | None:
        return service.find_user(unit, agent, _site(request))

    return await run(request, finding) or "-"
