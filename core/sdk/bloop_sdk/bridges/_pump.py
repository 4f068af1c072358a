"""What all bridges share: requests and answers in our words, and exchanges of other threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from typing import TypeVar

from bloop_sdk.errors import FatalError, UnavailableError
from bloop_sdk.http import Answer, HttpClient, Request

T = TypeVar("T")

# The hub's client sets these itself, and decodes what it gets.
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "transfer-encoding",
    }
)
_DECODED = frozenset({"connection", "content-encoding", "content-length", "transfer-encoding"})
_AHEAD = 8
"""So many pieces of a body are read before the thread asks for them."""


def request_of(
    method: str,
    url: str,
    headers: Iterable[tuple[str, str]],
    body: bytes | None,
    silence: float | None,
) -> Request:
    """A vendor's request in our words; ``silence`` is the longest that nothing may come."""
    kept = {name: value for name, value in headers if name.lower() not in _OURS}
    return Request(url=url, method=method, headers=kept, body=body or None, timeout=silence)


def headers_of(answer: Answer) -> dict[str, str]:
    """The headers of an answer whose body has been decoded."""
    return {name: value for name, value in answer.headers.items() if name not in _DECODED}


def seconds_of(timeout: Mapping[str, float | None] | None) -> float | None:
    """The time to read of an httpx time-out, the one that is about the other side's silence."""
    return (timeout or {}).get("read") or None


class Loop:
    """The event loop that a blocking bridge sends in: the one that it is made in."""

    def __init__(self) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            raise FatalError(
                "a blocking bridge was made outside the event loop",
                cure="make it in an async method, and use it in ctx.run_sync",
            ) from None

    def exchange(self, http: HttpClient, request: Request) -> Exchange:
        """Send, from a thread; blocks until the head of the answer has come."""
        try:
            here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is self._loop:
            raise FatalError(
                "a blocking SDK was called in the event loop", cure="call it in ctx.run_sync"
            )
        exchange = Exchange(self._loop)
        exchange.begin(http, request)
        return exchange


class Exchange:
    """One request and its answer, read from a thread while one task of the loop holds it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pieces: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue(_AHEAD)
        self._task: asyncio.Task[None] | None = None
        self.status = 0
        self.headers: dict[str, str] = {}

    def begin(self, http: HttpClient, request: Request) -> None:
        """Send, and wait for the head."""

        async def begun() -> Answer:
            head: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._carry(http, request, head))
            self._task.add_done_callback(_heed)
            return await head

        answer = self._run(begun())
        self.status, self.headers = answer.status, headers_of(answer)

    def __iter__(self) -> Iterator[bytes]:
        """The pieces of the body; raises where it breaks off."""
        while (piece := self._run(self._pieces.get())) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    def close(self) -> None:
        """Let go of the connection, whether all was read or not."""
        task, self._task = self._task, None
        if task is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(task.cancel)

    async def _carry(
        self, http: HttpClient, request: Request, head: asyncio.Future[Answer]
    ) -> None:
        try:
            async with http.exchange(request) as answer:
                head.set_result(answer)
                async for piece in answer.chunks:
                    await self._pieces.put(piece)
        except Exception as err:  # noqa: BLE001 - raised in the thread that waits for it
            if not head.done():
                head.set_exception(err)
            else:
                await self._pieces.put(err)
        except BaseException as err:
            self._break_off(head, err)
            raise
        else:
            await self._pieces.put(None)

    def _break_off(self, head: asyncio.Future[Answer], err: BaseException) -> None:
        """Let the thread go where the task was ended: what it waits for would never come."""
        error = UnavailableError("the request was broken off", cure="try again")
        error.__cause__ = err
        if not head.done():
            head.set_exception(error)
            return
        while not self._pieces.empty():
            self._pieces.get_nowait()
        self._pieces.put_nowait(error)

    def _run(self, work: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _heed(task: asyncio.Task[None]) -> None:
    """Nobody awaits the task: what ended it was told to the thread, and needs no further report."""
    if not task.cancelled():
        task.exception()


class AsyncExchange:
    """One request and its answer within the event loop."""

    def __init__(self, http: HttpClient, request: Request) -> None:
        self._open = http.exchange(request)
        self._closed = False
        self._chunks: AsyncIterator[bytes] | None = None

    async def begin(self) -> Answer:
        """Send, and give the head."""
        answer = await self._open.__aenter__()
        self._chunks = answer.chunks
        return answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces of the body."""
        assert self._chunks is not None, "it has begun"
        try:
            async for piece in self._chunks:
                yield piece
        except Exception as err:
            # Only within the exchange is it told in our words.
            self._closed = True
            await self._open.__aexit__(type(err), err, err.__traceback__)
            raise

    async def aclose(self) -> None:
        """Let go of the connection."""
        if not self._closed:
            self._closed = True
            await self._open.__aexit__(None, None, None)
