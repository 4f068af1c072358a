"""Pages of what was answered in a quiz, for who teaches: how hard it was, who took it, grading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.content import tree_routes
from bloop.content.queries import CONTAINER, CONTAINER_SHOWN
from bloop.content.tree_routes import run, taught
from bloop.learning.quizzes import marking, queries
from bloop.learning.quizzes.edit_routes import THIS_QUIZ, read_item
from bloop.learning.quizzes.hardness import Hardness
from bloop.learning.quizzes.questions import Manner, number_of
from bloop.learning.quizzes.teaching_routes import read_attempt_of, read_hardness
from bloop.learning.quizzes.views import question_view
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.statements import to_dicts
from bloop.store.types import utcnow
from bloop.web import plots, reading
from bloop.web.question_forms import plain_number, source_of
from bloop.web.quiz_edit_pages import fault_words, quiz_parts, status_of
from bloop.web.quizzes import LINE, Words, given_words, head, words_of
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import BloopError
from bloop_sdk.web import Form, read_form
from bloop_sdk.words import listed

router = Router(tags=["pages"])

READ, GRADE = "learning:read", "content:write"
AT_ONCE = 50
_LAST = "~"
"""Behind every id."""


@router.get(
    "/courses/{container_id}/to-grade",
    action=READ,
    also=taught("containers", "container_id"),
    problems=(404,),
    include_in_schema=False,
)
async def show_first_to_grade(request: Request, container_id: str) -> Response:
    """On to the answer of a course that waits longest for a grade; or back to the course."""
    course = await tree_routes.one(request, CONTAINER_SHOWN, CONTAINER, container_id)
    call, read = call_of(request), queries.TO_GRADE
    row = await hub_of(request).database.read_one(read, call, id=course["id"], limit=1)
    if row is None:
        return RedirectResponse(f"/courses/{course['id']}?said=graded", 303)
    found = read.as_dict(row)
    there = f"/quizzes/{found['quiz']}/answers/{found['attempt']}"
    return RedirectResponse(f"{there}#q{found['place']}", 303)


async def to_grade(request: Request, container_id: str, *, teaches: bool) -> int:
    """How many answers of a course wait for a grade, for who may give one; 0 for others."""
    call, read = call_of(request), queries.TO_GRADE_COUNT
    if not (teaches or (may(call, READ) and may(call, GRADE))):
        return 0
    row = await hub_of(request).database.read_one(read, call, id=container_id)
    return 0 if row is None else int(row[0])


@router.get(
    "/quizzes/{quiz_id}/answers",
    action=READ,
    also=THIS_QUIZ,
    problems=(404,),
    include_in_schema=False,
)
async def show_answers(
    request: Request, quiz_id: str, before: str = _LAST, only: str = "", sort: str = ""
) -> Response:
    """How hard each question was, and everybody's attempts, the last first."""
    quiz = await read_item(request, quiz_id)
    database, call, locale = hub_of(request).database, call_of(request), locale_of(request)
    rows = await database.read(
        queries.LATEST,
        call,
        quiz=quiz_id,
        before=before,
        waiting=int(only == "waiting"),
        limit=AT_ONCE + 1,
    )
    found, now = to_dicts(queries.LATEST, rows), utcnow()
    words = Words(request)
    questions = [
        _hard(one, quiz, words)
        for one in await read_hardness(request, quiz)
        if quiz["data"]["questions"][one.place - 1]["kind"] != "text"
    ]
    if sort == "hard":
        questions.sort(key=lambda one: 2.0 if one["mean"] is None else one["mean"])
    last = found[AT_ONCE - 1]["id"] if len(found) > AT_ONCE else None
    return await page(
        request,
        "quiz_answers.html",
        quiz=quiz,
        course=await reading.course_around(request, quiz["container"]),
        parts=quiz_parts(request, quiz_id),
        questions=questions,
        sort=sort,
        only=only,
        attempts=[{**one, **head(one, locale, now)} for one in found[:AT_ONCE]],
        following=f"?{urlencode({'before': last, 'only': only})}" if last else None,
        is_later=before != _LAST,
    )


