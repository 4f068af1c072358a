"""Reviews: one question that is due at a time, what was right about it, and how the day went."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.content.tree_routes import run
from bloop.learning.reviews import asking
from bloop.learning.reviews.answering import answer
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.statements import moment
from bloop.store.types import utcnow
from bloop.web.framed_pages import document, framed, signer
from bloop.web.moments import without_year
from bloop.web.prose import Prose
from bloop.web.quizzes import Words, feedback_html, question_html, response_of
from bloop.web.refusals import status_of
from bloop.web.render import check_reader, locale_of, page
from bloop_sdk.web import Form, read_form

router = Router(tags=["pages"])

READ, WRITE = "account:read", "account:write"
NOTHING = Form()
A_WHILE = 60
"""So many seconds a form may be under way and count as answered now."""
MOST_SECONDS = 10**9
"""A device that says more has no clock; what may be that long ago the command says."""
KEPT_AHEAD = 20
"""So many questions are kept on the device of who takes a course along."""


@router.get("/reviews", action=READ, include_in_schema=False)
async def show_reviews(
    request: Request, key: Annotated[str, Field(max_length=64)] = ""
) -> Response:
    """The question with a key, or the first that is due; where none is, what was answered today."""
    return await _ask(request, key=key)


async def _ask(
    request: Request, *, key: str = "", error: Any = None, form: Form = NOTHING
) -> Response:
    """The page of a question: the one with a key, where it is still asked, or the first."""
    found = await asking.asked(hub_of(request).database, call_of(request))
    if not found["questions"]:
        return await _summary(request, error)
    left = found["questions"]
    one = next((some for some in left if some["key"] == key), left[0])
    question = _shown(request, one, None)
    texts = [one["question"]["html"]] if question["rich"] else []
    return await page(
        request,
        "review.html",
        offline=True,
        later=[some["key"] for some in left if some is not one][:KEPT_AHEAD],
        status=status_of(error),
        **framed(texts, questions=1 if texts else 0),
        one=one,
        question=question,
        place=found["done"] + 1,
        all=found["done"] + len(left),
        percent=100 * found["done"] // (found["done"] + len(left)),
        now=int(utcnow().timestamp()),
        error=error,
        form=form if one["key"] == key else NOTHING,
    )


def _shown(request: Request, one: dict[str, Any], answered: Any) -> dict[str, Any]:
    """A question in words, as the pages of quizzes show it."""
    more = {"place": 1, "part": one["part"], "worth": 1.0, "answered": answered}
    return Words(request).question({**one["question"], **more})


async def _summary(request: Request, error: Any = None) -> Response:
    found = await asking.responses_of_today(hub_of(request).database, call_of(request))
    locale = locale_of(request)
    rows = [
        {
            **one,
            "question": _shown(request, one, None),
            "again": day_of(one["due"], locale),
        }
        for one in found
    ]
    return await page(
        request,
        "reviewed.html",
        status=200 if error is None else 409,
        answers=rows,
        count=Counter(one["answered"]["verdict"] for one in found),
        error=error,
    )


@router.get("/reviews/done", action=READ, include_in_schema=False)
async def show_done(request: Request) -> Response:
    """What was answered today, for who stops before everything is."""
    return await _summary(request)


@router.post("/reviews", action=WRITE, problems=(404, 409, 422), include_in_schema=False)
async def give_answer(request: Request) -> Response:
    """Answer the question of a form; sent again it leads to the same answer."""
    form = await read_form(request)
    check_reader(request, form)
    item, part, key = form["item"][:60], form["part"][:200], form["key"][:64]
    found = await asking.asked(hub_of(request).database, call_of(request))
    one = next((some["question"] for some in found["questions"] if some["key"] == key), None)
    # One that is not asked any more was answered, maybe by this very form, or its concept was asked
    # about while this answer waited on a device: the command knows.
    question = one or await asking.question_of(
        hub_of(request).database, call_of(request), item, part
    )
    given = None if question is None else response_of(question, form)
    try:
        kept = await run(
            request,
            answer,
            item,
            part,
            given,
            key=key,
            version=form["version"][:64],
            seconds=_seconds(form),
            at=_at(form["ago"]),
        )
    except (InvalidError, ConflictError, NotFoundError) as err:
        return await _ask(request, key=key, error=err, form=form)
    return RedirectResponse(f"/reviews/answers/{kept}#said", 303)


def _seconds(form: Form) -> float | None:
    """How long it took, as a device says that showed it; or since the hub showed the question."""
    if form["seconds"].isdecimal() and len(form["seconds"]) < 7:
        return float(form["seconds"])
    shown = form["shown"]
    if not shown.isdecimal() or len(shown) > 11:
        return None
    return ((_at(form["ago"]) or utcnow()).timestamp()) - int(shown)


def _at(ago: str) -> datetime | None:
    """When it was answered, as a device says that sends it so many seconds later; None for now."""
    seconds = min(int(ago), MOST_SECONDS) if ago.isdecimal() and len(ago) < 20 else 0
    return utcnow() - timedelta(seconds=seconds) if seconds > A_WHILE else None


@router.get("/reviews/answers/{response_id}", action=READ, problems=(404,), include_in_schema=False)
async def show_answer(request: Request, response_id: str) -> Response:
    """What was answered, what was right, and the way on."""
    database, call = hub_of(request).database, call_of(request)
    one = await asking.response(database, call, response_id)
    found = await asking.asked(database, call)
    question = _shown(request, one, one["answered"])
    texts = [one["question"]["html"]] if question["rich"] else []
    if question["answered"]["rich"]:
        texts += one["answered"]["feedback"] or [" "]
    return await page(
        request,
        "review_answer.html",
        **framed(texts, questions=1 if texts else 0),
        one=one,
        question=question,
        done=found["done"],
        all=found["done"] + len(found["questions"]),
        left=len(found["questions"]),
        percent=100 * found["done"] // max(1, found["done"] + len(found["questions"])),
        again=day_of(one["due"], locale_of(request)),
    )


def day_of(due: Any, locale: str) -> str | None:
    """The day of something that is to come: by its name within a week."""
    if due is None:
        return None
    day = moment(due).date()
    near = timedelta() <= day - utcnow().date() < timedelta(days=7)
    return without_year(day, locale, "EEEE" if near else "d MMMM")


@router.get("/reviews/text", action=READ, problems=(404,), include_in_schema=False)
async def show_question(request: Request, key: str = "") -> Response:
    """A question as its author wrote it, for a frame."""
    found = await asking.asked(hub_of(request).database, call_of(request))
    one = next((some for some in found["questions"] if some["key"] == key), None)
    if one is None:
        raise NotFoundError("this question is not asked now", cure="go back to your reviews")
    return _document(request, one, question_html)


@router.get(
    "/reviews/answers/{response_id}/text",
    action=READ,
    problems=(404,),
    include_in_schema=False,
)
async def show_answered(
    request: Request,
    response_id: str,
    feedback: bool = False,  # noqa: FBT001, FBT002 - a flag of the query
) -> Response:
    """A question that was answered, or what is said to the answer, for a frame."""
    one = await asking.response(hub_of(request).database, call_of(request), response_id)
    if feedback:
        return _document(request, one, lambda _, shown: feedback_html(one["answered"], shown))
    return _document(request, one, question_html)


def _document(request: Request, one: dict[str, Any], html: Any) -> Response:
    shown = Prose(one["container"], signer(request)).shown
    return document(
        request,
        title=one["title"],
        language=one["language"],
        html=html(one["question"], shown),
    )
