"""Consumers whose effect is in the hub's database: it and the position are one commit."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bloop.events import parking, positions
from bloop.events.handlers import Consumer, HandlerError, call_plain, in_thread
from bloop.events.means import Means, call_for, count, tell_failure, tell_parked
from bloop.events.models import Parked
from bloop.events.parking import Failure
from bloop.events.positions import Partition
from bloop.events.reader import Logged
from bloop.kernel.faults import PluginUnavailableError
from bloop.store.cut import cut
from bloop.store.errors import TRANSIENT, StoreError
from bloop.store.faults import translated
from bloop.store.unit import UnitOfWork
from bloop_sdk import BloopError

T = TypeVar("T")

MOST_STUCK = 3
"""With so many transactions that never came back, a consumer is left alone in this process."""


class _Attempt:
    """One transaction in a thread, which can be cut off from outside."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.ended = False
        self._is_cut = False
        self._turn = threading.Lock()

    def begin(self, connection: Connection) -> None:
        """Note that the transaction has begun; raises StoreError where that took too long."""
        self.connection = connection
        if self._is_cut:
            raise _too_busy()

    def cut(self) -> None:
        """Take its connection away, and with it the locks that others wait for."""
        self._is_cut = True
        threading.Thread(target=self._cut, name="bloop-events-cut", daemon=True).start()

    def _cut(self) -> None:
        # A thread of its own, for it waits while the driver is in the middle of a statement.
        with self._turn:
            if self.connection is not None and not self.ended:
                with contextlib.suppress(Exception):
                    cut(self.connection)

    def end(self) -> None:
        """Note that it came back; a connection that was cut serves nobody else."""
        with self._turn:
            self.ended = True
        if self._is_cut and self.connection is not None:
            with contextlib.suppress(Exception):
                self.connection.invalidate()


