"""Lessons of which there is no video, as this process has seen lately.

Most lessons have none, and each page of a lesson asks. Who asks for a video here is known at once;
what another process was asked for is seen up to :data:`SECONDS` later.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 15.0
MOST = 20_000


class Absent:
    """Pairs of institution and lesson, each until it is too old or forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, str], float] = {}

    def known(self, institution: str, lesson: str) -> bool:
        """Whether there was none a moment ago."""
        seen = self._seen.get((institution, lesson))
        return seen is not None and self._clock() - seen < SECONDS

    def note(self, institution: str, lesson: str) -> None:
        """There is none now."""
        if len(self._seen) >= MOST:
            self._seen.clear()
        self._seen[institution, lesson] = self._clock()

    def forget(self, institution: str, lesson: str) -> None:
        """One was asked for."""
        self._seen.pop((institution, lesson), None)


ABSENT = Absent()
