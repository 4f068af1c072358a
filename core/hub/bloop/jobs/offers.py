"""Tells a broker's workers that there is work, without keeping who asked for it waiting."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError

if TYPE_CHECKING:
    from bloop.jobs.broker import Broker

PAUSE_SECONDS = 0.01
"""What is asked for within this time is offered together."""
BROKEN_PAUSE_SECONDS = 1.0


class Offers:
    """A thread that offers; one for each process that asks for jobs.

    An offer that fails is forgotten: workers look at the ledger each second, and offer what they
    find there.
    """

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._names: set[str] = set()
        self._wake = threading.Event()
        self._stopping = False
        self._told = False
        self._log = get_logger(__name__)
        self._thread = threading.Thread(target=self._run, name="bloop-offers", daemon=True)

    def start(self) -> None:
        """Begin; the broker's client is imported in the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Offer what has been said, and no more; waits for a broker that is slow to answer."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def say(self, *queues: str) -> None:
        """There is work in these queues; from any thread, and at once."""
        self._names.update(queues)
        self._wake.set()

    def _run(self) -> None:
        from bloop.jobs.broker import Broker

        broker = Broker(self._broker_url)
        while True:
            self._wake.wait()
            self._wake.clear()
            # Taken out one by one, so that what others add meanwhile is not lost.
            names = {self._names.pop() for _ in range(len(self._names))}
            pause = self._offer(broker, names)
            if self._stopping:
                broker.close()
                return
            time.sleep(pause)

    def _offer(self, broker: Broker, names: set[str]) -> float:
        """Seconds until the next."""
        try:
            if names:
                broker.offer(names)
        except Exception as err:  # noqa: BLE001 - told once, and the next offer tries anew
            if not self._told and not self._stopping:
                reason, cure = type(err).__name__, None
                if isinstance(err, BloopError):
                    reason, cure = err.message, err.cure
                self._log.warning("jobs can't be offered", reason=reason, cure=cure)
            self._told = True
            return BROKEN_PAUSE_SECONDS
        if self._told and names:
            self._log.info("jobs are offered again")
            self._told = False
        return PAUSE_SECONDS