class Effects:
    """Calls ``def (unit, event)``, each in a transaction that it shares with its position."""

    def __init__(
        self,
        consumer: Consumer,
        partition: Partition,
        handler: Callable[..., Any],
        means: Means,
    ) -> None:
        self._consumer = consumer
        self._partition = partition
        self._handler = handler
        self._means = means
        self._package = str(getattr(handler, "__module__", "")).partition(".")[0]
        self._attempts: list[_Attempt] = []

    async def take(self, position: int, events: Sequence[Logged], upto: int) -> int | None:
        """Take events, and move from ``position`` to ``upto``; gives how far it came.

        None where somebody else came first.
        """
        reached: int | None = position
        for run, end in _runs(events, upto):
            while reached is not None and reached < end:
                left = [logged for logged in run if logged.seq > reached]
                reached = await self._take_run(reached, left, end)
        return reached

    async def again(self, logged: Logged, parked_id: str, tries: int) -> bool:
        """Try a parked event again; False where somebody else is at it, or it is gone."""
        try:
            taken = await self._attempt(logged, lambda unit: self._retry(unit, logged, parked_id))
        except HandlerError as err:
            failure = tell_failure(self._consumer, logged, err, self._package)
            state = await self._means.unit(self._failed_again, parked_id, tries, failure)
            tell_parked(self._consumer, logged, state)
            return True
        count(self._consumer, "ok", int(taken))
        return taken

    async def _take_run(self, position: int, run: Sequence[Logged], upto: int) -> int | None:
        """Take events of one institution in one transaction; one by one where that fails."""
        try:
            came = await self._attempt(run[0], lambda unit: self._batch(unit, position, run, upto))
        except HandlerError as err:
            if len(run) == 1:
                failure = tell_failure(self._consumer, run[0], err, self._package)
                parked: int | None = await self._means.unit(
                    self._park, position, run[0], failure, upto
                )
                return parked
        else:
            count(self._consumer, "ok", came[1] if came else 0)
            return came[0] if came else None
        # Which of them it was shows when each has a transaction of its own.
        reached: int | None = position
        for logged in run:
            end = upto if logged is run[-1] else logged.seq
            reached = await self._take_run(position, [logged], end)
            if reached is None:
                return None
            position = reached
        return reached

    async def _attempt(self, first: Logged, work: Callable[[UnitOfWork], T]) -> T:
        """Run a transaction in the institution of ``first``, in a thread that may be left behind.

        Raises HandlerError for what is the handler's fault, StoreError for the database's trouble.
        """
        self._attempts = [attempt for attempt in self._attempts if not attempt.ended]
        if len(self._attempts) >= MOST_STUCK:
            raise PluginUnavailableError(
                f"consumer {self._consumer.name} hangs: {MOST_STUCK} of its calls never came back",
                cure=f"mend plugin {self._consumer.plugin_id}, then restart the hub",
            )
        attempt = _Attempt()
        call = call_for(self._consumer, first)

        def transaction() -> T:
            try:
                with self._means.database.unit(call) as unit:
                    try:
                        attempt.begin(unit.connection)
                        return work(unit)
                    finally:
                        attempt.end()
            finally:
                attempt.ended = True

        async with self._means.slots:
            with self._means.keep(self._consumer.plugin_id):
                self._attempts.append(attempt)
                return await self._run(attempt, transaction)

    async def _run(self, attempt: _Attempt, transaction: Callable[[], T]) -> T:
        try:
            return await in_thread(
                f"consumer-{self._consumer.name}",
                transaction,
                self._means.timing.effect,
                attempt.cut,
            )
        except HandlerError as err:
            if attempt.connection is None:
                raise _too_busy() from err
            if isinstance(err.error, DBAPIError):
                raise_if_transient(translated(err.error))
            raise
        except BloopError as err:
            # What the handler left in the session was refused as it was written or committed.
            raise_if_transient(err)
            raise HandlerError(err) from err

    def _batch(
        self, unit: UnitOfWork, position: int, run: Sequence[Logged], upto: int
    ) -> tuple[int, int] | None:
        """Gives how far it came, and how many events the handler took."""
        part = self._partition
        has_parked = positions.hold_at(unit, part, position)
        if has_parked is None:
            return None
        held = parking.subjects_held(unit, part.consumer, run) if has_parked else frozenset()
        end = time.monotonic() + self._means.timing.batch
        taken, reached = 0, upto
        connection = unit.connection
        transaction = connection.get_transaction()
        for logged in run:
            if held and logged.subject in held:
                parking.park(unit, part, logged, None, self._means.patience)
            else:
                self._call(unit, logged)
                if connection.get_transaction() is not transaction:
                    raise _ended()
                taken += 1
            if time.monotonic() > end and logged is not run[-1]:
                reached = logged.seq
                break
        positions.move(unit, part, reached, self._means.owner)
        return reached, taken

    def _call(self, unit: UnitOfWork, logged: Logged) -> None:
        unit.continue_trace(logged.trace)
        handed = self._means.make_unit(unit, self._consumer.plugin_id)
        call_plain(self._handler, handed, logged.event)

    def _retry(self, unit: UnitOfWork, logged: Logged, parked_id: str) -> bool:
        held = positions.hold(unit, self._partition) is not None
        if not held or not parking.is_retrying(unit, parked_id):
            return False
        transaction = unit.connection.get_transaction()
        self._call(unit, logged)
        if unit.connection.get_transaction() is not transaction:
            raise _ended()
        parking.release(unit, self._consumer.name, parked_id)
        return True

    def _park(
        self, unit: UnitOfWork, position: int, logged: Logged, failure: Failure, upto: int
    ) -> int | None:
        part = self._partition
        if positions.hold(unit, part) != position:
            return None
        state = parking.park(unit, part, logged, failure, self._means.patience)
        positions.move(unit, part, upto, self._means.owner)
        tell_parked(self._consumer, logged, state)
        return upto

    def _failed_again(
        self, unit: UnitOfWork, parked_id: str, tries: int, failure: Failure
    ) -> Parked | None:
        positions.hold(unit, self._partition, wait=True)
        return parking.failed_again(unit, parked_id, tries, failure, self._means.patience)


def _ended() -> HandlerError:
    return HandlerError(RuntimeError("it ended the transaction, which is for the hub to end"))


def _too_busy() -> StoreError:
    return StoreError("no transaction could be begun in time", code="store_busy", cure="try again")


def raise_if_transient(err: BloopError) -> None:
    """Raise what is no fault of a handler."""
    if isinstance(err, StoreError) and err.code in TRANSIENT:
        raise err


def _runs(events: Sequence[Logged], upto: int) -> list[tuple[list[Logged], int]]:
    """Neighbours of one institution, each with the position that is reached after them."""
    runs: list[list[Logged]] = []
    for logged in events:
        if runs and runs[-1][-1].event.institution == logged.event.institution:
            runs[-1].append(logged)
        else:
            runs.append([logged])
    return [(run, upto if run is runs[-1] else run[-1].seq) for run in runs]
