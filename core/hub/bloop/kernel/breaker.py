"""Circuit breakers: what fails again and again is left alone for a while, then probed.

A breaker remembers its last calls as the bits of one integer (1: failed, newest lowest), so
"five in a row" and "half of the last twenty" are two looks at the same number, and a breaker
whose number is 0 needs no note of a success: dispatch calls such plugins without asking here.
"""

from __future__ import annotations

import enum
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from bloop.kernel.faults import CircuitOpenError, describe
from bloop_sdk._masking import mask_text


class Circuit(enum.StrEnum):
    """Closed lets calls through, open does not, half-open lets one through as a probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Policy:
    """When a breaker opens, and for how many seconds; each further pause is twice as long."""

    in_a_row: int = 5
    of_window: int = 10
    window: int = 20
    pause: float = 5.0
    longest_pause: float = 300.0
    jitter: float = 0.2


@dataclass(frozen=True, slots=True)
class BreakerView:
    """A breaker at one moment; ``reopens_in`` is in seconds, None unless the circuit is open."""

    plugin: str
    operation: str
    connection: str | None
    circuit: Circuit
    failures: int
    reopens_in: float | None
    last_error: str | None


class Breaker:
    """The breaker of one operation of a plugin, made by :meth:`Breakers.get`."""

    __slots__ = (
        "_breakers",
        "_history",
        "_lock",
        "_openings",
        "_until",
        "circuit",
        "failures",
        "key",
        "last_error",
    )

    def __init__(self, breakers: Breakers, key: tuple[str, str, str | None]) -> None:
        self.key = key
        self.circuit = Circuit.CLOSED
        self.failures = 0
        self.last_error: str | None = None
        self._breakers = breakers
        self._lock = threading.Lock()
        self._history = 0
        self._openings = 0
        self._until = 0.0

    @property
    def quiet(self) -> bool:
        """Whether nothing failed in the window, so that a success changes nothing."""
        return self._history == 0

    def enter(self) -> None:
        """Ask before a call; raises :class:`CircuitOpenError` where it may not be made."""
        if self.circuit is Circuit.CLOSED:
            return
        with self._lock:
            now = self._breakers.clock()
            if now < self._until:
                plugin, operation, connection = self.key
                on = f" on connection {connection}" if connection else ""
                # Without the last error: it may tell of another institution's rows.
                raise CircuitOpenError(
                    f"plugin {plugin}: {operation}{on} is paused after repeated failures",
                    retry_after=self._until - now,
                    cure=f"`bloop plugins doctor {plugin}` says more",
                )
            # Should the probe never report back, the next one may try after a pause.
            self.circuit = Circuit.HALF_OPEN
            self._until = now + self._breakers.policy.pause

    def succeeded(self) -> None:
        """Note a call that worked."""
        if not self._history:
            return
        with self._lock:
            if self.circuit is Circuit.HALF_OPEN:
                self.circuit = Circuit.CLOSED
                self._history = self._openings = 0
            elif self.circuit is Circuit.CLOSED:
                self._history = self._history << 1 & self._window

    def failed(self, error: BaseException) -> None:
        """Note a call that failed."""
        policy = self._breakers.policy
        with self._lock:
            self.failures += 1
            self.last_error = mask_text(describe(error))
            if self.circuit is Circuit.OPEN:
                return  # It began before the circuit opened, and tells nothing new.
            self._history = (self._history << 1 | 1) & self._window
            row = (1 << policy.in_a_row) - 1
            if (
                self.circuit is Circuit.HALF_OPEN
                or self._history & row == row
                or self._history.bit_count() >= policy.of_window
            ):
                pause = min(policy.pause * 2.0**self._openings, policy.longest_pause)
                pause *= 1 + policy.jitter * (2 * self._breakers.chance() - 1)
                self.circuit = Circuit.OPEN
                self._openings = min(self._openings + 1, 64)
                self._until = self._breakers.clock() + pause

    def abandoned(self) -> None:
        """Note a call that ended without telling anything, as a cancelled one does."""
        with self._lock:
            if self.circuit is Circuit.HALF_OPEN:
                self._until = self._breakers.clock()

    @property
    def _window(self) -> int:
        return (1 << self._breakers.policy.window) - 1

    def view(self) -> BreakerView:
        """This breaker now."""
        left = self._until - self._breakers.clock()
        return BreakerView(
            *self.key,
            circuit=self.circuit,
            failures=self.failures,
            reopens_in=max(left, 0.0) if self.circuit is Circuit.OPEN else None,
            last_error=self.last_error,
        )


class Breakers:
    """All breakers of a process; ``clock`` gives seconds, ``chance`` numbers from 0 to 1."""

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.policy = policy or Policy()
        self.clock = clock
        self.chance = chance
        self._all: dict[tuple[str, str, str | None], Breaker] = {}

    def get(self, plugin: str, operation: str, connection: str | None = None) -> Breaker:
        """The one breaker of these three."""
        key = (plugin, operation, connection)
        return self._all.get(key) or self._all.setdefault(key, Breaker(self, key))

    def forget(self, plugin: str) -> None:
        """Drop what is known of a plugin, as it is switched off or on anew."""
        for key in [key for key in self._all if key[0] == plugin]:
            del self._all[key]

    def snapshot(self) -> tuple[BreakerView, ...]:
        """All of them by plugin, operation and connection, for doctor and metrics."""
        return tuple(
            self._all[key].view() for key in sorted(self._all, key=lambda key: tuple(map(str, key)))
        )
