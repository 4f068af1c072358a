"""Live events: one reader of the log for all who listen in this process.

Whoever comes with an old place reads from there by themselves until they are where the reader is,
and then hear what it reads. An idle listener costs no read: the reader looks where the consumers
have found the log to have grown, and sessions are asked for all listeners at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from datetime import timedelta

from bloop.accounts.sessions import Sessions, system_call
from bloop.content.enrolling.queries import GRANTEES, VIEWERS
from bloop.content.queries import CONTAINER_IS_SHOWN, ITEM_IS_SHOWN
from bloop.events.consumers import Consumers
from bloop.events.places import Place, read_place
from bloop.events.queries import NEWEST
from bloop.events.reader import Logged
from bloop.hub.listeners import Ending, EventListener, For, Listener, Told, frame
from bloop.store.database import Database
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import utcnow
from bloop.tasks import end_tasks
from bloop.telemetry.logs import get_logger
from bloop_sdk import UnavailableError

BEAT_SECONDS = 15.0
ACCESS_SECONDS = 3.0
"""How long somebody who may no longer listen does so at most."""
EVENTS_AT_ONCE = 200
MOST_LISTENERS = 2000
RETRY_MILLISECONDS = 2000

_SHOWN = {"container": CONTAINER_IS_SHOWN, "item": ITEM_IS_SHOWN}

log = get_logger("bloop.live")


class Live:
    """Everybody who listens in this process; ``position`` is how far they have heard.

    ``lookers`` are those among them for whom somebody has to look for news.

    ``keep`` is for how long events stay in the log.
    """

    def __init__(
        self, database: Database, consumers: Consumers, sessions: Sessions, *, keep: timedelta
    ) -> None:
        self.position = 0
        self.listeners: set[Listener] = set()
        self.lookers = 0
        self._database = database
        self._consumers = consumers
        self._log = consumers.log
        self._sessions = sessions
        self._keep = keep
        self._hearing: set[EventListener] = set()
        self._grown = asyncio.Event()
        self._known = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    @contextlib.contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Count a listener in, so that it ends when its session or the hub does."""
        self._start()
        self.listeners.add(listener)
        try:
            yield
        finally:
            self.listeners.discard(listener)
            if listener.ending not in {None, Ending.STOPPING}:
                call = listener.call
                log.info(
                    "live events: a stream was ended",
                    reason=str(listener.ending),
                    institution=call.institution,
                    principal=call.principal.id,
                )

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        """Count one in who is told nothing by the log, and looks again and again."""
        self.lookers += 1
        try:
            yield
        finally:
            self.lookers -= 1

    def admit(self) -> None:
        """Raise UnavailableError where nobody more can listen."""
        if self._stopping or len(self.listeners) >= MOST_LISTENERS:
            raise UnavailableError(
                f"{len(self.listeners)} connections listen to this process already",
                cure="try again later, or have more processes of the hub",
            )

    async def frames(self, listener: EventListener, last_id: str) -> AsyncGenerator[bytes, None]:
        """What a listener is sent, from the place that it names (now, for an empty one) on."""
        with self.listening(listener):
            await self._known.wait()
            listener.position, reason = await self._begin(last_id)
            yield f"retry: {RETRY_MILLISECONDS}\n".encode()
            here = self._here(listener)
            if reason is not None:
                cure = "read what you show again, then go on with what follows"
                yield frame({"reason": reason, "cure": cure}, id=here, name="reset")
            elif not last_id:
                yield frame(id=here)
            try:
                async for sent in self._catch_up(listener):
                    yield sent
                while not listener.ended.is_set():
                    while listener.waiting:
                        yield listener.waiting.popleft()
                    listener.news.clear()
                    try:
                        # Before Python 3.12 `wait_for` may lose a cancellation.
                        async with asyncio.timeout(BEAT_SECONDS):
                            await listener.news.wait()
                    except TimeoutError:
                        yield frame(id=self._here(listener))
            finally:
                self._hearing.discard(listener)

    async def stop(self) -> None:
        """End everybody's listening."""
        self.end()
        if self._tasks:
            self._consumers.on_look.remove(self._looked)
        await end_tasks(self._tasks)

    def end(self) -> None:
        """Let nobody hear any more, so that their requests end; the hub stops."""
        self._stopping = True
        for listener in self.listeners:
            listener.end(Ending.STOPPING)

    def _start(self) -> None:
        if self._tasks:
            return
        self._consumers.on_look.append(self._looked)
        if self._log.is_known:
            self._looked()
        self._tasks = [
            asyncio.create_task(self._forever(self._read), name="bloop-live-read"),
            asyncio.create_task(self._forever(self._check), name="bloop-live-access"),
        ]

    def _looked(self) -> None:
        """The consumers have looked at the log."""
        if not self._known.is_set() and self._log.is_known:
            self.position = self._log.horizon
            self._known.set()
        if self._log.horizon > self.position:
            self._grown.set()

    async def _forever(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except Exception as err:  # noqa: BLE001 - logged, and tried again
                log.warning("live events: the database can't be read", error=err)
                await asyncio.sleep(1.0)

    async def _read(self) -> None:
        """Read what is new, once for everybody."""
        await self._grown.wait()
        while self.position < self._log.horizon:
            upto = self._log.horizon
            if not self._hearing:
                self.position = upto
                break
            events = await self._log.after(self.position, EVENTS_AT_ONCE)
            for logged in events:
                await self._tell(Told(logged, self._for_whom))
            if len(events) < EVENTS_AT_ONCE:
                self.position = max(self.position, upto)
        self._grown.clear()

    async def _tell(self, told: Told) -> None:
        # Somebody may have come while it was looked up, so who hears it is decided after that, and
        # in one go with the position.
        while any(listener.depends(told) for listener in self._hearing):
            await told.look()
        for listener in self._hearing:
            listener.hear(told)
        self.position = told.seq

    async def _catch_up(self, listener: EventListener) -> AsyncGenerator[bytes, None]:
        """What the reader has read already; at its end the listener hears with the others."""
        while listener.position < self.position:
            upto = self._log.horizon
            events = await self._log.after(listener.position, EVENTS_AT_ONCE)
            for logged in events:
                told = Told(logged, self._for_whom)
                if listener.depends(told):
                    await told.look()
                sent = listener.heard(told)
                listener.position = told.seq
                if sent is not None:
                    yield sent
            if len(events) < EVENTS_AT_ONCE:
                listener.position = max(listener.position, upto)
        self._hearing.add(listener)

    async def _begin(self, last_id: str) -> tuple[int, str | None]:
        """Where somebody begins, and why that is not where they were."""
        if not last_id:
            return self.position, None
        place = read_place(last_id)
        if place is None:
            return self.position, "this Last-Event-ID is none of this hub"
        if place.may_miss(self._keep, utcnow()):
            return self.position, "events after this Last-Event-ID are no longer kept"
        if place.seq > self._log.horizon:
            call = system_call(EVERY_INSTITUTION)
            newest = await self._database.read_one(NEWEST, call, after=0)
            # Another process may know of more than this one, but not of more than there is.
            if newest is None or place.seq > newest[0]:
                return self.position, "the hub has gone back to before this Last-Event-ID"
        return place.seq, None

    def _here(self, listener: EventListener) -> str:
        """The place of somebody for whom nothing waits."""
        joined = listener in self._hearing and not listener.waiting
        seq = max(self.position, listener.position) if joined else listener.position
        return str(Place(seq, utcnow()))

    async def _for_whom(self, logged: Logged) -> For:
        event = logged.event
        statement = _SHOWN[event.aggregate.partition(":")[0]]
        call = system_call(event.institution)
        row = await self._database.read_one(statement, call, id=event.payload["id"])
        if row is None:
            return For("nobody")
        container, audience, owner = row
        if owner is not None:
            return For("owner", frozenset({owner}))
        if audience != "enrolled":
            return For(audience)
        rows = [*await self._database.read(VIEWERS, call, container=container)]
        if statement is ITEM_IS_SHOWN:
            rows += await self._database.read(GRANTEES, call, item=event.payload["id"])
        return For("enrolled", frozenset(user for (user,) in rows))

    async def _check(self) -> None:
        """End those whose session has ended, or whose role is another: one read for all."""
        await asyncio.sleep(ACCESS_SECONDS)
        held = {one.token for one in self.listeners if one.token is not None}
        if not held:
            return
        holders = await self._sessions.holders(held)
        for listener in self.listeners:
            if listener.token in held:
                holder = holders.get(listener.token)
                now = holder and (holder.principal, holder.institution)
                if now != (listener.call.principal, listener.call.institution):
                    listener.end(Ending.ACCESS)
