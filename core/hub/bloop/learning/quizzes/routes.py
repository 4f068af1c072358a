"""The API of quizzes that are taken here."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.content import queries as content
from bloop.content.links import resolve_json
from bloop.content.tree_routes import PAGE_LIMIT, answer_page, one, run, taught
from bloop.learning.quizzes import queries, service
from bloop.learning.quizzes.schemas import AttemptList, AttemptOut, AttemptsOf, ResponseIn
from bloop.learning.quizzes.views import attempt_view
from bloop.store.errors import NotFoundError
from bloop.store.statements import to_dicts
from bloop.store.types import utcnow

router = Router(prefix="/api/v1", tags=["learning"])

READ, WRITE = "account:read", "account:write"


@router.get("/items/{item_id}/attempts", action=READ, response_model=AttemptList, problems=(404,))
async def list_attempts(request: Request, item_id: str, limit: int = 50) -> Response:
    """The caller's attempts at a quiz, the last first."""
    await one(request, content.ITEM_SHOWN, content.ITEM, item_id)
    return json_response({"items": await own_attempts(request, item_id, limit)})


async def own_attempts(request: Request, item: str, limit: int = 50) -> list[dict[str, Any]]:
    """The caller's attempts at a quiz, the last first."""
    rows = await hub_of(request).database.read(
        queries.OWN_OF_ITEM, call_of(request), id=item, limit=max(1, min(limit, PAGE_LIMIT))
    )
    return to_dicts(queries.OWN_OF_ITEM, rows)


@router.post(
    "/items/{item_id}/attempts",
    action=WRITE,
    response_model=AttemptOut,
    status_code=201,
    problems=(404, 409, 422),
)
async def start_attempt(request: Request, item_id: str) -> Response:
    """Begin an attempt at a quiz, or go on with the one that is open."""
    attempt = await run(request, service.start, item_id)
    return await _answer_attempt(request, attempt, 201)


@router.get(
    "/items/{item_id}/attempts/everybody",
    action="learning:read",
    also=taught("items", "item_id"),
    response_model=AttemptsOf,
    problems=(404,),
)
async def list_attempts_of_everybody(
    request: Request, item_id: str, limit: int = 50, cursor: str = ""
) -> Response:
    """Everybody's attempts at a quiz, for who teaches."""
    await one(request, content.ITEM_SHOWN, content.ITEM, item_id)
    return await answer_page(request, queries.OF_ITEM, limit, cursor, item=item_id)


@router.get("/attempts/{attempt_id}", action=READ, response_model=AttemptOut, problems=(404,))
async def show_attempt(request: Request, attempt_id: str) -> Response:
    """An attempt of the caller's; what is right stands only at questions that are answered."""
    return await _answer_attempt(request, attempt_id)


async def _answer_attempt(request: Request, attempt: str, status: int = 200) -> Response:
    found = await read_attempt(request, attempt)
    body = resolve_json(orjson.dumps(found), found["container"])
    return Response(body, status, media_type="application/json")


async def read_attempt(request: Request, attempt: str) -> dict[str, Any]:
    """An attempt of the caller's as it is shown; raises NotFoundError."""
    database, call = hub_of(request).database, call_of(request)
    row = await database.read_one(queries.OWN, call, id=attempt)
    if row is None:
        raise NotFoundError(f"you have no attempt {attempt[:40]}")
    given = await database.read(queries.OWN_RESPONSES, call, id=attempt)
    found = to_dicts(queries.OWN_RESPONSES, given)
    return attempt_view(queries.OWN.as_dict(row), found, utcnow())


@router.put(
    "/attempts/{attempt_id}/answers/{place}",
    action=WRITE,
    response_model=AttemptOut,
    problems=(404, 409, 422),
)
async def answer_question(
    request: Request, attempt_id: str, place: int, body: ResponseIn
) -> Response:
    """Answer a question; the attempt then says what was right. The same again changes nothing."""
    await run(request, service.answer, attempt_id, place, body.answer)
    return await _answer_attempt(request, attempt_id)


@router.post(
    "/attempts/{attempt_id}/finish", action=WRITE, response_model=AttemptOut, problems=(404,)
)
async def finish_attempt(request: Request, attempt_id: str) -> Response:
    """Finish an attempt; what is not answered counts nothing."""
    await run(request, service.finish, attempt_id)
    return await _answer_attempt(request, attempt_id)
