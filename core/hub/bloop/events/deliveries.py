"""Consumers whose effect is outside: each event at least once, under a lease, in its order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bloop.events import parking, positions
from bloop.events.handlers import Consumer, HandlerError, call_async
from bloop.events.means import Means, call_for, count, log, tell_failure, tell_parked
from bloop.events.models import Parked
from bloop.events.parking import Failure
from bloop.events.positions import Lease, Partition
from bloop.events.reader import Logged
from bloop.kernel.breaker import Circuit
from bloop.kernel.faults import CircuitOpenError, PluginUnavailableError
from bloop.store.errors import TRANSIENT, StoreError
from bloop.store.unit import UnitOfWork
from bloop.telemetry.context import log_context
from bloop_sdk import Call
from bloop_sdk.plugin import CallContext

AT_ONCE = 8
"""So many aggregates are delivered beside each other."""


@dataclass(slots=True)
class Batch:
    """What became of each event, by its number; what is in none was not begun or not ended."""

    taken: set[int] = field(default_factory=set)
    failed: dict[int, Failure] = field(default_factory=dict)
    behind: set[int] = field(default_factory=set)
    stopped: BaseException | None = None

    def reached(self, events: Sequence[Logged], position: int, upto: int) -> int:
        """Up to where all events have had their turn."""
        for logged in events:
            if not {logged.seq} & (self.taken | self.behind | self.failed.keys()):
                return max(position, logged.seq - 1)
        return upto


class Deliveries:
    """Calls ``async def (ctx, event)``; ``stopping`` says that no more should be begun."""

    def __init__(
        self,
        consumer: Consumer,
        partition: Partition,
        handler: Callable[..., Any],
        means: Means,
        stopping: Callable[[], bool],
    ) -> None:
        self._consumer = consumer
        self._partition = partition
        self._handler = handler
        self._means = means
        self._stopping = stopping
        self._package = str(getattr(handler, "__module__", "")).partition(".")[0]
        self._breaker = means.breakers.get(consumer.plugin_id, f"consumer {consumer.name}")

    async def take(self, position: int, events: Sequence[Logged], upto: int) -> int | None:
        """Deliver events, and move from ``position`` to ``upto``; gives how far it came.

        None where somebody else delivers. Raises CircuitOpenError while the plugin is left alone.
        """
        self._look_at_breaker()
        claimed = await self._means.unit(self._claim, position, events)
        if claimed is None:
            return None
        lease, held = claimed
        batch = Batch()
        try:
            await self._deliver_all(events, held, batch)
        finally:
            reached = batch.reached(events, position, upto)
            kept = await self._means.unit(self._settle, lease, events, batch, reached)
        if batch.stopped is not None:
            raise batch.stopped
        return reached if kept else None

    async def again(self, logged: Logged, parked_id: str, tries: int) -> bool:
        """Try a parked event again; False where somebody else is at it, or it is gone."""
        self._look_at_breaker()
        lease = await self._means.unit(self._claim_retry, parked_id)
        if lease is None:
            return False
        failure: Failure | None = None
        done = False
        try:
            # Only while it is probed does the breaker hear of it: one event that fails again and
            # again says nothing about the others.
            failure = await self._deliver(
                logged, probing=self._breaker.circuit is not Circuit.CLOSED
            )
            done = True
        finally:
            settled = (lease, parked_id, tries, failure, done)
            state = await self._means.unit(self._settle_retry, *settled)
        if failure is None:
            count(self._consumer, "ok")
        tell_parked(self._consumer, logged, state)
        return True

    def _look_at_breaker(self) -> None:
        view = self._breaker.view()
        if view.reopens_in:
            raise CircuitOpenError(
                f"consumer {self._consumer.name} is paused after repeated failures",
                retry_after=view.reopens_in,
            )

    async def _deliver_all(
        self, events: Sequence[Logged], held: set[tuple[str, str]], batch: Batch
    ) -> None:
        subjects: dict[tuple[str, str], list[Logged]] = {}
        for logged in events:
            if logged.subject in held:
                batch.behind.add(logged.seq)
            else:
                subjects.setdefault(logged.subject, []).append(logged)
        end = time.monotonic() + self._means.timing.delivery_batch
        slots = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for ordered in subjects.values():
                group.create_task(self._deliver_subject(ordered, batch, slots, end))

    async def _deliver_subject(
        self, ordered: Sequence[Logged], batch: Batch, slots: asyncio.Semaphore, end: float
    ) -> None:
        """Deliver the events of one aggregate, one after another."""
        async with slots:
            for index, logged in enumerate(ordered):
                if self._stopping() or batch.stopped is not None or time.monotonic() > end:
                    return
                try:
                    failure = await self._deliver(logged, probing=True)
                except (CircuitOpenError, PluginUnavailableError, StoreError) as err:
                    batch.stopped = err
                    return
                if failure is None:
                    batch.taken.add(logged.seq)
                    continue
                batch.failed[logged.seq] = failure
                batch.behind |= {later.seq for later in ordered[index + 1 :]}
                return

    async def _deliver(self, logged: Logged, *, probing: bool) -> Failure | None:
        """Call the handler; gives why it failed.

        Raises CircuitOpenError, PluginUnavailableError where the plugin is going, StoreError.
        """
        call = call_for(self._consumer, logged)
        plugin_id = self._consumer.plugin_id
        if probing:
            self._breaker.enter()
        try:
            with (
                self._means.keep(plugin_id),
                log_context(
                    plugin=plugin_id, institution=call.institution, trace_id=call.trace.trace_id
                ),
            ):
                context = await self._context(call)
                await call_async(
                    lambda: self._handler(context, logged.event), self._means.timing.delivery
                )
        except HandlerError as err:
            if isinstance(err.error, StoreError) and err.error.code in TRANSIENT:
                self._breaker.abandoned()
                raise err.error from None
            if probing:
                self._breaker.failed(err.error)
            return tell_failure(self._consumer, logged, err, self._package)
        except BaseException:
            self._breaker.abandoned()
            raise
        self._breaker.succeeded()
        return None

    async def _context(self, call: Call) -> CallContext:
        try:
            return await self._means.make_context(self._consumer.plugin_id, call)
        except (PluginUnavailableError, StoreError):
            raise
        except Exception as err:
            # Settings of the institution are missing, say: the others' events go on.
            raise HandlerError(err) from err

    def _claim(
        self, unit: UnitOfWork, position: int, events: Sequence[Logged]
    ) -> tuple[Lease, set[tuple[str, str]]] | None:
        means, part = self._means, self._partition
        lease = positions.claim(unit, part, means.owner, means.timing.lease, position)
        return (lease, parking.subjects_held(unit, part.consumer, events)) if lease else None

    def _settle(
        self,
        unit: UnitOfWork,
        lease: Lease,
        events: Sequence[Logged],
        batch: Batch,
        reached: int,
    ) -> bool:
        if not positions.give_back(unit, lease, reached):
            log.warning("events had gone to another process", consumer=self._consumer.name)
            return False
        for logged in events:
            if logged.seq > reached:
                break
            if logged.seq not in batch.taken:
                failure = batch.failed.get(logged.seq)
                state = parking.park(unit, lease.partition, logged, failure, self._means.patience)
                tell_parked(self._consumer, logged, state)
        count(self._consumer, "ok", len(batch.taken))
        return True

    def _claim_retry(self, unit: UnitOfWork, parked_id: str) -> Lease | None:
        means = self._means
        if not parking.is_retrying(unit, parked_id):
            return None
        return positions.claim(unit, self._partition, means.owner, means.timing.lease)

    def _settle_retry(
        self,
        unit: UnitOfWork,
        lease: Lease,
        parked_id: str,
        tries: int,
        failure: Failure | None,
        done: bool,  # noqa: FBT001 - handed on through the thread
    ) -> Parked | None:
        if not positions.give_back(unit, lease, lease.position) or not done:
            return None
        if failure is None:
            parking.release(unit, self._consumer.name, parked_id)
            return None
        return parking.failed_again(unit, parked_id, tries, failure, self._means.patience)
