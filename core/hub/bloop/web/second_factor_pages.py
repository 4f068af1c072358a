"""Proving who one is: the second step of a login, a passkey alone, and once more before a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router
from bloop.accounts.actions import VISIT
from bloop.accounts.login.entry import admit, own_path
from bloop.accounts.mfa import cookie, login_routes
from bloop.accounts.mfa.party import party_of
from bloop.accounts.mfa.proofs import Proof, Way
from bloop.accounts.mfa.routes import UNKEPT, prove, renew, step_up_ways
from bloop.accounts.mfa.schemas import PendingIn
from bloop.accounts.service import StartedSession
from bloop.web import login_pages
from bloop.web.refusals import STEP_UP, in_words
from bloop.web.render import locale_of, page, translations_of
from bloop.web.security_pages import PASSKEYS, credential_in
from bloop_sdk import BloopError
from bloop_sdk.web import Form, read_form

router = Router(tags=["pages"])

SECOND = "/login/second-factor"
PASSKEY = "/login/passkey"


async def _button(request: Request) -> list[login_pages.Way]:
    _ = translations_of(locale_of(request)).gettext
    return [login_pages.Way(_("Passkey"), PASSKEY)]


login_pages.WAYS.append(_button)


@router.get(SECOND, action=VISIT, include_in_schema=False)
async def ask_second_factor(request: Request, next: str = "/") -> Response:  # noqa: A002 - the query's word
    """The ways to complete a login."""
    return await _second_factor(request, next)


@router.post(SECOND, action=VISIT, rate="login", own_site=True, include_in_schema=False)
async def complete_login(request: Request) -> Response:
    """Complete a login; or the ways again, and what was wrong."""
    form = await read_form(request)
    proof = _proof(request, form)
    done = await login_routes.complete(request, cookie.pending_of(request), proof)
    if isinstance(done, StartedSession):
        return await _logged_in(request, done, form["next"])
    return await _second_factor(request, form["next"], done)


@router.post(
    f"{SECOND}/options", action=VISIT, rate="login", own_site=True, include_in_schema=False
)
async def second_factor_options(request: Request) -> Response:
    """What the page's script asks a passkey of this browser's pending login with."""
    token = cookie.pending_of(request)
    return await login_routes.begin_second_factor(request, PendingIn(token=token or "none"))


@router.get(PASSKEY, action=VISIT, include_in_schema=False)
async def ask_passkey(request: Request, next: str = "/") -> Response:  # noqa: A002 - the query's word
    """The button for a login with a passkey alone."""
    return await _passkey(request, next)


@router.post(PASSKEY, action=VISIT, rate="login", own_site=True, include_in_schema=False)
async def log_in_by_passkey(request: Request) -> Response:
    """Log in with what the passkey answered."""
    form = await read_form(request)
    done = await login_routes.passkey_login(request, credential_in(form["credential"]))
    if isinstance(done, StartedSession):
        return await _logged_in(request, done, form["next"])
    return await _passkey(request, form["next"], done)


@router.get(STEP_UP, action="account:read", enrolling=True, include_in_schema=False)
async def ask_step_up(request: Request, next: str = "/") -> Response:  # noqa: A002 - the query's word
    """The ways to prove again who one is, before something that asks for it."""
    return await _step_up(request, next)


@router.post(STEP_UP, action="account:write", rate="login", enrolling=True, include_in_schema=False)
async def step_up(request: Request) -> Response:
    """Prove again who one is, and go on; or the ways again, and what was wrong."""
    form = await read_form(request)
    outcome = await prove(request, _proof(request, form))
    if not isinstance(outcome, str):
        return await _step_up(request, form["next"], outcome)
    response = RedirectResponse(own_path(form["next"]), 303, headers=UNKEPT)
    renew(request, response, outcome)
    return response


async def _second_factor(
    request: Request, path: str, refusal: BloopError | None = None
) -> Response:
    ways = await login_routes.pending_ways(request, cookie.pending_of(request))
    if ways is None:
        return await page(request, "second_factor.html", status=403, **_over(path))
    shown = {"act": SECOND, "options": f"{SECOND}/options", "step_up": False}
    return await _ways(request, ways, path, refusal, **shown)


async def _passkey(request: Request, path: str, refusal: BloopError | None = None) -> Response:
    shown = {"act": PASSKEY, "options": "/api/v1/login/passkey/options", "step_up": False}
    return await _ways(request, (Way.PASSKEY,), path, refusal, **shown)


async def _step_up(request: Request, path: str, refusal: BloopError | None = None) -> Response:
    ways = await step_up_ways(request)
    shown = {"act": STEP_UP, "options": "/api/v1/account/step-up/options", "step_up": True}
    return await _ways(request, ways, path, refusal, **shown)


async def _ways(
    request: Request,
    ways: Sequence[Way],
    path: str,
    refusal: BloopError | None,
    **shown: Any,
) -> Response:
    made = await page(
        request,
        "second_factor.html",
        status=422 if refusal else 200,
        script=PASSKEYS,
        ways=[str(way) for way in ways],
        next=own_path(path),
        wrong=in_words(request, refusal),
        over=False,
        **shown,
    )
    made.headers["cache-control"] = "no-store"
    return made


def _over(path: str) -> dict[str, Any]:
    return {
        "ways": [],
        "wrong": None,
        "over": True,
        "act": SECOND,
        "step_up": False,
        "next": own_path(path),
    }


def _proof(request: Request, form: Form) -> Proof:
    """What a form gives as a proof; an unknown way is a code that is wrong."""
    if form["way"] == Way.PASSKEY:
        credential = credential_in(form["credential"])
        return Proof(Way.PASSKEY, credential=credential, party=party_of(request))
    way = Way(form["way"]) if form["way"] in set(Way) else Way.TOTP
    return Proof(way, form["text"])


async def _logged_in(request: Request, session: StartedSession, path: str) -> Response:
    response = RedirectResponse(own_path(path), 303, headers={"cache-control": "no-store"})
    await admit(request, response, session)
    cookie.end_pending(request, response)
    return response