def _hard(one: Hardness, quiz: Mapping[str, Any], words: Words) -> dict[str, Any]:
    question = quiz["data"]["questions"][one.place - 1]
    view = question_view(question)
    parts = {
        "right": one.right,
        "partly": one.partly,
        "wrong": one.wrong_count,
        "waiting": one.waiting,
    }
    return {
        "place": one.place,
        "words": words.line(words_of(question["html"]), LINE),
        "mean": one.share,
        "share": "" if one.share is None else words.percent(one.right / one.graded),
        "points": "" if one.share is None else words.percent(one.share),
        "plot": plots.stacked(parts),
        "answered": sum(parts.values()),
        "earlier": one.earlier,
        "waiting": one.waiting,
        "common": [
            {
                "words": words.line(listed(given_words(view, given), words.locale), LINE),
                "count": count,
            }
            for given, count in one.wrong[:1]
        ],
    }


@router.get(
    "/quizzes/{quiz_id}/answers/{attempt_id}",
    action=READ,
    also=THIS_QUIZ,
    problems=(404,),
    include_in_schema=False,
)
async def show_attempt(request: Request, quiz_id: str, attempt_id: str, said: str = "") -> Response:
    """What somebody answered, and what it is worth."""
    return await _attempt(request, quiz_id, attempt_id, said=said)


@router.post(
    "/quizzes/{quiz_id}/answers/{attempt_id}",
    action=GRADE,
    also=THIS_QUIZ,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def grade(request: Request, quiz_id: str, attempt_id: str) -> Response:
    """Give the form's answer points and feedback; or the page again with what is wrong."""
    form = await read_form(request)
    place = int(form["place"]) if form["place"].isdecimal() and len(form["place"]) < 7 else 0
    try:
        points = form["points"].strip()
        await run(
            request,
            marking.mark,
            quiz_id,
            attempt_id,
            place,
            points=number_of(points) if points else None,
            feedback=form["feedback"],
            seen=form["was"] or None,
        )
    except (InvalidError, ConflictError) as err:
        return await _attempt(request, quiz_id, attempt_id, form=form, error=err)
    here = f"/quizzes/{quiz_id}/answers/{attempt_id}"
    return RedirectResponse(f"{here}?said=saved#q{place}", 303)


async def _attempt(
    request: Request,
    quiz_id: str,
    attempt_id: str,
    *,
    said: str = "",
    form: Form | None = None,
    error: BloopError | None = None,
) -> Response:
    attempt = await read_attempt_of(request, quiz_id, attempt_id)
    shown = Words(request).attempt(attempt)
    for one in shown["questions"]:
        if one["answered"]:
            one["form"] = _form_of(one, form)
    # What is wrong stands at its question; where the form names none, above all.
    graded = {str(one["place"]) for one in shown["questions"] if one["answered"]}
    wrong_place = form["place"] if form is not None and error and form["place"] in graded else ""
    return await page(
        request,
        "quiz_answer.html",
        status=status_of(error),
        attempt=shown,
        quiz_id=quiz_id,
        parts=quiz_parts(request, quiz_id),
        said=said,
        wrong_place=wrong_place,
        fault=fault_words(error, translations_of(locale_of(request)).gettext),
    )


def _form_of(question: Mapping[str, Any], form: Form | None) -> dict[str, str]:
    """What the form of a grade holds: what was typed, or the grade that there is."""
    answered = question["answered"]
    own = form is not None and form["place"] == str(question["place"])
    given, whole = answered["score"], question["points"] or 1.0
    waits = given is None
    points = "" if waits else plain_number(round(given * whole, 4))
    return {
        "was": marking.told_apart(given, answered["comment"]),
        "points": form["points"] if own and form else points,
        "feedback": form["feedback"] if own and form else source_of(answered["comment"]),
        "whole": plain_number(whole),
        "open": "1" if waits or own or question["manner"] == Manner.KEPT else "",
    }
