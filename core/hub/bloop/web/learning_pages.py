"""Pages of progress: lessons that are done, goals, certificates and who may trust them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import VISIT, may
from bloop.accounts.sessions import system_call
from bloop.api.learning import explained
from bloop.content.enrolling.queries import OWN_COURSES
from bloop.content.tree_routes import run
from bloop.learning.mastery.queries import LATEST_MASTERY
from bloop.learning.mastery.reasons import maker, reasons
from bloop.learning.mastery.service import KNOWN_FROM
from bloop.learning.progress import certificates, goals, queries, service
from bloop.learning.progress.routes import (
    read_certificates,
    read_course,
    read_goals,
    read_progress,
)
from bloop.learning.quizzes.grading import verdict_of
from bloop.learning.today.history import answered
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.statements import to_dicts
from bloop.web.moments import in_full, on_day
from bloop.web.quizzes import percent
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import PrincipalKind
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

READ, WRITE = "account:read", "account:write"
MOST_COURSES = 200
MOST_CONCEPTS = 20
LATEST_ANSWERS, MOST_ANSWERS = 5, 50


def learns(request: Request) -> bool:
    """Whether the visitor is a user whose progress is kept."""
    call = call_of(request)
    return call.principal.kind is PrincipalKind.USER and may(call, WRITE)


async def done_state(request: Request, item: str) -> dict[str, Any] | None:
    """How far the visitor is with a lesson; None for who has no progress here."""
    return await read_progress(request, item) if learns(request) else None


async def course_state(request: Request, course: str) -> dict[str, Any] | None:
    """How far the visitor is in a course, and whether it gives certificates."""
    if not learns(request):
        return None
    found = await read_course(request, course)
    return {**found, "share": percent(found["percent"] / 100, locale_of(request))}


@router.post("/lessons/{id}/done", action=WRITE, problems=(404,), include_in_schema=False)
async def mark(request: Request, id: str) -> Response:  # noqa: A002 - the path's word
    """Say that a lesson is done, or that it is not."""
    form = await read_form(request)
    await run(request, service.mark, id, done=form["done"] == "yes")
    return RedirectResponse(f"/lessons/{id}#done", 303)


@router.post(
    "/courses/{id}/certificate", action=WRITE, problems=(404, 409), include_in_schema=False
)
async def claim(request: Request, id: str) -> Response:  # noqa: A002 - the path's word
    """Get the certificate of a course, and show it."""
    await run(request, certificates.claim, id)
    database, call = hub_of(request).database, call_of(request)
    row = await database.read_one(queries.CERTIFICATE_OF, call, id=id)
    assert row is not None, "it was given right now"
    found = queries.CERTIFICATE_OF.as_dict(row)
    return RedirectResponse(_path(call.institution, found), 303)


def _path(institution: str, certificate: Mapping[str, Any]) -> str:
    return f"/certificates/{institution}/{certificate['code']}"


@router.get(
    "/certificates/{institution_id}/{code}", action=VISIT, problems=(404,), include_in_schema=False
)
async def show_certificate(request: Request, institution_id: str, code: str) -> Response:
    """A certificate, for whoever has its address; to print as well."""
    row = None
    if len(institution_id) <= 36 and institution_id != "*":
        # Who has the code may see it, whichever institution gave it.
        row = await hub_of(request).database.read_one(
            queries.VERIFIED, system_call(institution_id), code=code[:64]
        )
    if row is None:
        raise NotFoundError("there is no such certificate", cure="compare the whole address")
    found = queries.VERIFIED.as_dict(row)
    return await page(
        request,
        "certificate.html",
        certificate={**found, **_in_words(found, locale_of(request))},
        address=f"{hub_of(request).config.value.public_url}{_path(institution_id, found)}",
    )


def _in_words(found: Mapping[str, Any], locale: str) -> dict[str, Any]:
    average = found["average"]
    return {
        "day": on_day(found["issued_at"], locale),
        "share": None if average is None else percent(average, locale),
    }


@router.get("/account/learning", action=READ, include_in_schema=False)
async def show_learning(request: Request) -> Response:
    """The visitor's goals and certificates, and what their answers show that they know."""
    return await _learning(request)


@router.get("/account/learning/answers", action=READ, problems=(422,), include_in_schema=False)
async def show_answers(request: Request, before: str = "") -> Response:
    """What the visitor answered, the last first."""
    found = await _answered(request, before, MOST_ANSWERS)
    return await page(request, "answers.html", answers=found["items"], more=found["next"])


async def _answered(request: Request, before: str, limit: int) -> dict[str, Any]:
    found = await answered(hub_of(request).database, call_of(request), before, limit)
    locale = locale_of(request)
    items = [
        {
            **one,
            "when": in_full(one["at"], locale),
            "verdict": verdict_of(one["score"]).value,
            "share": percent(one["score"], locale),
        }
        for one in found["items"]
    ]
    return {**found, "items": items}


@router.get(
    "/account/learning/concepts/{concept_id}",
    action=READ,
    problems=(404,),
    include_in_schema=False,
)
async def show_mastery(request: Request, concept_id: str) -> Response:
    """Why the visitor is taken to know a concept, or not, and which model says so."""
    why = await explained(request, call_of(request).principal.id, concept_id)
    locale = locale_of(request)
    translate = translations_of(locale).gettext
    told = {"made_by": maker(why, translate), "share": percent(why["p"], locale)}
    return await page(request, "mastery.html", why={**why, **told}, reasons=reasons(why, translate))


async def _mastered(request: Request) -> list[dict[str, Any]]:
    """What the visitor answered about last, as concepts."""
    rows = await hub_of(request).database.read(
        LATEST_MASTERY, call_of(request), user=call_of(request).principal.id, limit=MOST_CONCEPTS
    )
    locale = locale_of(request)
    return [
        {**one, "share": percent(one["p"], locale), "known": one["p"] >= KNOWN_FROM}
        for one in to_dicts(LATEST_MASTERY, rows)
    ]


async def _learning(request: Request, error: Any = None) -> Response:
    call, locale = call_of(request), locale_of(request)
    rows = await hub_of(request).database.read(OWN_COURSES, call, after="", limit=MOST_COURSES)
    picked = await read_goals(request)
    subjects = {goal["subject"] for goal in picked}
    given = await read_certificates(request)
    return await page(
        request,
        "learning.html",
        status=200 if error is None else 422,
        goals=picked,
        may_see_map=may(call, "graph:read"),
        courses=[one for one in to_dicts(OWN_COURSES, rows) if one["id"] not in subjects],
        certificates=[
            {**one, **_in_words(one, locale), "href": _path(call.institution, one)} for one in given
        ],
        mastered=await _mastered(request),
        answers=(await _answered(request, "", LATEST_ANSWERS))["items"],
        error=error,
    )


@router.post(
    "/account/learning/goals", action=WRITE, problems=(404, 409, 422), include_in_schema=False
)
async def set_goal(request: Request) -> Response:
    """Pick a goal, or take one back."""
    form = await read_form(request)
    kind, _, subject = form["goal"].partition(":")
    if form["drop"]:
        await run(request, goals.drop_goal, kind, subject)
        return RedirectResponse("/account/learning", 303)
    try:
        await run(request, goals.set_goal, kind, subject, _day(form["by"].strip()))
    except (InvalidError, ConflictError) as err:
        return await _learning(request, err)
    return RedirectResponse("/account/learning", 303)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as err:
        raise InvalidError("by: no day", field="by", cure="write 2026-12-31") from err
