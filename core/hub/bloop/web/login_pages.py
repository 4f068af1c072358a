"""The pages of logging in: with a password, without one that is forgotten, by a link to a new one.

None of them needs a script. Other ways in stand on the same page: each adds itself to :data:`WAYS`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, holder_of, hub_of
from bloop.accounts.actions import VISIT
from bloop.accounts.login import flows, rules
from bloop.accounts.login.entry import enter, own_path, remember_browser
from bloop.accounts.login.errors import (
    LoginBusyError,
    LoginDelayedError,
    LoginFailedError,
    PasswordRefusedError,
)
from bloop.accounts.sessions import system_call
from bloop.web.kept_forms import Stopped
from bloop.web.moments import span
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import BloopError, RetriableError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

_UNKEPT = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Way:
    """A button that leads to another way in; ``next`` is added to ``href``."""

    title: str
    href: str


WAYS: list[Callable[[Request], Awaitable[Sequence[Way]]]] = []
"""What gives the buttons of other ways in, identity providers for one."""


@router.get("/login", action=VISIT, include_in_schema=False)
async def ask_for_password(
    request: Request,
    next: str = "/",  # noqa: A002 - the query's word
    institution: str = "",
) -> Response:
    """The form to log in; who is logged in already goes on."""
    if holder_of(request) is not None:
        return RedirectResponse(own_path(next), 303)
    return await login_form(request, next, {"institution": institution})


@router.post("/login", action=VISIT, include_in_schema=False, own_site=True)
async def log_in(request: Request) -> Response:
    """Log in and go on to where one wanted to; or the form again, with what was wrong."""
    form = await read_form(request)
    to = form["next"] or "/"
    try:
        entered = await flows.log_in(request, form["login"], form["password"], form["institution"])
    except (LoginFailedError, LoginDelayedError, LoginBusyError) as err:
        given = {name: form[name] for name in ("login", "institution")}
        return await login_form(request, to, given, err)
    response = await enter(request, entered.outcome, to)
    remember_browser(request, response, entered.browser)
    return response


@router.get("/login/forgotten", action=VISIT, include_in_schema=False)
async def ask_whose_password(request: Request, login: str = "") -> Response:
    """The form for who has forgotten their password."""
    return await _forgotten(request, {"login": login})


@router.post("/login/forgotten", action=VISIT, include_in_schema=False, own_site=True)
async def note_forgotten(request: Request) -> Response:
    """The same answer for everybody, whether there is such an account or not."""
    form = await read_form(request)
    given = {name: form[name].strip() for name in ("login", "institution")}
    if not given["login"]:
        return await _forgotten(request, given)
    try:
        await flows.ask_reset(request, given["login"][:320], given["institution"])
    except LoginDelayedError as err:
        return await _forgotten(request, given, err)
    return await page(request, "login_asked.html", mailed=await _mails(request))


@router.get("/login/reset", action=VISIT, include_in_schema=False)
async def ask_for_new_password(request: Request, token: str = "") -> Response:
    """The form of a link to a new password, which this does not use up."""
    return await _reset_form(request, token, await flows.look_at_reset(request, token))


@router.post("/login/reset", action=VISIT, include_in_schema=False, own_site=True)
async def choose_password(request: Request) -> Response:
    """Take the new password, and log its owner in."""
    form = await read_form(request)
    try:
        outcome = await flows.choose_password(request, form["token"], form["password"])
    except (PasswordRefusedError, LoginBusyError) as err:
        return await _reset_form(request, form["token"], form["login"], err)
    return await enter(request, outcome, "/")


async def login_form(
    request: Request,
    to: str,
    given: dict[str, str],
    error: BloopError | None = None,
    *,
    status: int = 200,
    stopped: Stopped | None = None,
) -> Response:
    """The form to log in with what was ``given``, and what was wrong with it.

    ``stopped`` is a form that was being sent without a session.
    """
    shown = await page(
        request,
        "login.html",
        status=status_of(error) if error else status,
        form={"login": "", "institution": ""} | given,
        to=own_path(to),
        fault=fault_in_words(request, error) if error else None,
        wanted=status == 401 and stopped is None,
        stopped=stopped,
        several=bool(given.get("institution")) or await flows.several_institutions(hub_of(request)),
        ways=[way for find in WAYS for way in await find(request)],
    )
    shown.headers.update(headers_of(error))
    return shown


def fault_in_words(request: Request, error: BloopError) -> str:
    """What is wrong with a login or a password, in the visitor's language."""
    locale = locale_of(request)
    _ = translations_of(locale).gettext
    if isinstance(error, LoginFailedError):
        return _("That is not right. Check both fields; the password minds capitals.")
    if isinstance(error, LoginDelayedError):
        wait = span(error.retry_after or 1, locale)
        return _("There were too many tries. The next one is possible in {time}.").format(time=wait)
    if isinstance(error, LoginBusyError):
        return _("Many people are logging in at this moment. Please try again.")
    if isinstance(error, PasswordRefusedError):
        return _password_fault(error.why, _)
    if getattr(error, "field", None) == "old":
        return _("That is not your password.")
    if getattr(error, "field", None) == "email":
        return _("This is no e-mail address.")
    if error.code == "conflict":
        return _("Another account has this e-mail address.")
    return error.message


def _password_fault(why: str, _: Callable[[str], str]) -> str:
    if why == "short":
        return _("A password has at least {count} characters.").format(count=rules.SHORTEST)
    if why == "long":
        return _("A password has at most {count} characters.").format(count=rules.LONGEST)
    return _(
        "This one is easy to guess: it is a common one, or made of your name, a date or a row of "
        "keys. Three or four words that do not belong together are better."
    )


async def _mails(request: Request) -> bool:
    """Whether links are sent, at least by the first institution: who asks is nobody yet."""
    hub = hub_of(request)
    return await hub.brings_messages(system_call(hub.institution, call_of(request).trace))


async def _forgotten(
    request: Request, given: dict[str, str], error: BloopError | None = None
) -> Response:
    shown = await page(
        request,
        "login_forgotten.html",
        status=status_of(error) if error else 200,
        form={"login": "", "institution": ""} | given,
        fault=fault_in_words(request, error) if error else None,
        several=await flows.several_institutions(hub_of(request)),
        mailed=await _mails(request),
    )
    shown.headers.update(headers_of(error))
    return shown


async def _reset_form(
    request: Request, token: str, login: str, error: BloopError | None = None
) -> Response:
    shown = await page(
        request,
        "login_reset.html",
        status=status_of(error) if error else 200,
        token=token,
        login=login,
        fault=fault_in_words(request, error) if error else None,
        shortest=rules.SHORTEST,
        longest=rules.LONGEST,
    )
    shown.headers.update(_UNKEPT | headers_of(error))
    return shown


def status_of(error: BloopError) -> int:
    """The HTTP status of a form that comes back."""
    if isinstance(error, LoginDelayedError):
        return 429
    if isinstance(error, LoginBusyError):
        return 503
    return 401 if isinstance(error, LoginFailedError) else 422


def headers_of(error: BloopError | None) -> dict[str, str]:
    """When the form may be sent again, where that is the matter."""
    if isinstance(error, RetriableError) and error.retry_after is not None:
        return {"retry-after": str(round(error.retry_after))}
    return {}
