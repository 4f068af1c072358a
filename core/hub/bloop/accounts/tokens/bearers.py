"""Who brings a token that is no session's: an access token or an API key."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

from bloop.accounts.mfa.requirements import required_roles
from bloop.accounts.service import token_hash
from bloop.accounts.sessions import Holder, system_call
from bloop.accounts.tokens import forms, keys
from bloop.accounts.tokens.access_tokens import AccessTokens
from bloop.accounts.tokens.queries import FAMILY_HOLDER, KEY_HOLDER
from bloop.accounts.tokens.signing import SigningKeys
from bloop.store.database import Database, in_unit
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import moment, parsed
from bloop.store.types import utcnow
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError, Principal, PrincipalKind, Role, Trace

_MOST = 10_000

log = get_logger("bloop.accounts")


class Bearers:
    """Looks tokens up, each with one read; whoever asks remembers the answer for a second."""

    def __init__(self, database: Database, issuer: str) -> None:
        keys_ = SigningKeys(database, system_call(EVERY_INSTITUTION))
        self.access = AccessTokens(keys_, issuer)
        self._database = database
        self._noted: dict[str, float] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def holder(self, token: str, trace: Trace) -> tuple[Holder | None, float]:
        """Who brings a token, and for how many seconds that may be remembered at most."""
        if forms.is_jwt(token):
            return await self._of_access_token(token, trace)
        form = forms.api_key_form(token)
        institution = None if form is None else forms.institution_of(token, form)
        if institution is None:
            return None, 0.0
        return await self._of_key(token, institution, trace), 1.0

    async def stop(self) -> None:
        """Wait for the last notes to be written."""
        await asyncio.gather(*self._notes)

    async def _of_access_token(self, token: str, trace: Trace) -> tuple[Holder | None, float]:
        claims = await self.access.read(token)
        if claims is None:
            return None, 0.0
        call = system_call(claims.institution, trace)
        row = await self._database.read_one(
            FAMILY_HOLDER, call, id=claims.family, kid=claims.kid, now=utcnow()
        )
        if row is None or row[0] != claims.user:
            return None, 1.0
        user, role, proved_at, second_factor, settings = row
        principal = Principal(PrincipalKind.USER, user, Role(role), claims.scopes)
        holder = Holder(
            principal,
            claims.institution,
            proved_at=moment(proved_at),
            second_factor=bool(second_factor),
            must_enrol=not second_factor and role in required_roles(parsed(settings)),
            family=claims.family,
        )
        return holder, claims.expires - time.time()

    async def _of_key(self, token: str, institution: str, trace: Trace) -> Holder | None:
        call = system_call(institution, trace)
        hashed = token_hash(token)
        row = await self._database.read_one(KEY_HOLDER, call, token_hash=hashed, now=utcnow())
        if row is None:
            return None
        key, user, role, user_role, scopes, used_at = row
        self._note_use(key, institution, used_at)
        allowed = frozenset(parsed(scopes))
        if user is None:
            principal = Principal(PrincipalKind.KEY, key, Role(role), allowed)
        else:
            principal = Principal(PrincipalKind.USER, user, Role(user_role), allowed)
        return Holder(principal, institution, key=key)

    def _note_use(self, key: str, institution: str, used_at: Any) -> None:
        """Have the use of a key written beside the request, at most once a minute."""
        now = time.monotonic()
        recent = utcnow() - timedelta(seconds=keys.NOTED_SECONDS)
        if used_at is not None and moment(used_at) > recent:
            return
        if now - self._noted.get(key, -keys.NOTED_SECONDS) < keys.NOTED_SECONDS:
            return
        if len(self._noted) >= _MOST:
            self._noted.clear()
        self._noted[key] = now
        task = asyncio.create_task(self._write(key, institution), name="bloop-key-use")
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _write(self, key: str, institution: str) -> None:
        call = system_call(institution)
        try:
            await self._database.run(in_unit, self._database, call, keys.note_use, key)
        except BloopError as err:
            log.warning("the use of an API key could not be noted", key_id=key, error=err)
