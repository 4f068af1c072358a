"""Who listens to what happens: what of it is theirs to hear, and what waits to be sent to them."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from bloop.accounts.actions import may
from bloop.events.handlers import matches, owner_of
from bloop.events.places import Place
from bloop.events.reader import Logged
from bloop.store.topics import TOPICS
from bloop_sdk import Call, PrincipalKind
from bloop_sdk.events import cloud_event

MOST_WAITING = 500
"""So many events wait for one listener before it is cut off; they are shared with the others."""

PLUGIN_ACTION = "plugins:read"
"""What somebody must be allowed to do to hear what plugins say."""


class Ending(enum.StrEnum):
    """Why somebody hears no more."""

    STOPPING = "the hub stops"
    SLOW = "too many events waited"
    ACCESS = "the session has ended, or its role is another"


class Listener:
    """An open connection of a caller; ``token`` is the one it was opened with, if any."""

    def __init__(self, call: Call, token: str | None) -> None:
        self.call = call
        self.token = token
        self.ended = asyncio.Event()
        self.ending: Ending | None = None

    def end(self, ending: Ending) -> None:
        """Let it hear no more."""
        self.ending = self.ending or ending
        self.ended.set()


@dataclass(frozen=True, slots=True)
class For:
    """Which learners and guests may see something: the audience of its course, or ``nobody``.

    What is for its ``owner`` nobody else hears of, whatever their role.
    """

    audience: str
    enrolled: frozenset[str] = frozenset()

    def has(self, call: Call) -> bool:
        """Whether a caller is among them."""
        if self.audience == "members":
            return call.principal.kind is not PrincipalKind.GUEST
        return self.audience == "open" or call.principal.id in self.enrolled


class Told:
    """One event on its way to all who listen: encoded once, looked up once."""

    def __init__(self, logged: Logged, for_whom: Callable[[Logged], Awaitable[For]]) -> None:
        self.seq = logged.seq
        self.event = logged.event
        self.topic = TOPICS.get(logged.event.topic)
        self.owner = owner_of(logged.event)
        self.shown: For | None = None if self.topic and self.topic.shown else For("nobody")
        """Which learners and guests may see what it is about; None until it was looked up."""
        if self.owner is not None:
            self.shown = For("owner", frozenset({self.owner}))
        self._logged = logged
        self._for_whom = for_whom
        self._frames: dict[bool, bytes] = {}

    @property
    def action(self) -> str:
        """What lets somebody hear it, whatever it is about."""
        return self.topic.action if self.topic else PLUGIN_ACTION

    async def look(self) -> None:
        """Find out which learners and guests may see what it is about."""
        self.shown = await self._for_whom(self._logged)

    def frame(self, *, whole: bool) -> bytes:
        """The event as it is sent; who did it is only in the ``whole``."""
        if whole not in self._frames:
            envelope = cloud_event(self.event)
            if not whole:
                del envelope["actor"]
            place = Place(self.seq, self.event.occurred_at)
            self._frames[whole] = frame(envelope, id=str(place))
        return self._frames[whole]


class EventListener(Listener):
    """Listens to topics (all, where none are named) after ``position``."""

    def __init__(self, call: Call, token: str | None, topics: Sequence[str]) -> None:
        super().__init__(call, token)
        self.topics = tuple(topics)
        self.position = 0
        self.waiting: deque[bytes] = deque()
        self.news = asyncio.Event()

    def depends(self, told: Told) -> bool:
        """Whether it hears this only where learners and guests may see what it is about."""
        return told.shown is None and self._asked(told) and not may(self.call, told.action)

    def heard(self, told: Told) -> bytes | None:
        """What it is sent of this, if anything; ``told.shown`` is known where it ``depends``."""
        if not self._asked(told):
            return None
        if told.owner is None and may(self.call, told.action):
            return told.frame(whole=True)
        if told.shown and told.shown.has(self.call) and may(self.call, "content:read"):
            return told.frame(whole=told.owner is not None)
        return None

    def hear(self, told: Told) -> None:
        """Put it with what waits; a listener for whom too much waits is ended."""
        sent = self.heard(told)
        if sent is None or self.ended.is_set():
            return
        if len(self.waiting) >= MOST_WAITING:
            self.end(Ending.SLOW)
            return
        self.waiting.append(sent)
        self.news.set()

    def _asked(self, told: Told) -> bool:
        return (
            told.seq > self.position
            and told.event.institution == self.call.institution
            and (not self.topics or matches(told.event.topic, self.topics))
        )


def frame(data: Any = None, *, id: str = "", name: str = "") -> bytes:  # noqa: A002 - SSE's word
    """One event of a stream (HTML Living Standard, 9.2.6); without data it only moves the id."""
    lines = [b"id: " + id.encode()] if id else []
    if name:
        lines.append(b"event: " + name.encode())
    lines.append(b": beat" if data is None else b"data: " + orjson.dumps(data))
    return b"\n".join(lines) + b"\n\n"
