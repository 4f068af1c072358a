"""The API of what was answered in a quiz, for who teaches: by question, by attempt, and grading."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.content.links import resolve_json
from bloop.content.queries import CONTAINER, CONTAINER_SHOWN
from bloop.content.tree_routes import PAGE_LIMIT, one, run, taught
from bloop.learning.quizzes import marking, queries
from bloop.learning.quizzes.edit_routes import THIS_QUIZ, read_item
from bloop.learning.quizzes.hardness import Hardness, hardness_of
from bloop.learning.quizzes.teaching_schemas import AttemptSeen, GradeIn, QuestionStats, ToGrade
from bloop.learning.quizzes.views import attempt_view
from bloop.store.errors import NotFoundError
from bloop.store.statements import parsed, to_dicts
from bloop.store.types import utcnow

router = Router(prefix="/api/v1", tags=["learning"])

READ = "learning:read"
MOST_VERSIONS = 50
MOST_GROUPS = 5000


@router.get(
    "/containers/{container_id}/to-grade",
    action=READ,
    also=taught("containers", "container_id"),
    response_model=ToGrade,
    problems=(404,),
)
async def list_to_grade(request: Request, container_id: str, limit: int = 50) -> Response:
    """The answers of a course that wait for a grade, the first answered first."""
    course = await one(request, CONTAINER_SHOWN, CONTAINER, container_id)
    database, call, id_ = hub_of(request).database, call_of(request), course["id"]
    most = max(1, min(limit, PAGE_LIMIT))
    rows = await database.read(queries.TO_GRADE, call, id=id_, limit=most)
    count = await database.read_one(queries.TO_GRADE_COUNT, call, id=id_)
    found = {"count": 0 if count is None else count[0]}
    return json_response(found | {"items": to_dicts(queries.TO_GRADE, rows)})


@router.get(
    "/quizzes/{quiz_id}/answers",
    action=READ,
    also=THIS_QUIZ,
    response_model=QuestionStats,
    problems=(404,),
)
async def show_answers(request: Request, quiz_id: str) -> Response:
    """How hard each question was, as it is asked now: how many had it right, and what else."""
    quiz = await read_item(request, quiz_id)
    found = await read_hardness(request, quiz)
    return json_response({"items": [_shown(one) for one in found]})


async def read_hardness(request: Request, quiz: dict[str, Any]) -> list[Hardness]:
    """What became of each question of a quiz; ``quiz`` is as it was read."""
    database, call, id_ = hub_of(request).database, call_of(request), quiz["id"]
    versions = await database.read(queries.VERSIONS, call, quiz=id_, limit=MOST_VERSIONS)
    rows = await database.read(queries.ANSWERS, call, quiz=id_, limit=MOST_GROUPS)
    answers = to_dicts(queries.ANSWERS, rows)
    return hardness_of(
        quiz["data"]["questions"],
        {name: parsed(data)["questions"] for name, data in versions},
        [{**one, "response": parsed(one["response"])} for one in answers],
    )


def _shown(one: Hardness) -> dict[str, Any]:
    return {
        "place": one.place,
        "part": one.part,
        "right": one.right,
        "partly": one.partly,
        "wrong": one.wrong_count,
        "waiting": one.waiting,
        "earlier": one.earlier,
        "share": one.share,
        "common": [{"response": given, "count": count} for given, count in one.wrong],
    }


@router.get(
    "/quizzes/{quiz_id}/attempts/{attempt_id}",
    action=READ,
    also=THIS_QUIZ,
    response_model=AttemptSeen,
    problems=(404,),
)
async def show_attempt_of(request: Request, quiz_id: str, attempt_id: str) -> Response:
    """Somebody's attempt at a quiz, with what they answered."""
    return await _answer_attempt(request, quiz_id, attempt_id)


async def _answer_attempt(request: Request, quiz_id: str, attempt_id: str) -> Response:
    found = await read_attempt_of(request, quiz_id, attempt_id)
    body = resolve_json(orjson.dumps(found), found["container"])
    return Response(body, media_type="application/json")


async def read_attempt_of(request: Request, quiz_id: str, attempt_id: str) -> dict[str, Any]:
    """Somebody's attempt at a quiz as whoever teaches sees it; raises NotFoundError."""
    database, call = hub_of(request).database, call_of(request)
    row = await database.read_one(queries.ATTEMPT_OF, call, quiz=quiz_id, id=attempt_id)
    if row is None:
        raise NotFoundError(f"this quiz has no attempt {attempt_id[:40]}")
    given = await database.read(queries.RESPONSES_OF, call, quiz=quiz_id, id=attempt_id)
    found = to_dicts(queries.RESPONSES_OF, given)
    return attempt_view(queries.ATTEMPT_OF.as_dict(row), found, utcnow())


@router.put(
    "/quizzes/{quiz_id}/attempts/{attempt_id}/answers/{place}/grade",
    action="content:write",
    also=THIS_QUIZ,
    response_model=AttemptSeen,
    problems=(404, 409, 422),
)
async def grade_answer(
    request: Request, quiz_id: str, attempt_id: str, place: int, body: GradeIn
) -> Response:
    """Give an answer points, feedback or both; the learner sees them with their attempt."""
    given = body.model_dump()
    await run(request, marking.mark, quiz_id, attempt_id, place, **given)
    return await _answer_attempt(request, quiz_id, attempt_id)
