"""Who a request is: its token looked up once, then remembered for some seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update
from starlette.responses import Response

from bloop.accounts import tickets
from bloop.accounts.actions import GUEST_SCOPES, STRANGER_SCOPES
from bloop.accounts.mfa.requirements import required_roles
from bloop.accounts.models import LoginSession, User
from bloop.accounts.queries import SESSION, SESSION_BY_ID
from bloop.accounts.service import StartedSession, token_hash, token_institution
from bloop.accounts.tokens.forms import is_session
from bloop.store.database import Database, in_unit
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import moment, parsed
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.telemetry import traces
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError, Call, Principal, PrincipalKind, Role, Trace

if TYPE_CHECKING:
    from bloop.accounts.tokens.bearers import Bearers

REMEMBERED_SECONDS = 1.0
"""For so long another process may still honour a session that has ended."""

SEEN_SECONDS = 300.0
"""That a session is used is written down so seldom."""

DAYS = 14.0
IDLE_HOURS = 72.0
HASHES_AT_ONCE = 500
_MOST = 10_000
_SYSTEM = Principal(PrincipalKind.SYSTEM, "hub", Role.OPERATOR)

GUEST = Principal(PrincipalKind.GUEST, "guest", Role.GUEST, GUEST_SCOPES)
STRANGER = Principal(PrincipalKind.GUEST, "guest", Role.GUEST, STRANGER_SCOPES)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a token, and where.

    Of a login ``session`` is its id, of an access token ``family`` and of an API key ``key``; each
    has one of them. ``proved_at`` is when a person last proved who they are, which a key never did,
    and ``second_factor`` whether that took more than one thing. ``must_enrol``
    says that the institution asks for that, and it did not. ``language`` is the one that a person
    has chosen for pages.
    """

    principal: Principal
    institution: str
    session: str | None = None
    proved_at: datetime | None = None
    second_factor: bool = False
    must_enrol: bool = False
    language: str | None = None
    family: str | None = None
    key: str | None = None


def system_call(institution: str, trace: Trace | None = None) -> Call:
    """A call of the hub itself, for one institution or for every one."""
    return Call(_SYSTEM, institution, trace or traces.start())


