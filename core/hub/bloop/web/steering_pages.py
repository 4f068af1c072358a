"""The page of a course's recommendations: what who teaches says of them, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.content.enrolling.queries import LEARNERS
from bloop.content.queries import CONTAINER, CONTAINER_SHOWN
from bloop.content.tree_routes import one, run, taught
from bloop.graph.queries import CONCEPTS_OF_COURSE
from bloop.learning.progress.queries import LESSONS
from bloop.learning.recommend import rules
from bloop.learning.recommend.models import Act
from bloop.learning.recommend.queries import RULES
from bloop.learning.recommend.reasons import sentence
from bloop.learning.recommend.routes import MOST_RULES, read_preview
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.statements import to_dicts
from bloop.web.course_parts import parts_on
from bloop.web.moments import moment
from bloop.web.people_words import fault_of
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

WRITE = "content:write"
CHOICES = 1000
SHOWN = 5
NOTHING = "none"
"""What is said of an item of which nothing is said: that is how something is undone."""
_NEW = {"item": "", "act": "pin", "concept": "", "position": "1"}
TEACHES = taught("containers", "container_id")


@router.get(
    "/courses/{container_id}/recommendations",
    action=WRITE,
    also=TEACHES,
    problems=(404,),
    include_in_schema=False,
)
async def show_steering(
    request: Request,
    container_id: str,
    user: str = "",
    changed: str = "",
    concept: str = "",
    before: str = "",
) -> Response:
    """What was said of recommending a course's lessons, and what a learner is shown by it."""
    undo = {"item": changed, "concept": concept, **_parsed(before)} if changed else None
    return await _steering(request, container_id, _NEW, user=user, undo=undo)


@router.post(
    "/courses/{container_id}/recommendations",
    action=WRITE,
    also=TEACHES,
    problems=(403, 404, 422),
    include_in_schema=False,
)
async def steer(request: Request, container_id: str) -> Response:
    """Pin, hide or place a lesson, or take that back; or the form again with what is wrong."""
    given = await read_form(request)
    form = {name: given[name].strip()[:200] for name in _NEW}
    try:
        before = await _said(request, container_id, form)
    except (InvalidError, NotFoundError) as err:
        await one(request, CONTAINER_SHOWN, CONTAINER, container_id)
        return await _steering(request, container_id, form, error=err)
    told = f"{before.act}:{before.position}" if before else NOTHING
    asked = {
        "user": given["user"][:60],
        "changed": form["item"],
        "concept": form["concept"],
        "before": told,
    }
    query = urlencode({name: value for name, value in asked.items() if value})
    return RedirectResponse(f"/courses/{container_id}/recommendations?{query}", 303)


async def _said(request: Request, course: str, form: Mapping[str, str]) -> rules.Said | None:
    """Say what the form says, and give what was said before."""
    item, concept = form["item"], form["concept"]
    known = {row["id"] for row in await _lessons(request, course)}
    known |= {row["item"] for row in await _rules(request, course)}
    if item not in known:
        raise InvalidError("item: no lesson of this course", field="item", cure="choose one")
    if form["act"] == NOTHING:
        try:
            return await run(request, rules.unrule, item, concept=concept)
        except NotFoundError:
            return None  # The same again is as good.
    position = form["position"]
    if form["act"] != Act.ORDER:
        number = 0
    elif position.isascii() and position.isdecimal() and len(position) <= 4:
        number = int(position)
    else:
        raise InvalidError("position: from 0 to 1000", field="position")
    try:
        return await run(request, rules.rule, item, form["act"], concept=concept, position=number)
    except NotFoundError as err:
        if concept and concept[:40] in err.message:
            raise InvalidError("concept: there is none", field="concept") from err
        raise


def _parsed(before: str) -> dict[str, str]:
    act, _, position = before.partition(":")
    is_said = act in set(Act) and position.isascii() and position.isdecimal()
    return {"act": act, "position": position[:4]} if is_said else {"act": NOTHING, "position": "0"}


async def _rules(request: Request, course: str) -> list[dict[str, Any]]:
    rows = await hub_of(request).database.read(
        RULES, call_of(request), container=course, limit=MOST_RULES
    )
    return to_dicts(RULES, rows)


async def _lessons(request: Request, course: str) -> list[dict[str, Any]]:
    rows = await hub_of(request).database.read(
        LESSONS, call_of(request), container=course, limit=CHOICES
    )
    return sorted(to_dicts(LESSONS, rows), key=lambda row: row["title"].casefold())


async def _steering(
    request: Request,
    course_id: str,
    form: Mapping[str, str],
    *,
    user: str = "",
    undo: Mapping[str, str] | None = None,
    error: BloopError | None = None,
) -> Response:
    call, database = call_of(request), hub_of(request).database
    course = await one(request, CONTAINER_SHOWN, CONTAINER, course_id)
    said, lessons = await _rules(request, course_id), await _lessons(request, course_id)
    concepts = await database.read(CONCEPTS_OF_COURSE, call, container=course_id, limit=CHOICES)
    parts, learners = parts_on(request, course_id, WRITE), []
    # Who may not know how others do may not see what they are shown by that either.
    if may(call, "learning:read") or not may(call, WRITE):
        rows = await database.read(LEARNERS, call, container=course_id, limit=CHOICES)
        learners = sorted(((row[0], row[1]) for row in rows), key=lambda row: row[1].casefold())
    shown = None
    if user and user in {id_ for id_, _ in learners}:
        shown = await _preview(request, course_id, user)
    locale = locale_of(request)
    titles = {row["id"]: row["title"] for row in lessons} | {r["item"]: r["title"] for r in said}
    return await page(
        request,
        "course_recommendations.html",
        status=422 if error else 200,
        course=course,
        parts=parts,
        rules=[row | {"at": moment(row["at"], locale)} for row in said],
        lessons=lessons,
        concepts=[(row[0], row[1]) for row in concepts],
        learners=learners,
        shown=shown,
        user=user,
        undo=undo if undo and undo["item"] in titles else None,
        undo_title=titles.get(undo["item"]) if undo else None,
        form=form,
        acts=_acts(translations_of(locale).gettext),
        **fault_of(request, error),
    )


async def _preview(request: Request, course: str, user: str) -> dict[str, Any]:
    found = await read_preview(request, course, user, SHOWN)
    translate = translations_of(locale_of(request)).gettext
    items = [
        item | {"reason": sentence(item["kind"], item["facts"], translate)}
        for item in found["items"]
    ]
    return found | {"items": items}


def _acts(_: Callable[[str], str]) -> dict[str, str]:
    return {
        "pin": _("Pin: it comes first until it is done"),
        "hide": _("Hide: it is not recommended"),
        "order": _("Order: it has this place among lessons for the same"),
    }
