"""Who a request is: its token looked up once, then remembered for some seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from bloop.accounts.access import GUEST_SCOPES, STRANGER_SCOPES
from bloop.accounts.models import LoginSession, User
from bloop.accounts.queries import SESSION
from bloop.accounts.service import StartedSession, token_hash, token_institution
from bloop.store.database import Database
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import utcnow
from bloop.telemetry import traces
from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace

REMEMBERED_SECONDS = 1.0
"""For so long another process may still honour a session that has ended."""

HASHES_AT_ONCE = 500
_MOST = 10_000
_SYSTEM = Principal(PrincipalKind.SYSTEM, "hub", Role.OPERATOR)

GUEST = Principal(PrincipalKind.GUEST, "guest", Role.GUEST, GUEST_SCOPES)
STRANGER = Principal(PrincipalKind.GUEST, "guest", Role.GUEST, STRANGER_SCOPES)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a token, and where.

    Of a login ``session`` is its id, ``proved_at`` when its holder last proved who they are, and
    ``second_factor`` whether that took more than one thing.
    """

    principal: Principal
    institution: str
    session: str | None = None
    proved_at: datetime | None = None
    second_factor: bool = False


def system_call(institution: str, trace: Trace | None = None) -> Call:
    """A call of the hub itself, for one institution or for every one."""
    return Call(_SYSTEM, institution, trace or traces.start())


class Sessions:
    """Looks tokens up; :meth:`forget` makes this process look again at once.

    Over HTTPS the cookie has the prefix ``__Host-``, which ties it to this host alone; on a
    loopback address without TLS browsers would refuse that.
    """

    def __init__(self, database: Database, *, secure: bool) -> None:
        self.secure = secure
        self.cookie = "__Host-bloop" if secure else "bloop_session"
        self._database = database
        self._known: dict[str, tuple[float, Holder | None]] = {}

    def set_cookie(self, response: Response, session: StartedSession) -> None:
        """Give a browser its session; scripts can't read it, other sites can't send it along."""
        response.set_cookie(
            self.cookie,
            session.token,
            max_age=session.seconds,
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    async def holder(self, token: str, trace: Trace) -> Holder | None:
        """Who holds a token; None for what is no session, or one that has ended."""
        remembered = self._known.get(token)
        now = time.monotonic()
        if remembered is not None and remembered[0] > now:
            return remembered[1]
        institution = token_institution(token)
        if institution is None:
            return None
        found = await self._look_up(token, institution, trace)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[token] = (now + REMEMBERED_SECONDS, found)
        return found

    def forget(self, token: str) -> None:
        """Look this token up again when it comes next."""
        self._known.pop(token, None)

    async def holders(self, tokens: Iterable[str]) -> dict[str, Holder]:
        """Who holds each of these tokens now: read at once, and from the database."""
        by_hash = {token_hash(token): token for token in tokens}
        return await asyncio.to_thread(self._holders, by_hash)

    def _holders(self, by_hash: Mapping[str, str]) -> dict[str, Holder]:
        hashes, found = list(by_hash), {}
        with self._database.reading(system_call(EVERY_INSTITUTION)) as unit:
            for start in range(0, len(hashes), HASHES_AT_ONCE):
                rows = unit.session.execute(
                    select(LoginSession.token_hash, User.id, User.role, User.institution_id)
                    .join(
                        User,
                        (User.id == LoginSession.user_id)
                        & (User.institution_id == LoginSession.institution_id),
                    )
                    .where(
                        LoginSession.token_hash.in_(hashes[start : start + HASHES_AT_ONCE]),
                        LoginSession.expires_at > utcnow(),
                        User.disabled_at.is_(None),
                    )
                )
                for hashed, user, role, institution in rows:
                    principal = Principal(PrincipalKind.USER, user, Role(role))
                    found[by_hash[hashed]] = Holder(principal, institution)
        return found

    async def _look_up(self, token: str, institution: str, trace: Trace) -> Holder | None:
        call = system_call(institution, trace)
        row = await self._database.read_one(SESSION, call, token_hash=token_hash(token))
        if row is None or _moment(row[3]) <= utcnow():
            return None
        user, role, session, _, proved_at, second_factor = row
        principal = Principal(
            PrincipalKind.USER, user, Role(role), second_factor=bool(second_factor)
        )
        return Holder(principal, institution, session, _moment(proved_at), bool(second_factor))


def _moment(value: Any) -> datetime:
    """Registered reads give a time as the driver does: text from SQLite."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
