"""The API of quizzes as they are written: whole, with their answers."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import expected_version, json_response
from bloop.content import queries as content
from bloop.content.act_routes import refuser
from bloop.content.tree_routes import WRITES, one, run, taught
from bloop.learning.quizzes import editing, queries
from bloop.learning.quizzes.edit_schemas import QuestionsIn, QuizChange, QuizOut
from bloop.learning.quizzes.pasted import questions_in
from bloop.learning.quizzes.problems import problems_of
from bloop.store.errors import NotFoundError
from bloop.store.statements import parsed
from bloop_sdk import Kind

router = Router(prefix="/api/v1", tags=["content"])

THIS_QUIZ = taught("items", "quiz_id")
ACTION = "content:write"


@router.get(
    "/quizzes/{quiz_id}", action=ACTION, also=THIS_QUIZ, response_model=QuizOut, problems=(404,)
)
async def show_quiz(request: Request, quiz_id: str) -> Response:
    """A quiz with its answers, its settings, and what is still to be put right in it."""
    return await _answer(request, quiz_id)


async def read_item(request: Request, quiz_id: str) -> dict[str, Any]:
    """A quiz as an item, its ``data`` parsed; raises NotFoundError for anything else."""
    found = await one(request, content.ITEM_SHOWN, content.ITEM, quiz_id)
    if found["kind"] != Kind.QUIZ:
        raise NotFoundError(f"no quiz {quiz_id[:40]}", cure=f"this is a {found['kind']}")
    found["data"] = parsed(found["data"])
    return found


async def read_quiz(request: Request, quiz_id: str) -> dict[str, Any]:
    """A quiz as whoever writes it sees it: the item with its parsed ``data``, and more.

    ``problems`` are :class:`bloop.learning.quizzes.problems.Problem`; raises NotFoundError.
    """
    found = await read_item(request, quiz_id)
    database, call = hub_of(request).database, call_of(request)
    counts = await database.read_one(queries.COUNTS, call, id=quiz_id)
    found["made"] = queries.COUNTS.as_dict(counts) if counts else {"all": 0, "open": 0}
    found["problems"] = problems_of(found["data"]["questions"])
    found["source"] = None
    if found["connection"] is not None:
        row = await database.read_one(queries.SOURCE, call, id=quiz_id)
        # What came in a file is nobody else's any more.
        if row is not None and "file" not in (parsed(row[1]) or {}):
            found["source"] = row[0]
    return found


def _shown(found: dict[str, Any]) -> dict[str, Any]:
    data, source = found["data"], found["source"]
    heads = ("id", "container", "title", "html", "language", "published", "state", "row_version")
    why = f"it comes from {source!r}, whose next sync would undo a change" if source else None
    return {
        **{name: found[name] for name in heads},
        **{name: data.get(name) for name in (*editing.SETTINGS, "points")},
        "shuffle": bool(data.get("shuffle")),
        "questions": data["questions"],
        "problems": [
            {
                "place": one.place,
                "field": one.field,
                "answer": one.answer,
                "code": one.code,
                "message": one.message,
            }
            for one in found["problems"]
        ],
        "attempts_made": found["made"],
        "read_only": why,
    }


async def _answer(request: Request, quiz_id: str) -> Response:
    found = await read_quiz(request, quiz_id)
    return json_response(_shown(found), version=found["row_version"])


@router.patch(
    "/quizzes/{quiz_id}", action=ACTION, also=THIS_QUIZ, response_model=QuizOut, problems=WRITES
)
async def change_quiz(request: Request, quiz_id: str, body: QuizChange) -> Response:
    """Change a quiz that was written here; attempts that are open keep their questions.

    While it is published, it is refused where a question would be incomplete.
    """
    changes = body.model_dump(exclude_unset=True)
    changes |= {"questions": [one.model_dump() for one in body.questions]} if body.questions else {}
    await run(request, editing.change, quiz_id, expected_version(request), changes)
    return await _answer(request, quiz_id)


@router.post(
    "/quizzes/{quiz_id}/questions",
    action=ACTION,
    also=THIS_QUIZ,
    response_model=QuizOut,
    problems=WRITES,
)
async def add_questions(request: Request, quiz_id: str, body: QuestionsIn) -> Response:
    """Add the questions of a text in GIFT or Aiken; what cannot be read is named by its line."""
    version = expected_version(request)
    found = await asyncio.to_thread(questions_in, body.text)
    await run(request, editing.add, quiz_id, version, found)
    return await _answer(request, quiz_id)


@router.post(
    "/quizzes/{quiz_id}/publish",
    action="content:publish",
    also=THIS_QUIZ,
    response_model=QuizOut,
    problems=WRITES,
)
async def publish_quiz(request: Request, quiz_id: str) -> Response:
    """Show a quiz to learners; refused where one of its questions can't be asked."""
    version, refuse = expected_version(request), await refuser(request)
    await run(request, editing.publish, quiz_id, version, refuse)
    return await _answer(request, quiz_id)
