"""Keys of requests that are sent again: each is kept in the transaction of its effect.

The edge gives a request's call its key (:class:`KeyedCall`). The first unit of work of that call
inserts the key, so that key and effect are there together or not at all; whoever comes second with
it is refused there. What was answered is added afterwards, in a write of its own: a key without an
answer says that the effect may be there, and is never taken for a fresh one.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, select, text, update

from bloop.store.errors import ConflictError, StoreError
from bloop.store.inserting import INSERT
from bloop.store.models import IdempotencyKey
from bloop.store.statements import institution, register
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork, actor_of
from bloop_sdk import Call

if TYPE_CHECKING:
    from bloop.store.database import Database

ROWS_AT_ONCE = 500
TURN_SECONDS = 10.0
"""How long a unit waits for another one of the same request that claims the key."""


class KeyState(enum.StrEnum):
    """What is kept of a request that had its effect: that alone, its answer, or its secrecy."""

    CLAIMED = "claimed"
    ANSWERED = "answered"
    WITHHELD = "withheld"


class IdempotencyError(ConflictError):
    """A key was used before, and its answer can't be given; ``retry_after`` is in seconds."""

    code = "idempotency_conflict"

    def __init__(
        self, message: str, *, code: str, cure: str, retry_after: float | None = None
    ) -> None:
        super().__init__(message, cure=cure)
        self.code = code
        self.retry_after = retry_after


def in_progress() -> IdempotencyError:
    """Another request with the key has not been answered yet."""
    return IdempotencyError(
        "a request with this Idempotency-Key is under way",
        code="idempotency_in_progress",
        cure="send it again after Retry-After",
        retry_after=1.0,
    )


class RequestKey:
    """The key of one request while that is answered.

    ``committed`` says that the key is kept, with the effect; ``taken`` that another request has it.
    """

    def __init__(self, id_: str, fingerprint: Callable[[], str], owner: str) -> None:
        self.id = id_
        self.fingerprint = fingerprint
        self.owner = owner
        self.committed = False
        self.taken = False
        self.closed = False
        """Set once the request is answered: what its call does later is no effect of it."""
        self.turn = threading.Lock()

    def claim(self, unit: UnitOfWork) -> None:
        """Insert the key; raises :class:`IdempotencyError` where another request has it."""
        add = INSERT[unit.dialect](IdempotencyKey).values(
            id=self.id,
            institution_id=unit.institution,
            fingerprint=self.fingerprint(),
            principal=actor_of(unit.call),
            owner=self.owner,
            state=KeyState.CLAIMED,
        )
        added = add.on_conflict_do_nothing().returning(IdempotencyKey.id)
        if not self._is_free(unit) or unit.session.scalar(added) is None:
            self.taken = True
            raise in_progress()

    def _is_free(self, unit: UnitOfWork) -> bool:
        """Whether no open transaction has the key. On SQLite there is no other one.

        On PostgreSQL the insert would wait for it, and keep a thread that others need.
        """
        if unit.dialect != "postgresql":
            return True
        lock = int.from_bytes(bytes.fromhex(self.id[:16]), signed=True)
        free: bool = unit.connection.execute(
            text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": lock}
        ).scalar_one()
        return free


@dataclass(frozen=True, slots=True)
class KeyedCall(Call):
    """A call of a request that carries a key."""

    key: RequestKey


@contextmanager
def key_of(call: Call) -> Iterator[RequestKey | None]:
    """The key that a unit of this call has to claim, if there is one and none did before.

    Units of one request wait here for the one that claims.
    """
    if not isinstance(call, KeyedCall) or call.key.committed or call.key.closed:
        yield None
        return
    key = call.key
    if not key.turn.acquire(timeout=TURN_SECONDS):
        raise StoreError(
            "a unit of work waits for another one of the same request",
            code="store_busy",
            cure="open no transaction within another",
        )
    try:
        yield None if key.committed else key
    finally:
        key.turn.release()


@contextmanager
def claimed_ahead(database: Database, call: Call) -> Iterator[None]:
    """Claim the call's key before an effect that no transaction takes back.

    An exception says that there was no effect, and gives the key back.
    """
    key = call.key if isinstance(call, KeyedCall) and not call.key.committed else None
    if key is None:
        yield
        return
    with database.unit(call):
        pass
    try:
        yield
    except Exception:
        with database.unit(call) as unit:
            unit.session.execute(delete(IdempotencyKey).where(IdempotencyKey.id == key.id))
        key.committed = False
        raise


KEY = register(
    "store.idempotency_key",
    select(
        IdempotencyKey.fingerprint,
        IdempotencyKey.owner,
        IdempotencyKey.state,
        IdempotencyKey.status,
        IdempotencyKey.headers,
        IdempotencyKey.body,
        IdempotencyKey.created_at,
    ).where(IdempotencyKey.institution_id == institution, IdempotencyKey.id == bindparam("id")),
)
"""What is known of a key."""


def keep_answer(
    unit: UnitOfWork, id_: str, status: int, headers: list[tuple[str, str]], body: bytes
) -> None:
    """Keep what the request with this key was answered."""
    _set(unit, id_, state=KeyState.ANSWERED, status=status, headers=headers, body=body)


def withhold_answer(unit: UnitOfWork, id_: str) -> None:
    """Keep only that the request with this key was answered."""
    _set(unit, id_, state=KeyState.WITHHELD)


def _set(unit: UnitOfWork, id_: str, **values: Any) -> None:
    unit.session.execute(
        update(IdempotencyKey)
        .where(IdempotencyKey.id == id_, IdempotencyKey.state == KeyState.CLAIMED)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def trim(database: Database, call: Call, keep: timedelta) -> int:
    """Forget the keys that are older than ``keep``; how many. ``call`` is the hub's own."""
    old = (
        select(IdempotencyKey.id)
        .where(IdempotencyKey.created_at < utcnow() - keep)
        .limit(ROWS_AT_ONCE)
    )
    removed, last = 0, ROWS_AT_ONCE
    while last == ROWS_AT_ONCE:
        with database.unit(call) as unit:
            gone: Any = unit.session.execute(
                delete(IdempotencyKey)
                .where(IdempotencyKey.id.in_(old))
                .execution_options(synchronize_session=False)
            )
            last = gone.rowcount
        removed += last
    return removed
