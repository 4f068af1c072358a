"""What else pages do with somebody's account: their sessions, a new password, erasing them.

Each is a page that says what it means, with the one button that does it.
"""

from __future__ import annotations

from typing import Any, cast

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.login import changes, flows
from bloop.accounts.login import service as logins
from bloop.accounts.login.entry import reset_url
from bloop.accounts.people.queries import PERSON
from bloop.accounts.people.routes import UNKEPT, one, run
from bloop.accounts.privacy import service as privacy
from bloop.accounts.privacy.routes import HasSources
from bloop.store.errors import ConflictError
from bloop.web.account_pages import session_in_words
from bloop.web.people_words import fault_of
from bloop.web.render import page
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])


@router.get(
    "/people/{user_id}/sessions", action="users:recover", problems=(404,), include_in_schema=False
)
async def show_sessions(request: Request, user_id: str) -> Response:
    """Where somebody is logged in, and the button to log them out everywhere."""
    user = await one(request, PERSON, user_id, "user")
    found = await flows.sessions_of(request, user_id)
    shown = [session_in_words(request, row) for row in found]
    return await page(request, "person_sessions.html", person=user, sessions=shown)


@router.post(
    "/people/{user_id}/sessions/end",
    action="users:recover",
    step_up=True,
    problems=(403, 404),
    include_in_schema=False,
)
async def end_sessions(request: Request, user_id: str) -> Response:
    """Log somebody out everywhere."""
    await run(request, logins.end_for, user_id)
    hub_of(request).sessions.forget_user(user_id)
    return RedirectResponse(f"/people/{user_id}?saved=yes", 303)


@router.get(
    "/people/{user_id}/password", action="users:recover", problems=(404,), include_in_schema=False
)
async def ask_to_reset(request: Request, user_id: str) -> Response:
    """What a link for a new password means, and the button."""
    user = await one(request, PERSON, user_id, "user")
    return await page(request, "person_password.html", person=user, url=None, minutes=None)


@router.post(
    "/people/{user_id}/password",
    action="users:recover",
    step_up=True,
    problems=(403, 404),
    include_in_schema=False,
)
async def make_reset(request: Request, user_id: str) -> Response:
    """A link by which somebody chooses a password: shown this once."""
    user = await one(request, PERSON, user_id, "user")
    token = await run(request, changes.issue_reset_for, user_id)
    url = reset_url(hub_of(request).config.value.public_url, token)
    shown = await page(
        request,
        "person_password.html",
        script="copy.js",
        person=user,
        url=url,
        minutes=changes.RESET_MINUTES,
    )
    shown.headers.update(UNKEPT)
    return shown


@router.get(
    "/people/{user_id}/erase",
    action="users:erase",
    step_up=True,
    problems=(404,),
    include_in_schema=False,
)
async def ask_to_erase(request: Request, user_id: str) -> Response:
    """What erasing somebody means, and the button."""
    return await _ask_to_erase(request, user_id)


@router.post(
    "/people/{user_id}/erase/plan",
    action="users:erase",
    step_up=True,
    problems=(404,),
    include_in_schema=False,
)
async def plan_to_erase(request: Request, user_id: str) -> Response:
    """What erasing somebody would change, table by table: it looks through all of them."""
    planned = await _privacy(request, privacy.plan, user_id)
    return await _ask_to_erase(request, user_id, planned)


@router.post(
    "/people/{user_id}/erase",
    action="users:erase",
    step_up=True,
    problems=(403, 404, 409),
    include_in_schema=False,
)
async def erase(request: Request, user_id: str) -> Response:
    """Erase somebody whose name was typed in; there is no undo."""
    user = await one(request, PERSON, user_id, "user")
    if (await read_form(request))["name"].strip() != user["name"].strip():
        return await _ask_to_erase(request, user_id, is_other=True)
    try:
        await _privacy(request, privacy.erase, user_id)
    except ConflictError as err:
        return await _ask_to_erase(request, user_id, error=err)
    hub_of(request).sessions.forget_user(user_id)
    return RedirectResponse("/people?done=erased", 303)


async def _ask_to_erase(
    request: Request,
    user_id: str,
    planned: privacy.Erasure | None = None,
    *,
    is_other: bool = False,
    error: BloopError | None = None,
) -> Response:
    user = await one(request, PERSON, user_id, "user")
    return await page(
        request,
        "person_erase.html",
        status=409 if error else 422 if is_other else 200,
        person=user,
        plan=planned,
        deleted=sum(planned.deleted.values()) if planned else 0,
        blanked=sum(planned.blanked.values()) if planned else 0,
        is_other=is_other,
        fault=fault_of(request, error)["fault"],
    )


async def _privacy(request: Request, command: Any, user_id: str) -> Any:
    hub = hub_of(request)
    sources = cast("HasSources", hub).sources
    return await hub.database.run(command, hub.database, sources, call_of(request), user_id)
