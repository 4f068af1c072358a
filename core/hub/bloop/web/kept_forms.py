"""A form that could not be taken where it arrived: kept over a login, or shown as it was typed.

Only a page of the hub's own gets its form kept, so that no other site has one wait for a person to
send it. Secrets are never kept, nor what a page itself put in to show that it is ours.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import call_of, hub_of
from bloop.accounts.kept import service
from bloop.accounts.kept.service import MINUTES, MOST_BYTES, Kept, Sent
from bloop.accounts.login.entry import cookie_name, own_path
from bloop.accounts.service import token_institution
from bloop.accounts.sessions import system_call
from bloop.accounts.tokens.forms import is_session
from bloop.store.database import in_unit
from bloop.web.render import locale_of, translations_of
from bloop_sdk import BloopError
from bloop_sdk.web import parse_form

KEPT = "/kept"
NEVER = (
    *("/login", "/logout", "/step-up", "/start", KEPT, "/join", "/api/"),
    *("/account/password", "/account/security", "/account/identities"),
)
"""What is sent below these proves who somebody is, or is nothing to be kept."""
SECONDS_TO_READ = 10

_SECRET = re.compile(r"(?i)pass|secret|token|credential|csrf|\bcode\b|\bkey\b|^old$")
_OPEN = frozenset({("/reviews", "key")})
"""Where a field is called like a secret, and names what is answered."""
_MARK = re.compile(r"(?i)[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|v?\d{1,6}|\*")
_FILE = re.compile(rb'(?i)content-disposition:[^\r\n]*; ?name="([^"]*)"(?:; ?filename="([^"]*)")?')


@dataclass(frozen=True, slots=True)
class Shown:
    """A field as a person reads it; ``long`` where it has several lines."""

    label: str
    value: str
    long: bool


@dataclass(frozen=True, slots=True)
class Stopped:
    """A form that was stopped: what it was, and the token under which it is kept, if it is."""

    sent: Sent
    token: str | None


def is_secret(name: str) -> bool:
    """Whether a field's name says that nobody may keep what it holds."""
    return bool(_SECRET.search(name))


async def sent_form(request: Request) -> Sent | None:
    """The form that a request brought; None for none of a page of ours, or for a longer one.

    Where it was refused before anybody read it, it is read here.
    """
    if request.method != "POST" or request.url.path.startswith(NEVER) or not _is_ours(request):
        return None
    body: bytes | None = request.scope.get("bloop.form")
    if body is None:
        body = b"" if "bloop.begun" in request.scope else await _read(request)
    kind = request.headers.get("content-type", "")
    if len(body) > MOST_BYTES and not kind.startswith("multipart/"):
        return None
    try:
        return _sent(request, body, kind)
    except BloopError:
        return None


async def stop(request: Request) -> Stopped | None:
    """Keep the form of a request until its sender has proved who they are."""
    sent = await sent_form(request)
    if sent is None or not (sent.pairs or sent.files):
        return None
    hub = hub_of(request)
    session = request.cookies.get(hub.sessions.cookie)
    session = session if session and is_session(session) else None
    institution = (token_institution(session) if session else None) or hub.institution
    call = system_call(institution, call_of(request).trace)
    try:
        token = await hub.database.run(in_unit, hub.database, call, service.keep, sent, session)
    except BloopError:
        token = None  # Without a key, or with another institution's name, there is only the login.
    return Stopped(sent, token)


def remember(request: Request, response: Response, stopped: Stopped | None) -> None:
    """Leave in the browser what tells which form is kept for it."""
    if stopped is None or stopped.token is None:
        return
    response.set_cookie(
        cookie_name(request, "kept"),
        stopped.token,
        max_age=MINUTES * 60,
        secure=hub_of(request).sessions.secure,
        httponly=True,
        samesite="lax",
    )


async def kept(request: Request) -> Kept | None:
    """What is kept for this browser."""
    token, call = _token(request)
    if token is None:
        return None
    database = hub_of(request).database

    def look() -> Kept | None:
        with database.reading(call) as unit:
            return service.look(unit, token)

    return await asyncio.to_thread(look)


async def change(request: Request, command: Callable[..., Any], *given: str) -> None:
    """Run a command on what is kept for this browser."""
    token, call = _token(request)
    if token is not None:
        database = hub_of(request).database
        await database.run(in_unit, database, call, command, token, *given)


def shown(request: Request, sent: Sent) -> list[Shown]:
    """What a person typed or chose, without the marks that a page put in."""
    _ = translations_of(locale_of(request)).gettext
    words = _labels(_)
    found = []
    for name, value in sent.pairs:
        if value.strip() and not _MARK.fullmatch(value.strip()):
            plain = name.rpartition(".")[2].replace("_", " ").replace("-", " ")
            label = words.get(name) or plain[:1].upper() + plain[1:60]
            found.append(Shown(label, value, "\n" in value or len(value) > 90))
    return found


def files(sent: Sent) -> list[str]:
    """The names of files that are to be chosen again."""
    return [name[:120] for name in sent.files]


def _token(request: Request) -> tuple[str | None, Any]:
    token = request.cookies.get(cookie_name(request, "kept"), "")
    institution = token_institution(token)
    if institution is None:
        return None, call_of(request)
    return token, system_call(institution, call_of(request).trace)


def _is_ours(request: Request) -> bool:
    """Whether the browser says that a page of the hub sent this."""
    site, origin = (request.headers.get(name) for name in ("sec-fetch-site", "origin"))
    if site is not None and site != "same-origin":
        return False
    public = urlsplit(hub_of(request).config.value.http.public_url or "").netloc
    hosts = {request.headers.get("host"), public} - {None, ""}
    if origin is not None:
        return urlsplit(origin).netloc in hosts
    return site == "same-origin"


async def _read(request: Request) -> bytes:
    """As much of a body as may be kept, and a little more; nothing where it takes too long."""
    body = b""
    try:
        async with asyncio.timeout(SECONDS_TO_READ):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BYTES:
                    break
    except (TimeoutError, OSError):
        return b""
    return body


def _sent(request: Request, body: bytes, kind: str) -> Sent:
    query = [
        pair for pair in parse_qsl(request.url.query, keep_blank_values=True) if pair[0] != "csrf"
    ]
    path = request.url.path + (f"?{urlencode(query)}" if query else "")
    came = urlsplit(request.headers.get("referer", ""))
    back = own_path(came.path + (f"?{came.query}" if came.query else ""), "/")
    if kind.startswith("multipart/"):
        names = [(name.decode("utf-8", "replace"), file) for name, file in _FILE.findall(body)]
        chosen = tuple(file.decode("utf-8", "replace") for _, file in names if file)
        return Sent(own_path(path), back, files=chosen)
    given = parse_form(body).pairs
    secret = {name for name, _ in given if is_secret(name)}
    secret -= {name for at, name in _OPEN if at == request.url.path}
    pairs = tuple(pair for pair in given if pair[0] not in secret)
    left_out = _names(name for name, value in given if name in secret and value)
    return Sent(own_path(path), back, pairs, secrets=left_out)


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name.rpartition(".")[2] for name in names} - {"csrf"}))


def _labels(_: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "title": _("Title"),
        "name": _("Name"),
        "markdown": _("Text"),
        "words": _("Your note"),
        "quote": _("Passage"),
        "text": _("Text"),
        "tags": _("Tags"),
        "email": _("E-mail"),
        "emails": _("E-mail"),
        "answer": _("Answer"),
        "description": _("Description"),
        "aliases": _("Other names"),
        "role": _("Role"),
        "domains": _("Domains"),
    }
