"""The page on which questions are added to a quiz as plain text: GIFT or Aiken."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router
from bloop.content.tree_routes import run
from bloop.learning.quizzes import editing
from bloop.learning.quizzes.edit_routes import ACTION, THIS_QUIZ, read_item
from bloop.learning.quizzes.pasted import questions_in
from bloop.store.errors import ConflictError, InvalidError
from bloop.web import reading
from bloop.web.editing import version_in
from bloop.web.quiz_edit_pages import fault_words, quiz_parts, status_of
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])


@router.get(
    "/quizzes/{quiz_id}/paste",
    action=ACTION,
    also=THIS_QUIZ,
    problems=(404,),
    include_in_schema=False,
)
async def show_paste(request: Request, quiz_id: str) -> Response:
    """The form for questions as text."""
    return await _page(request, quiz_id)


@router.post(
    "/quizzes/{quiz_id}/paste",
    action=ACTION,
    also=THIS_QUIZ,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def paste(request: Request, quiz_id: str) -> Response:
    """Add the form's questions; or the page again with the line that cannot be read."""
    form = await read_form(request)
    _ = translations_of(locale_of(request)).gettext
    try:
        found = await asyncio.to_thread(questions_in, form["text"], _("True"), _("False"))
        await run(request, editing.add, quiz_id, version_in(form["version"]), found)
    except (InvalidError, ConflictError) as err:
        return await _page(request, quiz_id, text=form["text"], error=err)
    return RedirectResponse(f"/quizzes/{quiz_id}/edit?said=added#questions", 303)


async def _page(
    request: Request, quiz_id: str, *, text: str = "", error: BloopError | None = None
) -> Response:
    quiz = await read_item(request, quiz_id)
    return await page(
        request,
        "quiz_paste.html",
        status=status_of(error),
        quiz=quiz,
        course=await reading.course_around(request, quiz["container"]),
        parts=quiz_parts(request, quiz_id),
        text=text,
        error=error,
        fault=fault_words(error, translations_of(locale_of(request)).gettext),
    )
