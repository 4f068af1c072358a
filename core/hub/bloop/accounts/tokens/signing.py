"""The keys that sign access tokens: made when first needed, rotated with an overlap.

The next key is published before it signs, and a retired one verifies for an hour more, so nobody
who reads the JWKS every few minutes ever meets a key that is not in it (OpenID Connect Core 1.0,
section 10.1.1). Which key signs is read in the transaction that issues a token.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from sqlalchemy import delete, select, update

from bloop.accounts.tokens.models import KeyState, SigningKey
from bloop.accounts.tokens.queries import SIGNING_KEYS
from bloop.store.database import Database
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

if TYPE_CHECKING:
    from joserfc.jwk import OKPKey

    from bloop.store.sealing import Place

ALGORITHM: Final = "Ed25519"
"""RFC 9864. Unlike ECDSA's (r, s) and (r, n - s), a message has one valid signature by a key, and
making it needs no random number that could fail."""

TOKEN_TYPE = "at+jwt"  # noqa: S105 - a name, no secret
KEY_DAYS = 30
OVERLAP = timedelta(hours=1)
RELOAD_SECONDS = 1.0
"""So often, at most, a header that is of no known key has the keys read again."""

LOCK_CLASS = 0x0B11
"""Of PostgreSQL's advisory locks, beside that of the outbox."""


class Signer(NamedTuple):
    """The current key with its private half."""

    kid: str
    key: OKPKey


class SigningKeys:
    """The hub's keys, as this process knows them; ``call`` is the hub's own."""

    def __init__(self, database: Database, call: Call) -> None:
        self._database = database
        self._call = call
        self._by_header: dict[str, tuple[str, OKPKey]] = {}
        self._read_at = -RELOAD_SECONDS
        self._signer: Signer | None = None

    async def verifier(self, header: str) -> tuple[str, OKPKey] | None:
        """The key that a token with this very header was signed by, and its id.

        The header is compared and never interpreted: there is one algorithm, one type, and
        nothing in it that could point elsewhere.
        """
        found = self._by_header.get(header)
        now = time.monotonic()
        if found is None and now - self._read_at >= RELOAD_SECONDS:
            self._read_at = now
            self._take(await self._database.read(SIGNING_KEYS, self._call))
            found = self._by_header.get(header)
        return found

    async def published(self) -> dict[str, Any]:
        """The JWKS (RFC 7517): the next key, the current one, and those that still verify."""
        rows = await self._database.read(SIGNING_KEYS, self._call)
        return {"keys": [_jwk(kid, public) for kid, public, *_ in rows]}

    def signer(self, unit: UnitOfWork) -> Signer:
        """The key that signs now; made where there is none, rotated where it is too old."""
        current = _current(unit)
        if current is None or _is_old(current):
            _take_turn(unit)
            current = _current(unit)  # Whoever had the turn before may have made it.
        if current is None or _is_old(current):
            rotate(unit)
            current = _current(unit)
            assert current is not None, "rotating leaves a current key"
        known = self._signer
        if known is None or known.kid != current.kid:
            known = self._signer = Signer(current.kid, _open(unit, current))
        return known

    def _take(self, rows: Sequence[Any]) -> None:
        from joserfc.jwk import OKPKey

        self._by_header = {
            header_of(kid): (kid, OKPKey.import_key(_jwk(kid, public))) for kid, public, *_ in rows
        }


def rotate(unit: UnitOfWork) -> str:
    """Let the next key sign and the current one retire; the id of the one that signs now."""
    _take_turn(unit)
    now = utcnow()
    _move(unit, KeyState.CURRENT, KeyState.RETIRED, retired_at=now)
    if not _move(unit, KeyState.NEXT, KeyState.CURRENT, current_since=now):
        _make(unit, KeyState.CURRENT)
    _make(unit, KeyState.NEXT)
    return _told(unit, "keys.signing_rotated")


def replace(unit: UnitOfWork) -> str:
    """Forget every key, for one has leaked: all access tokens end, refresh tokens stay."""
    _take_turn(unit)
    unit.session.execute(delete(SigningKey))
    _make(unit, KeyState.CURRENT)
    _make(unit, KeyState.NEXT)
    return _told(unit, "keys.signing_replaced")


def forget_retired(unit: UnitOfWork) -> None:
    """Remove the keys that verify nothing any more."""
    unit.session.execute(
        delete(SigningKey).where(
            SigningKey.state == KeyState.RETIRED, SigningKey.retired_at < utcnow() - OVERLAP
        )
    )


def header_of(kid: str) -> str:
    """The first part of every access token that this key signs."""
    return encoded(orjson.dumps(header(kid)))


def header(kid: str) -> dict[str, str]:
    """The JOSE header of an access token (RFC 9068, section 2.1)."""
    return {"typ": TOKEN_TYPE, "alg": ALGORITHM, "kid": kid}


def encoded(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _take_turn(unit: UnitOfWork) -> None:
    """Wait until nobody else changes the keys, until this transaction ends.

    SQLite has one writer anyway.
    """
    if unit.dialect == "postgresql":
        unit.connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(%(lock)s, 0)", {"lock": LOCK_CLASS}
        )


def _told(unit: UnitOfWork, action: str) -> str:
    current = _current(unit)
    assert current is not None, "there is one from the first change on"
    unit.audit.append(action, f"signing_key:{current.kid}")
    return current.kid


def _current(unit: UnitOfWork) -> SigningKey | None:
    found: SigningKey | None = unit.session.scalar(
        select(SigningKey)
        .where(SigningKey.state == KeyState.CURRENT)
        .execution_options(populate_existing=True)
    )
    return found


def _is_old(key: SigningKey) -> bool:
    since = key.current_since or key.created_at
    return since < utcnow() - timedelta(days=KEY_DAYS)


def _move(unit: UnitOfWork, before: KeyState, after: KeyState, **times: Any) -> bool:
    """Bring the key of one state into another; False where there is none."""
    moved = unit.session.execute(
        update(SigningKey)
        .where(SigningKey.state == before)
        .values(state=after, **times)
        .returning(SigningKey.kid)
        .execution_options(synchronize_session=False)
    )
    return moved.first() is not None


def _make(unit: UnitOfWork, state: KeyState) -> None:
    """Add a key in this state."""
    from joserfc.jwk import OKPKey

    key = OKPKey.generate_key(ALGORITHM, private=True)
    kid, jwk = key.thumbprint(), key.as_dict(private=True)
    private = base64.urlsafe_b64decode(f"{jwk['d']}=")
    unit.session.add(
        SigningKey(
            kid=kid,
            public=jwk["x"],
            sealed=unit.sealer.seal(private, _place(kid)),
            state=state,
            current_since=utcnow() if state is KeyState.CURRENT else None,
        )
    )
    unit.session.flush()


def _open(unit: UnitOfWork, row: SigningKey) -> OKPKey:
    from joserfc.jwk import OKPKey

    private = unit.sealer.open(row.sealed, _place(row.kid))
    return OKPKey.import_key({**_jwk(row.kid, row.public), "d": encoded(private)})


def _place(kid: str) -> Place:
    from bloop.store.sealing import Place

    return Place("signing_key", "sealed", kid)


def _jwk(kid: str, public: str) -> dict[str, Any]:
    return {"kty": "OKP", "crv": ALGORITHM, "x": public, "kid": kid, "use": "sig", "alg": ALGORITHM}
