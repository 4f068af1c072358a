"""What the API and the pages do alike: log in, change a password, choose one by a link.

A password is compared and hashed between two units of work, never within one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from starlette.requests import Request

from bloop.accounts.access import HubParts, call_of, holder_of, hub_of
from bloop.accounts.actions import ForbiddenError
from bloop.accounts.devices import browser_of, device_of
from bloop.accounts.emails import normalised
from bloop.accounts.languages import locale_of
from bloop.accounts.login import changes, delays, hashing, passwords, rules, service
from bloop.accounts.login.delays import Delayed
from bloop.accounts.login.entry import known_browser, reset_url
from bloop.accounts.login.errors import (
    LoginBusyError,
    LoginDelayedError,
    LoginFailedError,
    PasswordRefusedError,
    ResetRefusedError,
)
from bloop.accounts.login.passwords import Entered
from bloop.accounts.login.queries import SESSIONS
from bloop.accounts.messages import letters
from bloop.accounts.queries import INSTITUTIONS
from bloop.accounts.service import SecondFactorNeeded, StartedSession, token_institution
from bloop.accounts.sessions import system_call
from bloop.store.database import in_unit
from bloop.store.errors import InvalidError
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import to_dicts
from bloop.store.types import utcnow
from bloop_sdk import Call

T = TypeVar("T")

FRESH = timedelta(minutes=10)
"""So long after somebody proved who they are they may set a first password."""


async def log_in(request: Request, login: str, password: str, slug: str = "") -> Entered:
    """Try a password; raises LoginFailedError, LoginDelayedError, LoginBusyError."""
    hub, device = hub_of(request), device_of(request)
    call, nowhere = await _call_in(request, slug)
    browser = known_browser(request)
    tried = await _command(hub, call, passwords.begin, login, device, browser, nowhere)
    if isinstance(tried, Delayed):
        raise LoginDelayedError(tried.seconds)
    try:
        verdict = await hashing.verify(tried.hash, password)
    except LoginBusyError:
        await _command(hub, call, delays.take_back, tried.subjects)
        raise
    entered: Entered | None = await _command(hub, call, passwords.settle, tried, verdict, device)
    if entered is None:
        raise LoginFailedError
    return entered


async def change_password(request: Request, old: str, new: str, email: str | None = None) -> None:
    """Change one's own password, or set the first one, with an e-mail where there is none.

    Raises PasswordRefusedError, InvalidError for a wrong ``old``, LoginDelayedError,
    ForbiddenError, ConflictError.
    """
    hub, call, holder = hub_of(request), call_of(request), holder_of(request)
    user = call.principal.id
    address = normalised(email) if email is not None else None
    proved = holder.proved_at if holder else None
    fresh = proved is not None and utcnow() - proved < FRESH
    change = await _command(hub, call, changes.begin_change, user, fresh=fresh)
    if isinstance(change, Delayed):
        raise LoginDelayedError(change.seconds)
    if change.hash is not None:
        await _compare_old(hub, call, change, old)
    try:
        await rules.check(new, (*change.about, *_known_words(hub), address or ""))
        hashed = await hashing.hash_password(new)
    except (PasswordRefusedError, LoginBusyError):
        await _command(hub, call, delays.clear, change.subjects)
        raise
    session = holder.session if holder else None
    if not await _command(hub, call, changes.settle_change, user, session, change, hashed, address):
        raise InvalidError("your password was changed meanwhile", field="old")
    hub.sessions.forget_user(user)


async def is_own_password(request: Request, given: str) -> bool:
    """Whether a text is the caller's own password, if they have one; wrong ones are counted.

    Raises LoginDelayedError.
    """
    hub, call = hub_of(request), call_of(request)
    try:
        tried = await _command(hub, call, changes.begin_change, call.principal.id, fresh=False)
    except ForbiddenError:
        return False  # There is none to be right.
    if isinstance(tried, Delayed):
        raise LoginDelayedError(tried.seconds)
    try:
        await _compare_old(hub, call, tried, given)
    except InvalidError:
        return False
    await _command(hub, call, delays.clear, tried.subjects)
    return True


async def _compare_old(hub: HubParts, call: Call, change: changes.Change, old: str) -> None:
    try:
        verdict = await hashing.verify(change.hash, old)
    except LoginBusyError:
        await _command(hub, call, delays.take_back, change.subjects)
        raise
    if not verdict.right:
        await _command(hub, call, changes.refuse_change, call.principal.id, change)
        raise InvalidError("this is not your password", field="old")


async def ask_reset(request: Request, login: str, slug: str = "") -> None:
    """Note that a password is forgotten, and send a link where messages are brought.

    Raises LoginDelayedError.
    """
    hub = hub_of(request)
    call, nowhere = await _call_in(request, slug)
    letter = _letter(request) if await hub.brings_messages(call) else None
    device = device_of(request)
    delayed = await _command(hub, call, changes.ask_reset, login, device, nowhere, letter)
    if delayed is not None:
        raise LoginDelayedError(delayed.seconds)


def _letter(request: Request) -> letters.Letter:
    config, asked_in = hub_of(request).config.value, locale_of(request)
    return lambda token, language: letters.password_reset(
        config.hub.name,
        reset_url(config.public_url, token),
        changes.RESET_MINUTES,
        language or asked_in,
    )


async def look_at_reset(request: Request, token: str) -> str:
    """What the holder of a link logs in by, if it is still good; raises ResetRefusedError."""
    return (await _about_reset(hub_of(request), _call_of_token(request, token), token))[-1]


async def choose_password(
    request: Request, token: str, new: str
) -> StartedSession | SecondFactorNeeded:
    """Use up a link for a new password; raises ResetRefusedError, PasswordRefusedError."""
    hub, call = hub_of(request), _call_of_token(request, token)
    try:
        about = await _about_reset(hub, call, token)
        await rules.check(new, (*about, *_known_words(hub)))
        hashed = await hashing.hash_password(new)
        device = device_of(request)
        user, outcome = await _command(hub, call, changes.use_reset, token, hashed, device)
    except ResetRefusedError:
        await _command(hub, call, changes.note_refused_reset, token)
        raise
    hub.sessions.forget_user(user)
    return outcome


async def sessions_of(request: Request, user_id: str) -> list[dict[str, Any]]:
    """Somebody's sessions as they are told to programs: the current one, then the last used."""
    hub, holder = hub_of(request), holder_of(request)
    current = holder.session if holder else None
    rows = await hub.database.read(
        SESSIONS, call_of(request), user_id=user_id, **hub.sessions.bounds()
    )
    found = []
    for row in to_dicts(SESSIONS, rows):
        row["browser"], row["system"] = browser_of(row.pop("agent"))
        found.append(row | {"current": row["id"] == current})
    return sorted(found, key=lambda one: not one["current"])


