"""What goes wrong between a plugin and its system, on request.

    faults = Faults(FakeTransport(system), clock)
    faults.add(Status(503), request=3)                 # the third request
    faults.add(Cut(), path="/files/", times=None)      # every download

Faults act below the client, where they happen: retries, waits and errors are the hub's own.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from bloop_sdk._http.urls import told
from bloop_sdk._http.wire import Transport
from bloop_sdk.errors import DeadlineError, UnavailableError
from bloop_sdk.http import Answer, Request
from bloop_sdk.testing.clock import Clock

PIECE = 256
"""Bytes that a body arrives in at a time."""


class Killed(BaseException):
    """The process ended here; no `except Exception` catches it."""


class Steps:
    """Every moment at which a run may be killed: before each request and each blocking call."""

    def __init__(self) -> None:
        self.count = 0
        self.killed = False
        self._planned: dict[int, Callable[[], object]] = {}

    def plan(self, step: int, act: Callable[[], object]) -> None:
        """Call ``act`` at a step from now on, counted from 1."""
        self._planned[self.count + step] = act

    def kill(self) -> None:
        """End the process: an act to plan."""
        self.killed = True

    def take(self) -> None:
        """Come to the next step; raises :class:`Killed` where the process has ended."""
        self.count += 1
        act = self._planned.pop(self.count, None)
        if act is not None:
            act()
        if self.killed:
            raise Killed


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a request, and how long the client would wait for all of it and for a piece."""

    request: Request
    total: float
    idle: float
    inner: Transport
    clock: Clock

    def ask(self) -> AbstractAsyncContextManager[Answer]:
        """The system's own answer."""
        return self.inner.open(self.request, total=self.total, idle=self.idle)


class Fault(Protocol):
    """One way to answer wrongly."""

    def answer(self, attempt: Try) -> AbstractAsyncContextManager[Answer]:
        """What comes instead of the system's answer."""
        ...


@dataclass(frozen=True, slots=True)
class Status:
    """Another status; the request never reaches the system. ``retry_after`` is in seconds."""

    code: int
    retry_after: float | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def answer(self, attempt: Try) -> AsyncIterator[Answer]:
        """Answer so."""
        del attempt
        headers = dict(self.headers)
        if self.retry_after is not None:
            headers["retry-after"] = f"{self.retry_after:g}"
        yield Answer(self.code, headers, pieces(self.body))


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks after so many bytes of the body; None: halfway."""

    after: int | None = None

    @contextlib.asynccontextmanager
    async def answer(self, attempt: Try) -> AsyncIterator[Answer]:
        """Answer, and break off."""
        async with attempt.ask() as answer:
            body = await _whole(answer)
            kept = len(body) // 2 if self.after is None else self.after

            async def chunks() -> AsyncIterator[bytes]:
                async for piece in pieces(body[:kept]):
                    yield piece
                raise UnavailableError(f"{told(attempt.request)}: the answer broke off")

            yield Answer(answer.status, answer.headers, chunks())


@dataclass(frozen=True, slots=True)
class Slow:
    """So many seconds pass before each piece of the body; the client gives up at its deadline."""

    seconds: float = 50.0

    @contextlib.asynccontextmanager
    async def answer(self, attempt: Try) -> AsyncIterator[Answer]:
        """Answer, dribbling."""
        async with attempt.ask() as answer:
            body = await _whole(answer)

            async def chunks() -> AsyncIterator[bytes]:
                spent = 0.0
                # Always more than one piece, however small the body is.
                for start in range(0, max(len(body), 1), max(len(body) // 4, 1)):
                    spent += self.seconds
                    await attempt.clock.sleep(self.seconds)
                    if spent > attempt.total or self.seconds > attempt.idle:
                        raise DeadlineError(f"{told(attempt.request)}: no whole answer in time")
                    yield body[start : start + max(len(body) // 4, 1)]

            yield Answer(answer.status, answer.headers, chunks())


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer comes at all."""

    def answer(self, attempt: Try) -> AbstractAsyncContextManager[Answer]:
        """Wait for as long as the client does."""
        return _NoAnswer(attempt)


@dataclass(frozen=True, slots=True)
class _NoAnswer(AbstractAsyncContextManager[Answer]):
    attempt: Try

    async def __aenter__(self) -> Answer:
        await self.attempt.clock.sleep(self.attempt.total)
        raise DeadlineError(f"{told(self.attempt.request)}: no whole answer in time")

    async def __aexit__(self, *_: object) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Garbled:
    """A whole answer whose body is another: ``body``, or the first half of the true one."""

    body: bytes | None = b"<html><body>Back in a minute</body></html>"

    @contextlib.asynccontextmanager
    async def answer(self, attempt: Try) -> AsyncIterator[Answer]:
        """Answer with another body."""
        async with attempt.ask() as answer:
            true = await _whole(answer)
            body = true[: len(true) // 2] if self.body is None else self.body
            yield Answer(answer.status, answer.headers, pieces(body))


@dataclass(frozen=True, slots=True)
class Lost:
    """The system did what was asked, and its answer is lost: another status comes, or nothing."""

    code: int | None = None

    @contextlib.asynccontextmanager
    async def answer(self, attempt: Try) -> AsyncIterator[Answer]:
        """Let the system act, and answer otherwise."""
        async with attempt.ask() as answer:
            await _whole(answer)
        if self.code is None:
            await attempt.clock.sleep(attempt.total)
            raise DeadlineError(f"{told(attempt.request)}: no whole answer in time")
        yield Answer(self.code, {}, pieces(b""))


@dataclass(slots=True)
class _Planned:
    fault: Fault
    first: int
    path: re.Pattern[str] | None
    left: int | None

    def fits(self, number: int, request: Request) -> bool:
        if number < self.first or self.left == 0:
            return False
        return self.path is None or self.path.search(urlsplit(request.url).path) is not None


class Faults:
    """A transport in front of another one; ``requests`` are those that came by."""

    def __init__(self, inner: Transport, clock: Clock, steps: Steps | None = None) -> None:
        self.requests: list[Request] = []
        self.struck = 0
        self._inner = inner
        self._clock = clock
        self._steps = steps or Steps()
        self._planned: list[_Planned] = []

    def add(
        self,
        fault: Fault,
        *,
        request: int | None = None,
        path: str | None = None,
        times: int | None = 1,
    ) -> None:
        """Let ``fault`` happen, ``times`` times (None: from then on always).

        ``request`` is the first one it may happen to, counted from 1 and from now on; ``path`` a
        regular expression that is searched in the URL's path.
        """
        first = len(self.requests) + (request or 1)
        self._planned.append(_Planned(fault, first, re.compile(path) if path else None, times))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._planned.clear()

    @contextlib.asynccontextmanager
    async def open(self, request: Request, *, total: float, idle: float) -> AsyncIterator[Answer]:
        """As :meth:`Transport.open`."""
        self._steps.take()
        self.requests.append(request)
        attempt = Try(request, total, idle, self._inner, self._clock)
        planned = next((p for p in self._planned if p.fits(len(self.requests), request)), None)
        if planned is not None:
            self.struck += 1
            if planned.left is not None:
                planned.left -= 1
        async with planned.fault.answer(attempt) if planned else attempt.ask() as answer:
            yield answer

    async def close(self) -> None:
        """As :meth:`Transport.close`."""
        await self._inner.close()


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body as it comes in."""
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]


async def _whole(answer: Answer) -> bytes:
    return b"".join([piece async for piece in answer.chunks])
