"""What an answer means: which error it is, whether and when to try again."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from bloop_sdk._http.urls import told
from bloop_sdk.errors import (
    AuthError,
    BloopError,
    BudgetError,
    PermissionMissingError,
    RateLimitedError,
    RetriableError,
    UnavailableError,
    UnsupportedError,
)
from bloop_sdk.http import Request

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
NOT_SENT = "unreachable"
"""Code of an :class:`UnavailableError` for a request that never left."""

_NO_MONEY = (b'"insufficient_quota"', b'"billing_not_active"')
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 8.0


def error_of(
    request: Request, status: int, headers: Mapping[str, str], body: bytes
) -> BloopError | None:
    """The error that a status stands for; None where the answer is the caller's to read."""
    what = f"{told(request)} was answered {status}"
    wait = retry_after(headers)
    if status == 401:
        return AuthError(what, cure="renew the connection's credentials")
    if status == 429 and (error := _not_by_waiting(what, body[:2048])):
        return error
    # Older Canvas says so where others say 429.
    if status == 429 or (status == 403 and b"rate limit exceeded" in body[:2048].lower()):
        return RateLimitedError(what, retry_after=wait)
    if status == 403:
        return PermissionMissingError(
            what,
            permission=f"{request.method} {urlsplit(request.url).path}",
            cure="give the credentials this permission, or connect with others",
        )
    if status >= 500:
        return UnavailableError(what, retry_after=wait)
    return None


def _not_by_waiting(what: str, body: bytes) -> BloopError | None:
    """What OpenAI says 429 for though no waiting helps: no money, or more than a minute's limit."""
    if any(code in body for code in _NO_MONEY):
        return BudgetError(
            f"{what}: the account's quota is used up",
            cure="add credit or raise the limit in the account there",
        )
    if b"request too large" in body.lower():
        return UnsupportedError(
            f"{what}: the request is larger than the account's limit",
            cure="ask for less at once, or raise the limit in the account there",
        )
    return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header, written as seconds or as a date (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        return float(value)
    then = _date(value)
    if then is None:
        return None
    # By the sender's clock where it is told: ours may be off.
    now = _date(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (then - now).total_seconds())


def _date(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass(slots=True)
class Retries:
    """How often, and how long in all, one request is tried again."""

    request: Request
    tries: int
    longest_wait: float
    failed: int = 0
    waited: float = 0.0

    def pause(self, error: RetriableError) -> float | None:
        """Seconds to wait before the next try, None where the error is final.

        Retry-After is a floor. What is too long to wait for is left to who can come back later.
        """
        self.failed += 1
        if self.failed >= self.tries or not self._repeatable(error):
            return None
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (self.failed - 1))
        # Jitter over the whole span, so that those who failed together don't come back together.
        jitter = random.uniform(0.0, longest)  # noqa: S311  # nosec B311 - spreads load
        pause = (error.retry_after or 0.0) + jitter
        if self.waited + pause > self.longest_wait:
            return None
        self.waited += pause
        return pause

    def _repeatable(self, error: RetriableError) -> bool:
        """Whether a second request cannot do twice what the first may have done already."""
        if isinstance(error, RateLimitedError) or error.code == NOT_SENT:
            return True
        if self.request.once:
            return False
        named = {name.lower() for name in self.request.headers}
        return self.request.method.upper() in IDEMPOTENT or "idempotency-key" in named
