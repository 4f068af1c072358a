"""Until when a pass lasts that the other side's pace stretches over hours.

    progress = Outlook(job.progress, count, partial(pacer.ahead, credential, pace))

Most of such a pass is waiting, and what went quickly at its beginning says nothing of the rest. So
requests are counted for what is done, and the pacer says when as many will have been sent for what
is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic
from typing import Protocol

from bloop.hub.outside import Tally
from bloop.store.types import utcnow

FEWEST = 5
"""So much has to be done before anything is said of the rest."""
LOOK_SECONDS = 5.0


class Tell(Protocol):
    """As :meth:`bloop.jobs.context.RunningJob.progress`."""

    def __call__(
        self, done: int, total: int | None, message: str, *, until: datetime | None
    ) -> None:
        """Report."""
        ...


class Outlook:
    """A run's progress with an end; ``ahead`` gives the seconds until so many requests are sent."""

    def __init__(self, tell: Tell, count: Tally, ahead: Callable[[int], float]) -> None:
        self._tell = tell
        self._count = count
        self._ahead = ahead
        self._what = ""
        self._from = (0, 0, 0.0)
        self._until: datetime | None = None
        self._looked = -math.inf

    def __call__(self, done: int, total: int | None, message: str) -> None:
        """Report; what begins to be done now is counted anew."""
        if message != self._what:
            self._what = message
            self._from = (done, self._count.requests, self._count.seconds)
            self._until, self._looked = None, -math.inf
        if total is not None and monotonic() - self._looked >= LOOK_SECONDS:
            left = self._left(done, total - done)
            self._until = None if left is None else utcnow() + timedelta(seconds=left)
            self._looked = -math.inf if left is None else monotonic()
        self._tell(done, total, message, until=self._until)

    def _left(self, done: int, left: int) -> float | None:
        """Seconds: what the windows take, or the answers, if those are what takes longer."""
        begun, requests, seconds = self._from
        share = left / (done - begun) if done > begun else 0.0
        if done - begun < FEWEST or left <= 0:
            return None
        needed = math.ceil((self._count.requests - requests) * share)
        return max(self._ahead(needed), (self._count.seconds - seconds) * share)