class Sessions:
    """Looks tokens up, of whatever kind; :meth:`forget` makes this process look again at once.

    ``issuer`` is the hub's address, which its access tokens name.

    A session ends ``days`` after it began, or when it was not used for ``idle_hours``.

    Over HTTPS the cookie has the prefix ``__Host-``, which ties it to this host alone; on a
    loopback address without TLS browsers would refuse that.
    """

    def __init__(
        self,
        database: Database,
        *,
        secure: bool,
        days: float = DAYS,
        idle_hours: float = IDLE_HOURS,
        issuer: str = "",
    ) -> None:
        self.secure = secure
        self._longest = timedelta(days=days)
        self._idle = timedelta(hours=idle_hours)
        self.cookie = "__Host-bloop" if secure else "bloop_session"
        self._database = database
        self._issuer = issuer
        self._known: dict[str, tuple[float, Holder | None]] = {}
        self._by_id: dict[tuple[str, str], tuple[float, str, Holder | None]] = {}
        self._noting: set[asyncio.Task[None]] = set()

    def set_cookie(self, response: Response, session: StartedSession) -> None:
        """Give a browser its session; scripts can't read it, other sites can't send it along."""
        response.set_cookie(
            self.cookie,
            session.token,
            max_age=min(session.seconds, round(self._longest.total_seconds())),
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    @cached_property
    def bearers(self) -> Bearers:
        """What tells who brings the tokens of programs; imported with the first of them."""
        from bloop.accounts.tokens.bearers import Bearers

        return Bearers(self._database, self._issuer)

    async def holder(self, token: str, trace: Trace) -> Holder | None:
        """Who holds a token; None for what is none, or one that has ended.

        This is where the kinds are told apart, by their form alone.
        """
        remembered = self._known.get(token)
        now = time.monotonic()
        if remembered is not None and remembered[0] > now:
            return remembered[1]
        if not is_session(token):
            found, seconds = await self.bearers.holder(token, trace)
        else:
            institution = token_institution(token)
            if institution is None:
                return None
            found, seconds = await self._look_up(token, institution, trace), REMEMBERED_SECONDS
        if seconds > 0:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[token] = (now + min(seconds, REMEMBERED_SECONDS), found)
        return found

    def forget(self, token: str) -> None:
        """Look this token up again when it comes next."""
        self._known.pop(token, None)
        self._by_id.clear()

    def forget_user(self, user_id: str) -> None:
        """The same for all of somebody's sessions: they may do other things from now on."""
        for token, (_, holder) in list(self._known.items()):
            if holder is not None and holder.principal.id == user_id:
                del self._known[token]
        self._by_id.clear()

    async def shown_to(self, path: str, query: bytes, trace: Trace) -> Holder | None:
        """For whom a frame asks for a file, by the ticket in the query; None without a good one."""
        ticket = tickets.read(query)
        if ticket is None:
            return None
        now, key = time.monotonic(), (ticket.institution, ticket.session)
        remembered = self._by_id.get(key)
        if remembered is None or remembered[0] <= now:
            call = system_call(ticket.institution, trace)
            row = await self._database.read_one(SESSION_BY_ID, call, id=ticket.session)
            hashed, holder = ("", None) if row is None else (row[9], self._held(row, call))
            if len(self._by_id) >= _MOST:
                self._by_id.clear()
            remembered = now + REMEMBERED_SECONDS, hashed, holder
            self._by_id[key] = remembered
        _, hashed, holder = remembered
        return holder if ticket.opens(path, hashed, utcnow().timestamp()) else None

    def bounds(self) -> dict[str, datetime]:
        """After when a session must have begun and have been used, to be one."""
        now = utcnow()
        return {"created_after": now - self._longest, "seen_after": now - self._idle}

    async def holders(self, tokens: Iterable[str]) -> dict[str, Holder]:
        """Who holds each of these tokens now, from the database: of sessions in one read."""
        given = list(tokens)
        by_hash = {token_hash(token): token for token in given if is_session(token)}
        found = await asyncio.to_thread(self._holders, by_hash)
        for token in given:
            if not is_session(token):
                holder, _ = await self.bearers.holder(token, traces.start())
                if holder is not None:
                    found[token] = holder
        return found

    async def stop(self) -> None:
        """Let what is under way come to its end."""
        if "bearers" in self.__dict__:
            await self.bearers.stop()

    def _holders(self, by_hash: Mapping[str, str]) -> dict[str, Holder]:
        hashes, found, bounds = list(by_hash), {}, self.bounds()
        with self._database.reading(system_call(EVERY_INSTITUTION)) as unit:
            for start in range(0, len(hashes), HASHES_AT_ONCE):
                rows = unit.session.execute(
                    select(
                        LoginSession.token_hash,
                        User.id,
                        User.role,
                        User.institution_id,
                        LoginSession.second_factor,
                    )
                    .join(
                        User,
                        (User.id == LoginSession.user_id)
                        & (User.institution_id == LoginSession.institution_id),
                    )
                    .where(
                        LoginSession.token_hash.in_(hashes[start : start + HASHES_AT_ONCE]),
                        LoginSession.expires_at > utcnow(),
                        LoginSession.created_at > bounds["created_after"],
                        LoginSession.seen_at > bounds["seen_after"],
                        User.disabled_at.is_(None),
                    )
                )
                for hashed, user, role, institution, second_factor in rows:
                    strong = bool(second_factor)
                    who = Principal(PrincipalKind.USER, user, Role(role), second_factor=strong)
                    found[by_hash[hashed]] = Holder(who, institution)
        return found

    async def _look_up(self, token: str, institution: str, trace: Trace) -> Holder | None:
        call = system_call(institution, trace)
        row = await self._database.read_one(SESSION, call, token_hash=token_hash(token))
        return None if row is None else self._held(row, call)

    def _held(self, row: Sequence[Any], call: Call) -> Holder | None:
        """Who holds the session of a row; None where it has ended."""
        user, role, session, expires_at, proved_at, second_factor = row[:6]
        created_at, seen_at, settings = row[6:9]
        now, seen, bounds = utcnow(), moment(seen_at), self.bounds()
        if (
            moment(expires_at) <= now
            or moment(created_at) <= bounds["created_after"]
            or seen <= bounds["seen_after"]
        ):
            return None
        if (now - seen).total_seconds() > SEEN_SECONDS:
            self._note_seen(call, session)
        strong = bool(second_factor)
        principal = Principal(PrincipalKind.USER, user, Role(role), second_factor=strong)
        must_enrol = not strong and role in required_roles(parsed(settings))
        return Holder(
            principal,
            call.institution,
            session,
            moment(proved_at),
            strong,
            must_enrol,
            language=row[10],
        )

    def _note_seen(self, call: Call, session: str) -> None:
        """Write down that a session is used; no request waits for it, or fails with it."""
        noting = asyncio.create_task(self._seen(call, session))
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)

    async def _seen(self, call: Call, session: str) -> None:
        try:
            await self._database.run(in_unit, self._database, call, _see, session)
        except (BloopError, RuntimeError) as err:
            # A database that can't be written; or the hub stops, and takes no command any more.
            get_logger(__name__).warning("the use of a session was not noted", error=err)


def _see(unit: UnitOfWork, session: str) -> None:
    now = utcnow()
    unit.session.execute(
        update(LoginSession)
        .where(
            LoginSession.institution_id == unit.institution,
            LoginSession.id == session,
            LoginSession.seen_at < now - timedelta(seconds=SEEN_SECONDS),
        )
        .values(seen_at=now)
    )
