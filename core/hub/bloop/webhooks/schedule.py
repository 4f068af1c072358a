"""When to try again, and when to give up."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

DAY_SECONDS = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Pauses in seconds after the first, second ... failure in a row; the last one stays.

    They are those of Standard Webhooks 1.0. An endpoint that failed for all of ``patience`` is
    disabled; an event that the receiver refused ``refusals`` times is given up.
    """

    pauses: tuple[float, ...] = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, DAY_SECONDS)
    patience: timedelta = timedelta(days=5)
    refusals: int = 4

    def pause(self, failures: int, asked: float) -> float:
        """How long to wait after so many failures, at least what the receiver ``asked`` for."""
        planned = self.pauses[min(failures, len(self.pauses)) - 1]
        spread = planned * random.uniform(0.9, 1.1)  # noqa: S311 # nosec B311 - spread, no secret
        return max(spread, min(asked, DAY_SECONDS))
