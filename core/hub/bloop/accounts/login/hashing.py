"""Argon2id: hashing and checking passwords, a bounded number of them at a time.

One takes 64 MiB and three passes (RFC 9106, section 4, the second recommended option).
"""

from __future__ import annotations

import asyncio
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from bloop.accounts.login.errors import LoginBusyError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

T = TypeVar("T")

AT_ONCE = 2
"""So many are worked on at a time, in this process; each takes 64 MiB."""
MOST_WAITING = 64
"""Whoever comes beyond these is asked to come again."""

_room = threading.BoundedSemaphore(MOST_WAITING)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password is the right one; ``renewed`` is its hash by today's parameters."""

    right: bool
    renewed: str | None = None


async def verify(kept: str | None, password: str) -> Verdict:
    """Compare a password with a hash; without one it takes as long, and is wrong.

    Raises LoginBusyError.
    """
    return await in_turn(lambda: _verify(kept, password))


async def hash_password(password: str) -> str:
    """The hash of a new password, which was found good. Raises LoginBusyError."""
    return await in_turn(lambda: hasher().hash(_bytes(password)))


def normal(password: str) -> str:
    """The same password from every keyboard: accents composed (Unicode's NFC), nothing cut."""
    return unicodedata.normalize("NFC", password)


def _bytes(password: str) -> bytes:
    # JSON can say half a surrogate pair, which has no UTF-8.
    return normal(password).encode("utf-8", "surrogatepass")


@cache
def hasher() -> PasswordHasher:
    """Argon2id with the parameters in force."""
    from argon2 import PasswordHasher, profiles

    return PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY)


def _verify(kept: str | None, password: str) -> Verdict:
    from argon2.exceptions import InvalidHashError, VerificationError

    argon2, given = hasher(), _bytes(password)
    try:
        argon2.verify(kept or _unmatched(argon2), given)
    except (VerificationError, InvalidHashError):
        return Verdict(right=False)
    if kept is None:
        return Verdict(right=False)
    renewed = argon2.hash(given) if argon2.check_needs_rehash(kept) else None
    return Verdict(right=True, renewed=renewed)


def _unmatched(argon2: PasswordHasher) -> str:
    """A hash of today's parameters that nobody knows a password of: all of it is zero."""
    salt, digest = ("A" * (-(-size * 8 // 6)) for size in (argon2.salt_len, argon2.hash_len))
    cost = f"m={argon2.memory_cost},t={argon2.time_cost},p={argon2.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="bloop-password")


async def in_turn(work: Callable[[], T]) -> T:
    """Do heavy work on a password as soon as its turn comes. Raises LoginBusyError."""
    if not _room.acquire(blocking=False):
        raise LoginBusyError
    # Given back when the work is over, and not when whoever asked for it has gone away.
    doing = _threads().submit(work)
    doing.add_done_callback(lambda _: _room.release())
    return await asyncio.wrap_future(doing)
