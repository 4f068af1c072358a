"""Who comes to the door: the right host, a session or none, and no other site's page."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl, urlsplit

from starlette.types import Message, Receive, Scope

from bloop.accounts import tickets
from bloop.accounts.access import HubParts, Route
from bloop.accounts.service import csrf_token
from bloop.accounts.sessions import GUEST, STRANGER
from bloop.accounts.tokens.forms import is_session
from bloop.api.problems import BodyTooLargeError, CrossSiteError, HostRefusedError
from bloop.api.security import Head
from bloop_sdk import Call
from bloop_sdk.web import parse_form

FORM_BYTES = 256 * 1024
"""The longest form in which the cross-site token is looked for."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_FORM = "application/x-www-form-urlencoded"
_JSON = b"application/json"


class Visitors:
    """Puts ``bloop.call`` and ``bloop.hub`` into a request's scope, or refuses it."""

    def __init__(self, hub: HubParts) -> None:
        http = hub.config.value.http
        self._hub = hub
        self._public = urlsplit(http.public_url or "")
        self._bound = f"[{http.host}]" if ":" in http.host else http.host
        self._cookie = hub.sessions.cookie.encode()

    async def welcome(self, scope: Scope, head: Head) -> None:
        """Say who this is; raises :class:`HostRefusedError`."""
        hub = self._hub
        scope["bloop.hub"] = hub
        by_cookie = None
        token = head.bearer
        if token is None:
            token = by_cookie = head.cookie(self._cookie)
            if token is not None and not is_session(token):
                token = by_cookie = None  # What programs hold is no browser's.
        holder = None if token is None else await hub.sessions.holder(token, head.trace)
        if holder is None and scope["path"].startswith(tickets.PATH):
            holder = await hub.sessions.shown_to(scope["path"], scope["query_string"], head.trace)
        if holder is None:
            nobody = GUEST if hub.config.value.access.guests == "read" else STRANGER
            scope["bloop.call"] = Call(nobody, hub.institution, head.trace)
        else:
            scope["bloop.call"] = Call(holder.principal, holder.institution, head.trace)
            scope["bloop.token"] = token
            scope["bloop.holder"] = holder
            scope["bloop.cookie_token"] = by_cookie
        self._check_host(head)

    def _check_host(self, head: Head) -> None:
        """Refuse names that are not ours: on loopback they mean DNS rebinding.

        Where the hub listens for everybody and nobody told it its name, any name may be right.
        """
        given = (head.text(b"host") or "").lower()
        name = given.rpartition(":")[0] if given.rpartition(":")[2].isdigit() else given
        if given and given == self._public.netloc:
            return
        if name in LOOPBACK or name == self._bound:
            return
        if self._public.netloc or self._bound in LOOPBACK:
            raise HostRefusedError(
                f"this hub is not called {name[:80]!r}",
                cure="set [http] public_url in hub.toml to the address that browsers use",
            )

    async def refuse_cross_site(
        self, scope: Scope, head: Head, receive: Receive, route: Route
    ) -> Receive:
        """Refuse a change that another site's page made with this browser.

        The browser's own words come first (``Sec-Fetch-Site``, ``Origin``), then the session's
        token: in ``X-CSRF-Token``, a form's field ``csrf``, or the query for a multipart form.
        """
        session = scope.get("bloop.cookie_token")
        if session is None and not route.own_site:
            return receive
        site = head.text(b"sec-fetch-site")
        if site not in {None, "same-origin", "none"} or not self._same_origin(head):
            raise CrossSiteError("a page of another site sent this")
        if session is None:
            self._check_form(head)
            return receive
        given, receive = await self._given_token(scope, head, receive)
        if not hmac.compare_digest(given.encode(), csrf_token(session).encode()):
            raise CrossSiteError(
                "the cross-site token is missing or of another session",
                cure="send X-CSRF-Token with csrf_token of GET /api/v1/account, or reload the page",
            )
        return receive

    def _check_form(self, head: Head) -> None:
        """A guest has no token to show, so the browser has to say where a form came from.

        All of them do, of every POST. A page can send a form to another site unasked, and JSON
        only after a preflight request, which the hub allows nobody.
        """
        said = {b"sec-fetch-site", b"origin"} & head.fields.keys()
        if not said and head.fields.get(b"content-type", b"").partition(b";")[0] != _JSON:
            raise CrossSiteError(
                "the browser does not say which site this form is of",
                cure="a program logs in by POST /api/v1/session",
            )

    def _same_origin(self, head: Head) -> bool:
        origin = head.text(b"origin")
        if origin is None:
            return True
        host = urlsplit(origin).netloc
        return bool(host) and host in {head.text(b"host"), self._public.netloc}

    async def _given_token(self, scope: Scope, head: Head, receive: Receive) -> tuple[str, Receive]:
        header = head.text(b"x-csrf-token")
        if header is not None:
            return header, receive
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if "csrf" in query:
            return query["csrf"], receive
        if not (head.text(b"content-type") or "").startswith(_FORM):
            return "", receive
        body, whole, again = await _read_form(receive)
        # Whoever words a refusal gives back what was typed.
        scope["bloop.form"] = body if whole else b""
        token = parse_form(body)["csrf"]
        if not token and not whole:
            raise BodyTooLargeError(
                f"the form is longer than {FORM_BYTES} bytes", cure="send less, or in parts"
            )
        return token, again


async def _read_form(receive: Receive) -> tuple[bytes, bool, Receive]:
    """A short body, whether it is the whole, and a ``receive`` that gives it once more."""
    body = b""
    more = True
    while more and len(body) <= FORM_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    kept: list[Message] = [{"type": "http.request", "body": body, "more_body": more}]

    async def again() -> Message:
        return kept.pop() if kept else await receive()

    return body, not more, again
