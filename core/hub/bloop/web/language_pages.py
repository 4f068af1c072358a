"""The choice of a language: with the account of who has one, else in the browser."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, holder_of, hub_of
from bloop.accounts.actions import VISIT
from bloop.accounts.languages import choose_language, remember, require
from bloop.accounts.login.entry import own_path
from bloop.store.database import in_unit
from bloop.web.render import page
from bloop_sdk.web import read_form

router = Router(tags=["pages"])


@router.get("/account/language", action="account:read", include_in_schema=False)
async def show_language(request: Request) -> Response:
    """What one has chosen."""
    holder = holder_of(request)
    return await page(
        request, "account_language.html", chosen=None if holder is None else holder.language
    )


@router.post("/language", action=VISIT, include_in_schema=False, own_site=True)
async def set_language(request: Request) -> Response:
    """Keep the form's ``set``, empty for what the browser asks, and go back to ``next``."""
    form = await read_form(request)
    language = form["set"] or None
    require(language)
    hub, call, holder = hub_of(request), call_of(request), holder_of(request)
    if holder is not None and holder.session is not None:
        user = call.principal.id
        await hub.database.run(in_unit, hub.database, call, choose_language, user, language)
        hub.sessions.forget_user(user)
    response = RedirectResponse(own_path(form["next"] or "/"), 303)
    remember(response, language, secure=hub.sessions.secure)
    return response
