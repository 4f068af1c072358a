"""The pages of second factors for admins: whom they are asked of, and who has lost theirs."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.mfa import requirements, service
from bloop.accounts.mfa.routes import forget, look, run
from bloop.accounts.people.queries import PERSON
from bloop.accounts.people.routes import one
from bloop.store.errors import ConflictError
from bloop.web.people_pages import words
from bloop.web.people_words import fault_of
from bloop.web.render import page
from bloop_sdk import BloopError, Role
from bloop_sdk.web import read_form

router = Router(tags=["pages"])


@router.get("/people/second-factor", action="mfa:require", include_in_schema=False)
async def show_requirement(request: Request, saved: str = "") -> Response:
    """Which roles need a second factor here."""
    return await _requirement(request, saved=bool(saved))


@router.post(
    "/people/second-factor",
    action="mfa:require",
    step_up=True,
    problems=(403, 409),
    include_in_schema=False,
)
async def require_of(request: Request) -> Response:
    """Ask exactly the roles that are ticked for one."""
    form = await read_form(request)
    roles = [str(role) for role in Role if form[f"role.{role}"]]
    version = (
        int(form["version"]) if form["version"].isdecimal() and len(form["version"]) < 10 else -1
    )
    try:
        await run(request, requirements.require_of, roles, version)
    except ConflictError as err:
        return await _requirement(request, error=err)
    forget(request)
    return RedirectResponse("/people/second-factor?saved=yes", 303)


@router.get(
    "/people/{user_id}/factors", action="mfa:reset", problems=(404,), include_in_schema=False
)
async def ask_to_reset(request: Request, user_id: str) -> Response:
    """What removing somebody's factors means, and the button."""
    user = await one(request, PERSON, user_id, "user")
    return await page(request, "person_factors.html", person=user)


@router.post(
    "/people/{user_id}/factors",
    action="mfa:reset",
    step_up=True,
    problems=(403, 404),
    include_in_schema=False,
)
async def reset_factors(request: Request, user_id: str) -> Response:
    """Remove all factors of somebody who has lost them, and end their sessions."""
    await run(request, service.reset, user_id, call_of(request).principal.role)
    hub_of(request).sessions.forget_user(user_id)
    return RedirectResponse(f"/people/{user_id}?saved=yes", 303)


async def _requirement(
    request: Request, *, saved: bool = False, error: BloopError | None = None
) -> Response:
    roles, version = await look(request, requirements.show_requirement)
    return await page(
        request,
        "people_second_factor.html",
        status=409 if error else 200,
        roles=roles,
        version=version,
        saved=saved,
        **fault_of(request, error),
        **words(request),
    )
