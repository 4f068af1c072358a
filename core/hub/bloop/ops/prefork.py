"""Celery's worker: a parent that receives offers, and children that each run one job at a time.

    bloop worker                    the supervisor
      └─ the parent                 takes offers from the broker; imports no plugin
           ├─ a child               a hub with plugins and an event loop
           └─ a child

Who dies is started again: a child by the parent, the parent by the supervisor. A child whose event
loop stands still is ended by its own watchdog, with the culprit's name, or else by the parent's;
a parent that does not take what lies in its queues while children are idle ends itself.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celery import signals

from bloop.jobs.broker import EVERY, TASK, Broker, make_app, queue_of
from bloop.ops.prefork_child import Child, index_of_this_process
from bloop.ops.slots import Slots
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError

if TYPE_CHECKING:
    from celery import Celery

    from bloop.kernel.config import LoadedConfig
    from bloop.ops.supervise import Lifeline

EXIT_DEAF = 73
"""Exit status of a parent that took no offers."""
DEAF_SECONDS = 20.0
GRACE_SECONDS = 10.0
"""A child's own watchdog gets so much longer to end it, since it knows the culprit."""
TICK_SECONDS = 1.0

log = get_logger(__name__)


def work(
    config: LoadedConfig,
    *,
    queues: Sequence[str],
    workers: int,
    max_offers: int,
    on_ready: Callable[[], None],
    lifeline: Lifeline,
) -> None:
    """Run jobs of these queues (none named: all) in ``workers`` children until SIGTERM.

    A child is replaced after ``max_offers`` offers.
    """
    url = config.value.jobs.broker_url
    assert url is not None, "the configuration asks for it"
    names = list(queues) or [EVERY]
    slots = Slots(workers)
    app = make_app(url.get_secret_value())
    app.conf.task_queues = [queue_of(name) for name in names]
    _register(app, Family(config.path, queues, slots))
    watch = Watch(url.get_secret_value(), names, slots, config.value.limits.watchdog_seconds)

    def ready(**_: Any) -> None:
        watch.start()
        on_ready()

    def stopping(**_: Any) -> None:
        for child in slots.shown():
            os.kill(child.pid, signal.SIGTERM)

    signals.worker_ready.connect(ready, weak=False)
    signals.worker_shutting_down.connect(stopping, weak=False)
    # Somebody listens, so Celery leaves the logs as they are.
    signals.setup_logging.connect(_nothing, weak=False)
    lifeline.watch_loss(lambda: os.kill(os.getpid(), signal.SIGTERM))
    worker = app.Worker(
        pool="prefork",
        concurrency=workers,
        max_tasks_per_child=max_offers,
        optimization="fair",
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    )
    worker.start()


class Family:
    """What parent and children share: the parent makes it, each child puts itself into its copy."""

    def __init__(self, config: Path | None, queues: Sequence[str], slots: Slots) -> None:
        self._config = config
        self._queues = queues
        self._slots = slots
        self._parent = os.getpid()
        self._child: Child | None = None

    def begin(self, **_: Any) -> None:
        """In a new child."""
        index = index_of_this_process()
        self._child = Child(self._config, self._queues, self._slots, index, self._parent)
        self._child.start()

    def run(self, queue: str) -> None:
        """In a child: what the offer says."""
        if self._child is not None:
            self._child.run(queue)

    def end(self, **_: Any) -> None:
        """In a child that ends in order."""
        if self._child is not None:
            self._child.stop()


def _register(app: Celery, family: Family) -> None:
    app.task(name=TASK)(family.run)
    signals.worker_process_init.connect(family.begin, weak=False)
    signals.worker_process_shutdown.connect(family.end, weak=False)


def _nothing(**_: Any) -> None:
    pass


class Watch:
    """The parent's thread: it ends children that show no life, and a parent that is deaf."""

    def __init__(self, url: str, names: Sequence[str], slots: Slots, stall: float) -> None:
        self._broker = Broker(url)
        self._names = names
        self._slots = slots
        self._stall = stall + GRACE_SECONDS
        self._seen: dict[int, tuple[float, float]] = {}
        self._deaf = 0.0

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._run, name="bloop-watch", daemon=True).start()

    def _run(self) -> None:
        before = time.monotonic()
        while True:
            time.sleep(TICK_SECONDS)
            now = time.monotonic()
            # Time in which this thread did not run either (a stopped machine) does not count.
            elapsed = min(now - before, 2 * TICK_SECONDS)
            before = now
            self.end_silent(elapsed)
            self.end_deaf(elapsed)

    def end_silent(self, elapsed: float) -> None:
        """End those children whose last beat is too long ago."""
        seen = {}
        for child in self._slots.shown():
            beat, silent = self._seen.get(child.pid, (child.beat, 0.0))
            silent = silent + elapsed if beat == child.beat else 0.0
            seen[child.pid] = (child.beat, silent)
            if silent >= self._stall:
                log.error("a child of the worker showed no life, and is ended", pid=child.pid)
                self._slots.leave(child.index)
                os.kill(child.pid, signal.SIGKILL)
        self._seen = seen

    def end_deaf(self, elapsed: float) -> None:
        """End this process where offers lie in its queues and nobody takes them."""
        idle = any(not child.is_busy for child in self._slots.shown())
        try:
            lies = idle and self._broker.waiting(self._names) > 0
        except BloopError:
            lies = False
        self._deaf = self._deaf + elapsed if lies else 0.0
        if self._deaf >= DEAF_SECONDS:
            log.error("the worker takes no offers from the broker, and starts again")
            os._exit(EXIT_DEAF)
