"""The page of a course's people: who is enrolled, and whom it is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.people.queries import GROUPS
from bloop.content.enrolling import service
from bloop.content.enrolling.queries import ENROLMENTS, ROSTER
from bloop.content.queries import CONTAINER
from bloop.content.tree_routes import one, run, taught
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.statements import to_dicts
from bloop.web.course_parts import parts_on
from bloop.web.people_words import fault_of
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

AT_ONCE = 500
_NEW = {"email": "", "group": "", "role": "learner"}


@router.get(
    "/courses/{container_id}/people",
    action="enrolments:read",
    also=taught("containers", "container_id"),
    problems=(404,),
    include_in_schema=False,
)
async def show_people(request: Request, container_id: str, saved: str = "") -> Response:
    """Who is enrolled in a course, here and in the system that it comes from."""
    return await _people(request, container_id, _NEW, saved=bool(saved))


@router.post(
    "/courses/{container_id}/people",
    action="enrolments:write",
    problems=(403, 404, 422),
    include_in_schema=False,
)
async def enrol(request: Request, container_id: str) -> Response:
    """Enrol somebody or a group; or the form again with what is wrong."""
    given = await read_form(request)
    form = {name: given[name].strip() for name in _NEW}
    try:
        await run(
            request,
            service.enrol,
            container_id,
            email=form["email"] or None,
            group=form["group"] or None,
            role=form["role"],
        )
    except (InvalidError, ConflictError) as err:
        return await _people(request, container_id, form, error=err)
    return RedirectResponse(f"/courses/{container_id}/people?saved=yes", 303)


@router.post(
    "/courses/{container_id}/people/{enrolment_id}/end",
    action="enrolments:write",
    problems=(403, 404),
    include_in_schema=False,
)
async def end_enrolment(request: Request, container_id: str, enrolment_id: str) -> Response:
    """End an enrolment; one that has ended already is as good."""
    try:
        await run(request, service.end, container_id, enrolment_id)
    except NotFoundError:
        await one(request, CONTAINER, CONTAINER, container_id)
    return RedirectResponse(f"/courses/{container_id}/people?saved=yes", 303)


@router.post(
    "/courses/{container_id}/audience",
    action="enrolments:write",
    problems=(403, 404, 422),
    include_in_schema=False,
)
async def set_audience(request: Request, container_id: str) -> Response:
    """Decide whom a course is for."""
    audience = (await read_form(request))["audience"]
    await run(request, service.set_audience, container_id, None, audience)
    return RedirectResponse(f"/courses/{container_id}/people?saved=yes", 303)


async def _people(
    request: Request,
    container_id: str,
    form: Mapping[str, str],
    *,
    saved: bool = False,
    error: BloopError | None = None,
) -> Response:
    call, database = call_of(request), hub_of(request).database
    course = await one(request, CONTAINER, CONTAINER, container_id)
    here = await database.read(ENROLMENTS, call, container=container_id, **_FIRST)
    there = await database.read(ROSTER, call, container=container_id, **_FIRST)
    groups: list[dict[str, Any]] = []
    if may(call, "groups:read"):
        groups = to_dicts(GROUPS, await database.read(GROUPS, call, **_FIRST))
    _ = translations_of(locale_of(request)).gettext
    return await page(
        request,
        "course_people.html",
        status=422 if error else 200,
        course=course,
        parts=parts_on(request, container_id, "enrolments:read"),
        enrolments=to_dicts(ENROLMENTS, here),
        roster=to_dicts(ROSTER, there),
        groups=groups,
        form=form,
        saved=saved,
        may_write=may(call, "enrolments:write"),
        **fault_of(request, error),
        **_words(_),
    )


_FIRST = {"after": "", "limit": AT_ONCE}


def _words(_: Callable[[str], str]) -> dict[str, Any]:
    return {
        "audience_name": {
            "open": _("Everybody who reaches this hub"),
            "members": _("Everybody who has an account here"),
            "enrolled": _("Those who are enrolled"),
            "owner": _("Its owner alone"),
        },
        "audience_about": {
            "open": _("Everybody who reaches this hub sees what is published in it."),
            "members": _("Everybody who has an account here sees what is published in it."),
            "enrolled": _("Only those who are enrolled see it, and who writes courses here."),
            "owner": _("Nobody but its owner sees it, whatever their role."),
        },
        "course_role": {
            "learner": _("learns"),
            "educator": _("teaches"),
            "admin": _("teaches"),
        },
    }
