"""Rate limits by GCRA, the generic cell rate algorithm (ITU-T I.371): one number a subject.

A subject's *theoretical arrival time* is when its next request would come if it kept exactly to its
rate; whoever is ahead of it by more than the burst waits. In Redis it is one script for all of a
request's subjects, so that any number of processes count exactly, by Redis's own clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.engine import URL

from bloop.store.carriers import namespace, open_redis
from bloop.telemetry.logs import get_logger
from bloop_sdk import RetriableError

if TYPE_CHECKING:
    from redis.asyncio import Redis

MOST_SUBJECTS = 100_000
"""So many are remembered in a process, some tens of bytes each."""
ANSWER_SECONDS = 2.0
AWAY_SECONDS = 5.0

log = get_logger("bloop.rates")

_SCRIPT = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local wait = 0
local tats = {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local tat = math.max(tonumber(redis.call('GET', key) or '0'), now)
  tats[i] = tat + interval
  wait = math.max(wait, tats[i] - burst - now)
end
if wait <= 0 then
  for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.6f', tats[i]),
               'PX', math.ceil((tats[i] - now) * 1000) + 1)
  end
end
return string.format('%.6f', math.max(wait, 0))
"""


class RatesUnavailableError(RetriableError):
    """Nobody can count just now."""

    code = "rates_unavailable"


@dataclass(frozen=True, slots=True)
class Rate:
    """``number`` requests in ``seconds``, all of which may come at once."""

    number: int
    seconds: float = 60.0

    @property
    def interval(self) -> float:
        """Seconds from one request to the next of somebody who keeps to the rate."""
        return self.seconds / self.number


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is counted, at which rate."""

    key: str
    rate: Rate


class LocalRates:
    """Counts in this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._arrivals: dict[str, float] = {}

    def take(self, subjects: Sequence[Subject]) -> float:
        """Count one request of all its subjects; the seconds to wait where it is one too many.

        Then it counts for none of them.
        """
        now, wait = self._clock(), 0.0
        arrivals = [
            max(self._arrivals.get(subject.key, 0.0), now) + subject.rate.interval
            for subject in subjects
        ]
        for subject, arrival in zip(subjects, arrivals, strict=True):
            wait = max(wait, arrival - subject.rate.seconds - now)
        # The sums of many intervals are off by some rounding.
        if wait > 1e-6:
            return wait
        if len(self._arrivals) >= MOST_SUBJECTS:
            self._forget(now)
        for subject, arrival in zip(subjects, arrivals, strict=True):
            self._arrivals[subject.key] = arrival
        return 0.0

    def _forget(self, now: float) -> None:
        """Make room: first those who may send at once anyway, then those who have sent least."""
        kept = {key: arrival for key, arrival in self._arrivals.items() if arrival > now}
        if len(kept) > MOST_SUBJECTS // 2:
            busiest = sorted(kept, key=kept.__getitem__, reverse=True)[: MOST_SUBJECTS // 2]
            kept = {key: kept[key] for key in busiest}
        self._arrivals = kept


class SharedRates:
    """Counts in Redis, for all processes of a hub."""

    def __init__(self, redis_url: str, database: URL) -> None:
        self._url = redis_url
        self._prefix = f"{namespace(database)}:rate:"
        self._redis: Redis | None = None
        self._away_until = 0.0

    async def take(self, subjects: Sequence[Subject]) -> float:
        """As :meth:`LocalRates.take`; raises :class:`RatesUnavailableError` without Redis."""
        if time.monotonic() < self._away_until:
            raise _away()
        if self._redis is None:
            self._redis = open_redis(self._url)
        keys = [self._prefix + subject.key for subject in subjects]
        rates = [
            part
            for subject in subjects
            for part in (f"{subject.rate.interval:.6f}", f"{subject.rate.seconds:.6f}")
        ]
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                wait: bytes = await self._redis.eval(_SCRIPT, len(keys), *keys, *rates)
        except Exception as err:  # noqa: BLE001 - whatever it is, nobody counted
            # Only its kind: it might hold the address with its password.
            log.warning("rates: Redis does not answer", error=type(err).__name__)
            self._away_until = time.monotonic() + AWAY_SECONDS
            await self.close()
            raise _away() from None
        return float(wait)

    async def close(self) -> None:
        """Close the connections."""
        client, self._redis = self._redis, None
        if client is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await client.aclose()


def _away() -> RatesUnavailableError:
    return RatesUnavailableError(
        "requests can't be counted just now, and this kind is only answered where they are",
        cure="try again in some seconds; the operator sees to [redis] url",
        retry_after=AWAY_SECONDS,
    )