async def end_own(request: Request, session_id: str) -> None:
    """End one of the caller's sessions; raises NotFoundError."""
    user = call_of(request).principal.id
    await _command(hub_of(request), call_of(request), service.end_one, user, session_id)
    hub_of(request).sessions.forget_user(user)


async def end_others(request: Request, *, everywhere: bool) -> None:
    """End the caller's sessions, this one only with ``everywhere``."""
    user, holder = call_of(request).principal.id, holder_of(request)
    kept = holder.session if holder and not everywhere else None
    await _command(hub_of(request), call_of(request), service.end_all, user, but=kept)
    hub_of(request).sessions.forget_user(user)


async def several_institutions(hub: HubParts) -> bool:
    """Whether a login has to say which institution it is for."""
    return len(await hub.database.read(INSTITUTIONS, system_call(EVERY_INSTITUTION))) > 1


async def institution_of(hub: HubParts, slug: str) -> str | None:
    """The id of an institution; without a slug, the first one's."""
    if not slug.strip():
        return hub.institution
    rows = await hub.database.read(INSTITUTIONS, system_call(EVERY_INSTITUTION))
    wanted = slug.strip().lower()
    return next((row["id"] for row in to_dicts(INSTITUTIONS, rows) if row["slug"] == wanted), None)


async def _call_in(request: Request, slug: str) -> tuple[Call, str]:
    """A call within the institution that is meant; and its slug, where there is no such one.

    Then it is made within the first one, where it costs and is answered as any that fails.
    """
    hub = hub_of(request)
    found = await institution_of(hub, slug)
    call = system_call(found or hub.institution, call_of(request).trace)
    return call, "" if found else slug.strip().lower()


def _call_of_token(request: Request, token: str) -> Call:
    institution = token_institution(token)
    if institution is None:
        raise ResetRefusedError
    return system_call(institution, call_of(request).trace)


async def _about_reset(hub: HubParts, call: Call, token: str) -> tuple[str, ...]:
    about: tuple[str, ...] = await hub.database.run(_reading, hub, call, token)
    return about


def _reading(hub: HubParts, call: Call, token: str) -> tuple[str, ...]:
    with hub.database.reading(call) as unit:
        return changes.about_reset(unit, token)


def _known_words(hub: HubParts) -> tuple[str, ...]:
    return (hub.config.value.hub.name, "bloop")


async def _command(
    hub: HubParts, call: Call, command: Callable[..., T], /, *args: Any, **kwargs: Any
) -> T:
    return await hub.database.run(in_unit, hub.database, call, command, *args, **kwargs)
