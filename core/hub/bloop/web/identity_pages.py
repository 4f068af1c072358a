"""Login with an account elsewhere: to the provider, back from it, and one's connected accounts.

Whatever goes wrong ends on a page that says what to do now, and in the audit log. What a provider
says of an error is a stranger's text, and shown to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, holder_of, hub_of
from bloop.accounts.actions import VISIT
from bloop.accounts.devices import device_of
from bloop.accounts.identities import attempts, service
from bloop.accounts.identities.attempts import Begun, Refusal, Taken
from bloop.accounts.identities.queries import LINKS
from bloop.accounts.login.entry import enter
from bloop.accounts.queries import INSTITUTIONS
from bloop.accounts.service import token_institution
from bloop.accounts.sessions import system_call
from bloop.hub.logins import WayIn, authorize_url, exchange, return_address, way_in, ways_in
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import to_dicts
from bloop.telemetry.logs import get_logger
from bloop.web import login_pages
from bloop.web.identity_words import refusal_words
from bloop.web.moments import moment
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import BloopError, Call
from bloop_sdk.providers.identity import Identity
from bloop_sdk.web import read_form

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["pages"])
log = get_logger("bloop.logins")

_NAME = re.compile(r"[a-z0-9_]{1,40}\.[a-z0-9_]{1,30}")
UNCACHED = {"cache-control": "no-store"}
LONGEST_PARAMETER = 8192


async def _buttons(request: Request) -> list[login_pages.Way]:
    ways = await ways_in(_hub(request), _stranger(request))
    return [login_pages.Way(way.title, f"/login/with/{way.name}") for way in ways]


login_pages.WAYS.append(_buttons)


@router.get("/login/with", action=VISIT, include_in_schema=False)
async def choose_way(request: Request, next: str = "/") -> Response:  # noqa: A002 - its name in the address
    """Every way to log in with an account elsewhere."""
    ways = await ways_in(_hub(request), _stranger(request))
    return await page(request, "login_with.html", ways=ways, next=next)


# What comes back is the try to log in: who counted both let in half of a class at once.
@router.get(
    "/login/with/{provider}", action=VISIT, rate="write", problems=(404,), include_in_schema=False
)
async def start(request: Request, provider: str, next: str = "/") -> Response:  # noqa: A002 - as above
    """Begin a login, and send the browser to its provider."""
    call = _stranger(request)
    way = await way_in(_hub(request), call, provider)
    if request.method == "HEAD":
        return Response()
    return await _leave(request, call, way, next, None)


@router.get(
    "/login/with/{provider}/callback",
    action=VISIT,
    rate="login",
    problems=(403, 502),
    include_in_schema=False,
)
async def come_back(request: Request, provider: str) -> Response:
    """Where a provider sends the browser back to."""
    if request.method == "HEAD":
        return Response()  # Whoever only looks must not use the login up.
    if not _NAME.fullmatch(provider):
        raise NotFoundError("no login is called so")
    params = parameters(request)
    state, browser = params.get("state", ""), request.cookies.get(_cookie(request), "")
    call = await _call_of_state(request, state)
    taken = await _run(request, call, attempts.take, provider, state, browser)
    if isinstance(taken, Refusal):
        return await _refused(request, taken)
    identity = await _ask(request, call, taken, Begun(state, browser), params)
    if isinstance(identity, Refusal):
        return await _refused(request, identity)
    outcome = await _complete(request, call, taken, identity)
    if isinstance(outcome, Refusal):
        return await _refused(request, outcome)
    if isinstance(outcome, service.Connected):
        return _forget(request, RedirectResponse("/account/identities", 303, headers=UNCACHED))
    return _forget(request, await enter(request, outcome, taken.next_path))


@router.get("/account/identities", action="account:read", include_in_schema=False)
async def show_identities(request: Request) -> Response:
    """The accounts elsewhere of whoever looks, and what could be connected."""
    return await _identities(request)


@router.post(
    "/account/identities/connect",
    action="account:write",
    step_up=True,
    problems=(404,),
    include_in_schema=False,
)
async def connect(request: Request) -> Response:
    """Begin to connect an account elsewhere to the one that is logged in."""
    call, name = call_of(request), (await read_form(request))["provider"]
    way = await way_in(_hub(request), call, name)
    return await _leave(request, call, way, "/account/identities", call.principal.id)


@router.post(
    "/account/identities/{identity_id}/remove",
    action="account:write",
    step_up=True,
    problems=(404, 409),
    include_in_schema=False,
)
async def remove(request: Request, identity_id: str) -> Response:
    """Disconnect an account elsewhere."""
    call = call_of(request)
    try:
        await _run(request, call, service.unlink, call.principal.id, identity_id)
    except ConflictError as err:
        return await _identities(request, err)
    return RedirectResponse("/account/identities", 303)


async def _leave(
    request: Request, call: Call, way: WayIn, next_path: str, user_id: str | None
) -> Response:
    """Send the browser to a provider, with what it has to bring back."""
    hub = _hub(request)
    begun: Begun = await _run(request, call, attempts.begin, way.name, next_path, user_id)
    try:
        login = begun.request(way.option, return_address(hub, way))
        url = await authorize_url(hub, way, login)
    except BloopError as err:
        return await _refused(request, await _failed(request, call, way.name, err))
    if user_id is None:
        response: Response = RedirectResponse(url, 303, headers=UNCACHED)
    else:
        # A form may not lead to another site (form-action 'self'), also not by a redirect.
        response = await page(request, "login_leave.html", title=way.title, url=url)
        response.headers.update(UNCACHED | {"refresh": f"0; url={url}"})
    response.set_cookie(
        _cookie(request),
        begun.browser,
        max_age=attempts.MINUTES * 60,
        secure=hub.sessions.secure,
        httponly=True,
        samesite="lax",
    )
    return response


async def _ask(
    request: Request, call: Call, taken: Taken, begun: Begun, params: dict[str, str]
) -> Identity | Refusal:
    """Who came back, as the provider says."""
    hub = _hub(request)
    try:
        way = await way_in(hub, call, taken.provider)
        return await exchange(hub, way, begun.request(way.option, return_address(hub, way)), params)
    except BloopError as err:
        return await _failed(request, call, taken.provider, err)


async def _failed(request: Request, call: Call, provider: str, err: BloopError) -> Refusal:
    why = Refusal.CANCELLED if err.code == "login_cancelled" else Refusal.PROVIDER_FAILED
    if why is Refusal.PROVIDER_FAILED:
        log.warning("login refused", provider=provider, code=err.code, reason=err.message)
    await _run(request, call, attempts.refused, provider, why)
    return why


async def _complete(
    request: Request, call: Call, taken: Taken, identity: Identity
) -> service.Outcome:
    holder = holder_of(request)
    here = holder.principal.id if holder and holder.institution == call.institution else None
    arguments = (taken, identity, device_of(request), here)
    try:
        outcome: service.Outcome = await _run(request, call, service.complete, *arguments)
    except ConflictError:
        # The same person in two windows: the other one has made the account meanwhile.
        outcome = await _run(request, call, service.complete, *arguments)
    return outcome


async def _refused(request: Request, why: Refusal) -> Response:
    _ = translations_of(locale_of(request)).gettext
    heading, text = refusal_words(_)[why]
    is_over = why is not Refusal.NO_MEMBER
    shown = await page(
        request,
        "login_refused.html",
        status=502 if why is Refusal.PROVIDER_FAILED else 403,
        heading=heading,
        text=text,
        again="/login/with" if is_over else None,
    )
    shown.headers.update(UNCACHED)
    return _forget(request, shown)


async def _identities(request: Request, error: BloopError | None = None) -> Response:
    call, locale = call_of(request), locale_of(request)
    ways = await ways_in(_hub(request), call)
    titles = {way.name: way.title for way in ways}
    rows = await hub_of(request).database.read(LINKS, call, user=call.principal.id)
    shown = [
        one
        | {"title": titles.get(one["provider"], one["provider"])}
        | {name: moment(one[name], locale) for name in ("created_at", "used_at")}
        for one in to_dicts(LINKS, rows)
    ]
    return await page(
        request,
        "identities.html",
        status=409 if error else 200,
        identities=shown,
        ways=ways,
        is_last=error is not None,
    )


async def _run(request: Request, call: Call, command: Callable[..., Any], *arguments: Any) -> Any:
    hub = hub_of(request)
    return await hub.database.run(in_unit, hub.database, call, command, *arguments)


def parameters(request: Request) -> dict[str, str]:
    """What came back; nothing where a name is given twice, which could be read in two ways."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    params = dict(pairs)
    is_odd = len(params) != len(pairs) or any(len(text) > LONGEST_PARAMETER for _, text in pairs)
    return {} if is_odd else params


async def _call_of_state(request: Request, state: str) -> Call:
    """A call for the institution that a login was begun at; the visitor's, where there is none."""
    own, institution = _stranger(request), token_institution(state)
    if institution in {None, own.institution}:
        return own
    everywhere = system_call(EVERY_INSTITUTION, own.trace)
    rows = await hub_of(request).database.read(INSTITUTIONS, everywhere)
    known = (row[0] for row in rows if row[0] == institution)
    return system_call(next(known, own.institution), own.trace)


def _stranger(request: Request) -> Call:
    """A call of the hub itself for the visitor's institution: whoever logs in is nobody yet."""
    call = call_of(request)
    return system_call(call.institution, call.trace)


def _forget(request: Request, response: Response) -> Response:
    response.delete_cookie(
        _cookie(request), secure=hub_of(request).sessions.secure, httponly=True, samesite="lax"
    )
    return response


def _cookie(request: Request) -> str:
    return "__Host-bloop_login" if hub_of(request).sessions.secure else "bloop_login"


def _hub(request: Request) -> Hub:
    return cast("Hub", hub_of(request))
