"""Pages of a quiz that is taken here: a question at a time, what was right, and the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router
from bloop.content.tree_routes import run
from bloop.learning.quizzes import service
from bloop.learning.quizzes.questions import Manner
from bloop.learning.quizzes.routes import read_attempt
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.web.framed_pages import document, framed, signer
from bloop.web.navigation import NavLink
from bloop.web.prose import Prose
from bloop.web.quizzes import Words, feedback_html, question_html, response_of
from bloop.web.refusals import status_of
from bloop.web.render import check_reader, page
from bloop_sdk.web import Form, read_form

router = Router(tags=["pages"])

READ, WRITE = "account:read", "account:write"
NOTHING = Form()
Place = Annotated[int, Field(ge=0, le=100_000)]


@router.post(
    "/lessons/{id}/attempts", action=WRITE, problems=(404, 409, 422), include_in_schema=False
)
async def start(request: Request, id: str) -> Response:  # noqa: A002 - the path's word
    """Begin an attempt, or go on with the one that is open."""
    attempt = await run(request, service.start, id)
    return RedirectResponse(f"/attempts/{attempt}", 303)


@router.get("/attempts/{id}", action=READ, problems=(404, 422), include_in_schema=False)
async def show_attempt(
    request: Request,
    id: str,  # noqa: A002 - the path's word
    question: Place = 0,
) -> Response:
    """A question of an attempt: the first that is not answered, or another; else the result."""
    return await attempt_page(request, await read_attempt(request, id), question)


async def attempt_page(
    request: Request,
    attempt: dict[str, Any],
    place: int,
    *,
    error: Any = None,
    form: Form = NOTHING,
    preview: Sequence[NavLink] = (),
) -> Response:
    """A question of an attempt by its place, or the result.

    ``preview`` are the pages of a quiz for who writes it: they are shown what learners would be.
    """
    shown = Words(request).attempt(attempt)
    questions = shown["questions"]
    if not place and not attempt["over"]:
        place = next((one["place"] for one in questions if _to_do(one)), 0)
    at = question_of(attempt, place)["number"] if place else 0
    current = questions[at - 1] if place else None
    later = [*questions[at:], *questions[: max(0, at - 1)]]
    texts = [current["html"]] if current and current["rich"] else []
    if current and current["answered"] and current["answered"]["rich"]:
        told = attempt["questions"][at - 1]["answered"]
        texts += (
            [*told["feedback"], told["comment"]] if told["feedback"] or told["comment"] else [" "]
        )
    return await page(
        request,
        "attempt.html",
        offline=True,
        status=status_of(error),
        **framed(texts, questions=1 if texts else 0),
        attempt=shown,
        here=f"/quizzes/{attempt['item']}/preview" if preview else f"/attempts/{attempt['id']}",
        parts=preview,
        question=current,
        next=next((one["place"] for one in later if _to_do(one)), 0),
        error=error,
        form=form,
    )


def question_of(attempt: Mapping[str, Any], place: int) -> dict[str, Any]:
    """The question of an attempt that a place names; raises NotFoundError."""
    found: dict[str, Any] | None = next(
        (one for one in attempt["questions"] if one["place"] == place), None
    )
    if found is None:
        raise NotFoundError(f"this quiz has no question {place}")
    return found


def _to_do(question: Any) -> bool:
    return question["answered"] is None and question["manner"] != Manner.LEFT_OUT


@router.post(
    "/attempts/{id}/questions/{place}",
    action=WRITE,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def answer(request: Request, id: str, place: int) -> Response:  # noqa: A002
    """Answer a question; or the question again, with what is wrong."""
    form = await read_form(request)
    check_reader(request, form)
    attempt = await read_attempt(request, id)
    question = question_of(attempt, place)
    try:
        await run(request, service.answer, id, place, response_of(question, form))
    except (InvalidError, ConflictError) as err:
        attempt = await read_attempt(request, id)
        return await attempt_page(request, attempt, place, error=err, form=form)
    return RedirectResponse(f"/attempts/{id}?question={place}#said", 303)


def number_of(place: str) -> int:
    """A place of a path; 0, where there is no question, for what is none."""
    return int(place) if place.isdecimal() and len(place) < 7 else 0


@router.post("/attempts/{id}/finish", action=WRITE, problems=(404,), include_in_schema=False)
async def finish(request: Request, id: str) -> Response:  # noqa: A002 - the path's word
    """Finish an attempt."""
    await run(request, service.finish, id)
    return RedirectResponse(f"/attempts/{id}", 303)


@router.get(
    "/attempts/{id}/questions/{place}/text",
    action=READ,
    problems=(404, 422),
    include_in_schema=False,
)
async def show_question(
    request: Request,
    id: str,  # noqa: A002 - the path's word
    place: str,
    feedback: bool = False,  # noqa: FBT001, FBT002 - a flag of the query
) -> Response:
    """A question as its author wrote it, or what is said to an answer, for a frame."""
    attempt = await read_attempt(request, id)
    question = question_of(attempt, number_of(place))
    if feedback and question["answered"] is None:
        raise NotFoundError("this question is not answered yet")
    return text_of(request, attempt, question, feedback=feedback)


def text_of(
    request: Request, attempt: Mapping[str, Any], question: Mapping[str, Any], *, feedback: bool
) -> Response:
    """A question, or what is said to its answer, as a document for a frame."""
    shown = Prose(attempt["container"], signer(request)).shown
    return document(
        request,
        title=attempt["title"],
        language=attempt["language"],
        html=feedback_html(question["answered"], shown)
        if feedback
        else question_html(question, shown),
    )
