"""The page of one's own factors: an authenticator app, passkeys, recovery codes."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, holder_of, hub_of
from bloop.accounts.mfa import service
from bloop.accounts.mfa.party import NoPasskeysError, party_of
from bloop.accounts.mfa.routes import change, forget, look, session_of, user_of
from bloop.accounts.mfa.totp import Enrolment
from bloop.store.errors import NotFoundError
from bloop.web.moments import moment
from bloop.web.refusals import in_words
from bloop.web.render import locale_of, page
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

HERE = "/account/security"
PASSKEYS = "passkeys.js"
APP = "app"
LONGEST_NAME = 80


@router.get(HERE, action="account:read", enrolling=True, include_in_schema=False)
async def show_security(request: Request) -> Response:
    """What one proves with who one is, and what can be added."""
    return await _security(request)


@router.post(
    f"{HERE}/app", action="account:write", step_up=True, enrolling=True, include_in_schema=False
)
async def begin_app(request: Request) -> Response:
    """Make a key for an authenticator app, and show it."""
    await change(
        request, service.begin_totp, user_of(request), hub_of(request).config.value.hub.name
    )
    return RedirectResponse(f"{HERE}/app", 303)


@router.get(
    f"{HERE}/app", action="account:write", step_up=True, enrolling=True, include_in_schema=False
)
async def show_app(request: Request) -> Response:
    """The key that waits to be confirmed, as a QR code and in letters."""
    found = await _enrolment(request)
    return RedirectResponse(HERE, 303) if found is None else await _app(request, found)


@router.post(
    f"{HERE}/app/confirm",
    action="account:write",
    step_up=True,
    enrolling=True,
    include_in_schema=False,
)
async def confirm_app(request: Request) -> Response:
    """Take the app into use; or the key again, and what is wrong with the code."""
    code = (await read_form(request))["code"]
    made = await change(request, service.confirm_totp, user_of(request), session_of(request), code)
    if isinstance(made, service.Added):
        return await _added(request, made)
    found = await _enrolment(request)
    return RedirectResponse(HERE, 303) if found is None else await _app(request, found, made)


@router.post(
    f"{HERE}/passkeys",
    action="account:write",
    step_up=True,
    enrolling=True,
    include_in_schema=False,
)
async def add_passkey(request: Request) -> Response:
    """Keep the passkey that this browser has made."""
    form = await read_form(request)
    made = await change(
        request,
        service.add_passkey,
        user_of(request),
        session_of(request),
        party_of(request),
        "".join(filter(str.isprintable, form["name"])).strip()[:LONGEST_NAME] or "Passkey",
        credential_in(form["credential"]),
    )
    if isinstance(made, service.Added):
        return await _added(request, made)
    return await _security(request, made)


@router.post(f"{HERE}/codes", action="account:write", step_up=True, include_in_schema=False)
async def make_codes(request: Request) -> Response:
    """Make new recovery codes, and show them this once."""
    return await _codes(request, await change(request, service.make_codes, user_of(request)))


@router.get(
    f"{HERE}/remove/{{factor}}",
    action="account:write",
    step_up=True,
    problems=(404,),
    include_in_schema=False,
)
async def ask_to_remove(request: Request, factor: str) -> Response:
    """What removing a factor means, and the button."""
    found = await look(request, service.factors_of, user_of(request))
    name = next((one.name for one in found.passkeys if one.id == factor), None)
    if name is None and not (factor == APP and found.totp):
        raise NotFoundError("there is no such factor")
    last = len(found.passkeys) + (found.totp is not None) == 1
    return await page(request, "security_remove.html", factor=factor, name=name, last=last)


@router.post(
    f"{HERE}/remove/{{factor}}",
    action="account:write",
    step_up=True,
    problems=(404,),
    include_in_schema=False,
)
async def remove(request: Request, factor: str) -> Response:
    """Forget an app or a passkey."""
    if factor == APP:
        await change(request, service.remove_totp, user_of(request))
    else:
        await change(request, service.remove_passkey, user_of(request), factor)
    forget(request)
    return RedirectResponse(HERE, 303)


def credential_in(text: str) -> dict[str, Any]:
    """What the page's script put into a form; empty where it is no object, which proves nothing."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


async def _security(request: Request, refusal: BloopError | None = None) -> Response:
    found = await look(request, service.factors_of, user_of(request))
    holder, locale = holder_of(request), locale_of(request)
    try:
        party_of(request)
        passkeys_possible = True
    except NoPasskeysError:
        passkeys_possible = False
    return await page(
        request,
        "security.html",
        status=422 if refusal else 200,
        script=PASSKEYS,
        app=_used(found.totp, locale) if found.totp else None,
        passkeys=[
            _used(one, locale) | {"id": one.id, "name": one.name, "synced": one.synced}
            for one in found.passkeys
        ],
        passkeys_possible=passkeys_possible,
        codes=found.recovery_codes,
        any=found.any,
        required=holder is not None and holder.must_enrol,
        wrong=in_words(request, refusal),
    )


def _used(row: Any, locale: str) -> dict[str, Any]:
    return {
        "since": moment(row.created_at.isoformat(), locale),
        "used": moment(row.last_used_at.isoformat(), locale) if row.last_used_at else None,
    }


async def _enrolment(request: Request) -> Enrolment | None:
    issuer = hub_of(request).config.value.hub.name
    await look(request, service.require_shown, user_of(request), session_of(request))
    return await look(request, service.show_totp, user_of(request), issuer)


async def _app(request: Request, found: Enrolment, refusal: BloopError | None = None) -> Response:
    shown = await page(
        request,
        "security_app.html",
        status=422 if refusal else 200,
        key=found.grouped,
        uri=found.uri,
        qr=found.svg(),
        wrong=in_words(request, refusal),
    )
    return _unkept(shown)


async def _added(request: Request, made: service.Added) -> Response:
    forget(request)
    if made.recovery_codes:
        return await _codes(request, made.recovery_codes)
    return RedirectResponse(HERE, 303)


async def _codes(request: Request, codes: tuple[str, ...]) -> Response:
    return _unkept(await page(request, "security_codes.html", codes=codes))


def _unkept(shown: Response) -> Response:
    shown.headers["cache-control"] = "no-store"
    return shown
