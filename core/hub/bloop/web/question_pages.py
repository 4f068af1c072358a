"""The page on which one question of a quiz is written, and what it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.content.tree_routes import run
from bloop.graph import service as graph
from bloop.graph.models import Role
from bloop.graph.queries import CONCEPTS_OF_ITEM
from bloop.learning.quizzes import editing
from bloop.learning.quizzes.edit_routes import ACTION, THIS_QUIZ, read_quiz
from bloop.learning.quizzes.problems import CHOSEN, EDITED
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.statements import to_dicts
from bloop.store.unit import UnitOfWork
from bloop.web import lessons, reading
from bloop.web.question_forms import (
    MORE,
    MOST_ROWS,
    empty_question,
    fields_of,
    question_of,
    rows_of,
    worths,
)
from bloop.web.quiz_edit_pages import (
    changed_meanwhile,
    fault_words,
    mark_of,
    status_of,
)
from bloop.web.refusal_words import said_of
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

LINKS = "graph:write"


class _Fields(dict[str, str]):
    """What a form holds; a field that it does not name is empty."""

    def __missing__(self, key: str) -> str:
        return ""


@router.get(
    "/quizzes/{quiz_id}/question",
    action=ACTION,
    also=THIS_QUIZ,
    problems=(404, 422),
    include_in_schema=False,
)
async def edit_question(
    request: Request, quiz_id: str, part: str = "", kind: str = "choice", said: str = ""
) -> Response:
    """The form of a question: the one that ``part`` names, or a new one of a kind."""
    quiz = await read_quiz(request, quiz_id)
    question = _question(request, quiz, part, kind)
    return await _page(request, quiz, question, part, fields_of(question), said=said)


@router.post(
    "/quizzes/{quiz_id}/question",
    action=ACTION,
    also=THIS_QUIZ,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def save_question(request: Request, quiz_id: str) -> Response:
    """Keep the form's question; or the form again with more room, or with what is wrong."""
    form, quiz = await read_form(request), await read_quiz(request, quiz_id)
    part, kind, given = form["part"], form["kind"], _Fields(form.fields)
    try:
        before = _question(request, quiz, part, kind)
    except NotFoundError:
        gone = _question(request, quiz, "", kind)
        return await _page(request, quiz, gone, "", given, error=changed_meanwhile(quiz), now="")
    if form["more"]:
        given["rows"] = str(min(rows_of(form) + MORE, MOST_ROWS))
        return await _page(request, quiz, before, part, given)
    try:
        if part and form["was"] != mark_of(before):
            raise changed_meanwhile(quiz)
        question = question_of(form, before)
        questions = editing.put(quiz["data"]["questions"], part, question)
        changes = {"questions": editing.named(questions)}
        await run(request, editing.change, quiz_id, quiz["row_version"], changes)
    except (InvalidError, ConflictError) as err:
        now = _in_words(before) if isinstance(err, ConflictError) and err.current else None
        return await _page(request, quiz, before, part, given, error=err, now=now)
    if form["then"] == "new":
        return RedirectResponse(f"/quizzes/{quiz_id}/question?kind={kind}&said=saved", 303)
    place = editing.place_of(questions, part) if part else len(questions)
    return RedirectResponse(f"/quizzes/{quiz_id}/edit?said=saved#q{place}", 303)


def _question(request: Request, quiz: Mapping[str, Any], part: str, kind: str) -> dict[str, Any]:
    """The question that is meant; raises NotFoundError."""
    found: dict[str, Any] | None = None
    if part:
        questions = quiz["data"]["questions"]
        found = questions[editing.place_of(questions, part) - 1]
        kind = found["kind"]
    if kind not in EDITED:
        raise NotFoundError(f"a question of the kind {kind[:40]!r} cannot be written here")
    _ = translations_of(locale_of(request)).gettext
    return found or empty_question(kind, _("True"), _("False"))


def _in_words(question: Mapping[str, Any]) -> str:
    """A question as it is now, for who has to compare it with what they typed."""
    fields = fields_of(question)
    answers = (fields.get(f"c{n}_text", "") for n in range(1, len(question["choices"]) + 1))
    return "\n".join([fields["html"], *(f"- {one}" for one in answers)])


@router.post(
    "/quizzes/{quiz_id}/concepts", action=LINKS, problems=(404, 409, 422), include_in_schema=False
)
async def link_concept(request: Request, quiz_id: str) -> Response:
    """Say by its name which concept a question is about, or that it is not about one.

    The concept is made where there is none of that name.
    """
    form, quiz = await read_form(request), await read_quiz(request, quiz_id)
    part = form["part"]
    question = _question(request, quiz, part, "")
    try:
        if form["drop"]:
            await run(request, graph.uncover, quiz_id, form["drop"], part=part)
        else:
            await run(request, _cover_by_name, quiz_id, part, form["name"])
    except (InvalidError, ConflictError) as err:
        return await _page(request, quiz, question, part, fields_of(question), error=err)
    return RedirectResponse(
        f"/quizzes/{quiz_id}/question?part={quote(part, safe='')}#concepts", 303
    )


@command(LINKS)
def _cover_by_name(unit: UnitOfWork, quiz_id: str, part: str, name: str) -> None:
    concept = graph.concept_called(unit, name)
    graph.cover(unit, quiz_id, concept, Role.ASSESSES, part=part)


async def _page(
    request: Request,
    quiz: dict[str, Any],
    question: Mapping[str, Any],
    part: str,
    given: Mapping[str, str],
    *,
    said: str = "",
    error: BloopError | None = None,
    now: str | None = None,
) -> Response:
    locale = locale_of(request)
    translations = translations_of(locale)
    kind, fields = question["kind"], _Fields(given)
    rows = range(1, rows_of(fields) + 1)
    place = editing.place_of(quiz["data"]["questions"], part) if part else 0
    links = may(call_of(request), LINKS)
    return await page(
        request,
        "question_edit.html",
        status=status_of(error),
        script="quiz.js",
        quiz=quiz,
        course=await reading.course_around(request, quiz["container"]),
        kind=kind,
        kind_name=lessons.Words(locale, translations).kind_names()[kind],
        part=part,
        place=place,
        form=fields,
        rows=rows,
        worths=worths(fields, rows),
        usual="0" if kind in CHOSEN else "100",
        was=mark_of(question),
        problems=_problems(quiz, place, translations.gettext),
        said=said,
        error=error,
        fault=fault_words(error, translations.gettext),
        wrong=getattr(error, "field", None),
        now=now,
        links_concepts=links,
        concepts=await _concepts(request, quiz["id"], part) if part else [],
    )


def _problems(quiz: Mapping[str, Any], place: int, _: Callable[[str], str]) -> list[str]:
    return [said_of(one, _) for one in quiz["problems"] if one.place == place]


async def _concepts(request: Request, quiz_id: str, part: str) -> list[dict[str, Any]]:
    rows = await hub_of(request).database.read(CONCEPTS_OF_ITEM, call_of(request), id=quiz_id)
    return [one for one in to_dicts(CONCEPTS_OF_ITEM, rows) if one["part"] == part]
