"""The pages of one's own account: where one is logged in, and the password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.login import flows, rules
from bloop.accounts.login.errors import LoginBusyError, LoginDelayedError
from bloop.accounts.login.queries import PASSWORD
from bloop.accounts.queries import ACCOUNT
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.web.login_pages import fault_in_words, headers_of, status_of
from bloop.web.moments import moment
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])


@router.get("/account/sessions", action="account:read", include_in_schema=False)
async def show_sessions(request: Request, *, changed: bool = False) -> Response:
    """Where one is logged in."""
    found = await flows.sessions_of(request, call_of(request).principal.id)
    shown = [session_in_words(request, one) for one in found]
    return await page(request, "account_sessions.html", sessions=shown, changed=changed)


@router.post("/account/sessions/end", action="account:write", include_in_schema=False)
async def end_sessions(request: Request) -> Response:
    """End one session, all others, or all, as the form's field ``which`` says."""
    which = (await read_form(request))["which"]
    if which == "all":
        await flows.end_others(request, everywhere=True)
        response = RedirectResponse("/login", 303)
        sessions = hub_of(request).sessions
        response.delete_cookie(sessions.cookie, secure=sessions.secure, httponly=True)
        return response
    if which == "others":
        await flows.end_others(request, everywhere=False)
    else:
        await flows.end_own(request, which)
    return RedirectResponse("/account/sessions", 303)


@router.get("/account/password", action="account:read", include_in_schema=False)
async def ask_for_passwords(request: Request, *, first: bool = False) -> Response:
    """The form to change one's password, or to set the first one."""
    return await _form(request, first=first)


@router.post("/account/password", action="account:write", step_up=True, include_in_schema=False)
async def change_password(request: Request) -> Response:
    """Change it, and end every other session; or the form again with what is wrong."""
    form = await read_form(request)
    first = form["first"] == "true"
    try:
        email = form["email"] if "email" in form.fields else None
        await flows.change_password(request, form["old"], form["password"], email)
    except (InvalidError, ConflictError, LoginDelayedError, LoginBusyError) as err:
        return await _form(request, first=first, error=err, email=form["email"])
    begin = await hub_of(request).landing(call_of(request)) or "/"
    return RedirectResponse(begin if first else "/account/sessions?changed=true", 303)


async def _form(
    request: Request, *, first: bool, error: BloopError | None = None, email: str = ""
) -> Response:
    database, call = hub_of(request).database, call_of(request)
    row = await database.read_one(ACCOUNT, call, id=call.principal.id)
    if row is None:
        raise NotFoundError("this account is gone")
    account = ACCOUNT.as_dict(row)
    password = await database.read_one(PASSWORD, call, user_id=account["id"])
    shown = await page(
        request,
        "account_password.html",
        status=status_of(error) if error else 200,
        account=account,
        since=moment(password[0], locale_of(request)) if password else None,
        first=first and password is None,
        email=email,
        wrong=_field(error),
        fault=fault_in_words(request, error) if error else None,
        shortest=rules.SHORTEST,
        longest=rules.LONGEST,
    )
    shown.headers.update(headers_of(error))
    return shown


def _field(error: BloopError | None) -> str | None:
    """The field that an error is about."""
    return "email" if isinstance(error, ConflictError) else getattr(error, "field", None)


def session_in_words(request: Request, row: Mapping[str, Any]) -> dict[str, Any]:
    """A session in words."""
    locale = locale_of(request)
    _ = translations_of(locale).gettext
    browser, system = row["browser"], row["system"]
    if browser and system:
        device = _("{browser} on {system}").format(browser=browser, system=system)
    else:
        device = browser or system or _("An unknown device")
    ways = {
        "password": _("with a password"),
        "link": _("by a link"),
        "identity": _("with an account elsewhere"),
    }
    times = {name: moment(row[name], locale) for name in ("created_at", "seen_at")}
    return {**row, **times, "device": device, "way": ways.get(row["method"], row["method"])}
