"""Sends what waits: one turn an endpoint at a time, under a lease, in any process of the hub."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import starmap
from typing import Any, NamedTuple

import orjson

from bloop.events.handlers import Consumer
from bloop.jobs.owners import is_dead, this_process
from bloop.net.guard import Guard
from bloop.store.commands import command
from bloop.store.database import Database, in_unit
from bloop.store.ids import new_id
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork, actor_of
from bloop.tasks import end_tasks
from bloop.telemetry import traces
from bloop.telemetry.logs import get_logger
from bloop.telemetry.metrics import metrics
from bloop.webhooks import queue
from bloop.webhooks.keys import Keyring
from bloop.webhooks.models import WebhookEndpoint
from bloop.webhooks.queries import ANY_ENABLED, BEHIND, DUE, NEXT
from bloop.webhooks.queue import Turn
from bloop.webhooks.schedule import Schedule
from bloop.webhooks.sending import TOTAL_SECONDS, Outcome, post
from bloop_sdk import BloopError, Call, Principal, PrincipalKind, Role
from bloop_sdk._http.wire import Transport
from bloop_sdk.events import Event, cloud_event

AT_ONCE = 8
"""So many endpoints are sent to beside each other in a process."""
TURN_SECONDS = 10.0
"""After so long another endpoint may have the place."""
LEASE_SECONDS = 3 * TOTAL_SECONDS
"""Longer than two tries, after which it is held anew."""
POLL_SECONDS = 1.0
TRIM_SECONDS = 3600.0

log = get_logger("bloop.webhooks")


class Waiting(NamedTuple):
    """A delivery that waits, as NEXT and BEHIND have it."""

    seq: int
    event_id: str
    body: str
    topic: str
    attempts: int

    @property
    def subject(self) -> Any:
        """Whose order it keeps."""
        return orjson.loads(self.body).get("subject")


class Sender:
    """The webhooks of this process; the database is polled, :meth:`wake` only makes it sooner.

    Deliveries that are over stay for ``keep``.
    """

    def __init__(
        self,
        database: Database,
        transport: Transport,
        guard: Guard,
        keyring: Keyring,
        *,
        keep: timedelta,
        drain: float = 10.0,
        schedule: Schedule | None = None,
        clock: Callable[[], datetime] = utcnow,
    ) -> None:
        self.guard = guard
        self.keyring = keyring
        self._database = database
        self._transport = transport
        self._keep = keep
        self._drain = drain
        self._schedule = schedule or Schedule()
        self._clock = clock
        self._owner = this_process()
        self._turns: dict[str, asyncio.Task[None]] = {}
        self._served: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def consumer(self) -> Consumer:
        """What writes down the events that are to be sent."""
        return queue.consumer(self.wake)

    async def has_endpoints(self, call: Call) -> bool:
        """Whether anything is sent for the call's institution."""
        return bool(await self._database.read(ANY_ENABLED, call))

    async def start(self) -> None:
        """Begin to send."""
        self._loop = asyncio.get_running_loop()
        self._tasks = [
            asyncio.create_task(self._watch(), name="bloop-webhooks"),
            asyncio.create_task(self._trim(), name="bloop-webhooks-trim"),
        ]

    async def stop(self) -> None:
        """Begin nothing new; what is on its way may end, or is sent again by somebody else."""
        self._stopping, self._loop = True, None
        await end_tasks(self._tasks)
        if turns := list(self._turns.values()):
            await asyncio.wait(turns, timeout=self._drain)
            await end_tasks(turns)

    def wake(self) -> None:
        """Look at once; from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # It has just been closed.
                self._loop.call_soon_threadsafe(self._wake.set)

    async def ping(self, call: Call, endpoint_id: str) -> tuple[str, Outcome]:
        """Send a ``webhook.ping`` now, past what waits, also where the endpoint is disabled.

        Gives the delivery's id. Raises :class:`~bloop.store.errors.NotFoundError`.
        """
        now = self._clock()
        endpoint = await self._database.run(in_unit, self._database, call, _found, endpoint_id)
        happened = Event(
            id=new_id(),
            topic="webhook.ping",
            institution=call.institution,
            aggregate=f"webhook:{endpoint_id}",
            sequence=1,
            actor=actor_of(call),
            occurred_at=now,
            payload={"id": endpoint_id, "name": endpoint.name},
            trace=call.trace,
        )
        body = orjson.dumps(cloud_event(happened)).decode()
        outcome = await self._post(endpoint, endpoint_id, happened.id, body)
        record = partial(queue.record, endpoint_id=endpoint_id, happened=happened, body=body)
        delivery = await self._database.run(
            in_unit, self._database, call, record, outcome=outcome, now=now
        )
        return delivery, outcome

    async def _watch(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._look()
            except Exception as err:  # noqa: BLE001 - logged, and tried again
                log.warning("webhooks: what is due can't be read", error=err)
            # Not wait_for, which loses a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()

    async def _look(self) -> None:
        """Begin turns of endpoints that are due, as far as there are places."""
        free = AT_ONCE - len(self._turns)
        if free <= 0:
            return
        now = self._clock()
        due = await self._database.read(DUE, _call(), now=now)
        self._served = {id_: self._served.get(id_, 0.0) for id_, *_ in due}
        ids, dead = [], set()
        for id_, owner, until in sorted(due, key=lambda row: self._served[row[0]]):
            if owner is not None and is_dead(owner):
                dead.add(owner)
            elif id_ in self._turns or (until and datetime.fromisoformat(until) > now):
                continue
            ids.append(id_)
        if not ids:
            return
        claim = partial(queue.claim, owner=self._owner, now=now, seconds=LEASE_SECONDS)
        turns = await self._database.run(
            in_unit, self._database, _call(), claim, ids=ids[:free], dead=dead
        )
        for turn in turns:
            task = asyncio.create_task(self._turn(turn), name=f"webhook {turn.endpoint}")
            self._turns[turn.endpoint] = task

    async def _turn(self, turn: Turn) -> None:
        """Send one after another until one fails, nothing waits, or the time is over."""
        call, end = _call(turn.institution), time.monotonic() + TURN_SECONDS
        emptied = False
        try:
            while not self._stopping and time.monotonic() < end:
                row = await self._database.read_one(NEXT, call, endpoint=turn.endpoint)
                emptied = row is None
                if row is None or not await self._deliver(call, turn, Waiting(*row)):
                    break
            give_back = partial(queue.give_back, emptied=emptied)
            await self._database.run(in_unit, self._database, call, give_back, turn)
        except Exception as err:  # noqa: BLE001 - the lease ends, and somebody takes it up
            log.warning("webhooks: a turn broke off", endpoint=turn.endpoint, error=err)
        finally:
            del self._turns[turn.endpoint]
            self._served[turn.endpoint] = time.monotonic()
            self.wake()

    async def _deliver(self, call: Call, turn: Turn, row: Waiting) -> bool:
        outcome = await self._post(turn, turn.endpoint, row.event_id, row.body)
        answered = outcome.reason is not None and outcome.status is not None
        if answered and row.attempts + 1 >= self._schedule.refusals:
            outcome = await self._beside(call, turn, row, outcome)
        goes_on = await self._settle(call, turn, row, outcome)
        metrics().webhook_tries.labels("failed" if outcome.reason else "ok").inc()
        if outcome.reason:
            log.info(
                "webhook not delivered",
                endpoint=turn.endpoint,
                event_id=row.event_id,
                reason=outcome.reason,
            )
        return goes_on

    async def _beside(self, call: Call, turn: Turn, row: Waiting, outcome: Outcome) -> Outcome:
        """Find out whether a receiver fails, or only at one event, as at one that it can't read.

        Where it takes another of the same topic and still not this one, this one is ``alone``.
        """
        if outcome.gone or outcome.refused or outcome.retry_after or outcome.status == 429:
            return outcome
        found = await self._database.read(BEHIND, call, endpoint=turn.endpoint, seq=row.seq)
        firsts: dict[Any, Waiting] = {row.subject: row}
        for one in starmap(Waiting, found):
            firsts.setdefault(one.subject, one)
        _, *others = firsts.values()
        other = next((one for one in others if one.topic == row.topic), None)
        if other is None:
            return outcome
        taken = await self._post(turn, turn.endpoint, other.event_id, other.body)
        if taken.reason is not None or not await self._settle(call, turn, other, taken):
            return outcome
        # It may have been mended in this very second.
        again = await self._post(turn, turn.endpoint, row.event_id, row.body)
        return replace(again, alone=again.status is not None)

    async def _settle(self, call: Call, turn: Turn, row: Waiting, outcome: Outcome) -> bool:
        settle = partial(queue.settle, schedule=self._schedule, seconds=LEASE_SECONDS)
        goes_on: bool = await self._database.run(
            in_unit, self._database, call, settle, turn, row.seq, outcome, self._clock()
        )
        return goes_on

    async def _post(
        self, to: Turn | WebhookEndpoint, endpoint_id: str, event_id: str, body: str
    ) -> Outcome:
        now = self._clock()
        try:
            known = self.keyring.known
            if known is None:
                known = await self._database.run(in_unit, self._database, _call(), self.keyring.of)
            secrets = known.current(endpoint_id, to.key_id, to.secret_version, to.old_until, now)
        except BloopError as err:
            return Outcome(reason=f"{err.message} ({err.cure})"[:500])
        return await post(self._transport, to.url, event_id, body.encode(), secrets, now)

    async def _trim(self) -> None:
        while True:
            try:
                before = self._clock() - self._keep
                while await self._database.run(
                    in_unit, self._database, _call(), queue.trim, before
                ):
                    pass
            except Exception as err:  # noqa: BLE001 - logged, and tried again
                log.warning("webhooks: old deliveries could not be removed", error=err)
            await asyncio.sleep(TRIM_SECONDS)


@command("webhooks:write")
def _found(unit: UnitOfWork, endpoint_id: str) -> Any:
    return unit.get(WebhookEndpoint, endpoint_id)


def _call(institution: str = EVERY_INSTITUTION) -> Call:
    """As whom the sender reads and writes."""
    principal = Principal(PrincipalKind.SYSTEM, "webhooks", Role.OPERATOR)
    return Call(principal, institution, traces.start())
