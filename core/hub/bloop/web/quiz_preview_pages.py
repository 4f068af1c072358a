"""A quiz as learners would see it, for who writes it: nothing that is answered is kept."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router
from bloop.learning.quizzes.edit_routes import ACTION, THIS_QUIZ, read_item
from bloop.learning.quizzes.grading import grade
from bloop.learning.quizzes.models import OPEN
from bloop.learning.quizzes.questions import Manner, Question, manner_of
from bloop.learning.quizzes.responses import checked
from bloop.learning.quizzes.service import hash_of, points_of, question_at
from bloop.learning.quizzes.views import attempt_view
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.types import utcnow
from bloop.web import reading
from bloop.web.quiz_edit_pages import quiz_parts
from bloop.web.quiz_pages import Place, attempt_page, number_of, question_of, text_of
from bloop.web.quizzes import response_of
from bloop_sdk.web import read_form

router = Router(tags=["pages"])


@router.get(
    "/quizzes/{quiz_id}/preview",
    action=ACTION,
    also=THIS_QUIZ,
    problems=(404, 422),
    include_in_schema=False,
)
async def show_preview(request: Request, quiz_id: str, question: Place = 0) -> Response:
    """A question as learners would see it: the first, or another."""
    attempt = await _attempt(request, quiz_id)
    return await attempt_page(request, attempt, question, preview=quiz_parts(request, quiz_id))


@router.post(
    "/quizzes/{quiz_id}/preview/questions/{place}",
    action=ACTION,
    also=THIS_QUIZ,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def try_answer(request: Request, quiz_id: str, place: int) -> Response:
    """What would be said to an answer; it is kept nowhere."""
    attempt, form = await _attempt(request, quiz_id), await read_form(request)
    parts = quiz_parts(request, quiz_id)
    try:
        question = _answerable(question_at(attempt["source"], place))
        response = checked(question, response_of(question_of(attempt, place), form))
    except (InvalidError, ConflictError) as err:
        return await attempt_page(request, attempt, place, error=err, form=form, preview=parts)
    given = {
        "place": place,
        "response": response,
        "score": grade(question, response).score,
        "answered_at": utcnow(),
        "graded_at": None,
        "feedback_html": "",
    }
    attempt = await _attempt(request, quiz_id, given)
    return await attempt_page(request, attempt, place, preview=parts)


def _answerable(question: Question) -> Question:
    if manner_of(question) is Manner.LEFT_OUT:
        raise ConflictError("this question cannot be answered here", cure="go on with the next")
    return question


@router.get(
    "/quizzes/{quiz_id}/preview/questions/{place}/text",
    action=ACTION,
    also=THIS_QUIZ,
    problems=(404, 422),
    include_in_schema=False,
)
async def show_text(request: Request, quiz_id: str, place: str) -> Response:
    """A question as its author wrote it, for the frame of the preview."""
    attempt = await _attempt(request, quiz_id)
    question = question_of(attempt, number_of(place))
    return text_of(request, attempt, question, feedback=False)


async def _attempt(request: Request, quiz_id: str, *given: dict[str, Any]) -> dict[str, Any]:
    """An attempt that nobody has begun; ``source`` are the questions with their answers."""
    quiz, now = await read_item(request, quiz_id), utcnow()
    course = await reading.course_around(request, quiz["container"])
    data = quiz["data"]
    row = {
        "id": "preview",
        "item": quiz["id"],
        "number": 1,
        "status": OPEN,
        "score": 0.0,
        "points": sum(points_of(data["questions"]).values()),
        "started_at": now,
        "ends_at": None,
        "finished_at": None,
        "hash": hash_of(data),
        "title": quiz["title"],
        "container": quiz["container"],
        "course": course["title"] if course else "",
        "language": quiz["language"],
        "data": data,
        "now": data,
    }
    found = attempt_view(row, given, now)
    for one in found["questions"]:
        if one["answered"]:
            # What is said to it is in no frame: no address could name an answer that is not kept.
            one["answered"]["framed"] = False
    return {**found, "source": data["questions"]}
