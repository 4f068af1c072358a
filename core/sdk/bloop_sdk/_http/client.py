"""The hub's :class:`bloop_sdk.http.HttpClient`: paced, retried, guarded, bounded and counted."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from asyncio import sleep
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from bloop_sdk._http.outcome import Retries, error_of
from bloop_sdk._http.urls import AddressRefusedError, joined, origin, same_host, told
from bloop_sdk._http.wire import Pace, Pacer, Transport
from bloop_sdk.errors import (
    BloopError,
    FatalError,
    HostileInputError,
    MissingRecordError,
    RateLimitedError,
    RetriableError,
    UnavailableError,
)
from bloop_sdk.http import Answer, Request, Response

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_JUDGED = frozenset({401, 403, 429})
_MAX_REDIRECTS = 5
_ERROR_BODY = 64 * 1024
_OF_READING = frozenset({"accept", "range", "if-range", "if-none-match", "if-modified-since"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Seconds and bytes that a request may take; ``longest_wait`` is for all its pauses."""

    total_seconds: float = 60.0
    stream_seconds: float = 3600.0
    body_bytes: int = 64 * 1024 * 1024
    stream_bytes: int = 2 * 1024 * 1024 * 1024
    tries: int = 4
    longest_wait: float = 30.0


@dataclass(frozen=True, slots=True)
class Try:
    """One try of one request, for metrics, logs and run reports; status 0 means no answer."""

    method: str
    host: str
    path: str
    status: int
    bytes: int
    seconds: float


class Client:
    """The way out of one plugin with one credential.

    ``hosts`` are those that it talks to, ``*.example.com`` among them; None leaves it open.
    ``downloads`` are hosts that may only be read from, with none of the plugin's credentials.
    ``wait`` passes the seconds between two tries; a test's takes none.
    """

    def __init__(
        self,
        transport: Transport,
        pacer: Pacer,
        *,
        credential: str,
        pace: Pace | None = None,
        hosts: frozenset[str] | None = None,
        downloads: frozenset[str] = frozenset(),
        bounds: Bounds | None = None,
        on_try: Callable[[Try], None] | None = None,
        wait: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self._transport = transport
        self._pacer = pacer
        self._credential = credential
        self._pace = pace or Pace()
        self._hosts = hosts
        self._downloads = downloads
        self._bounds = bounds or Bounds()
        self._on_try = on_try
        self._wait = wait or sleep

    async def send(self, request: Request) -> Response:
        """Send and read the whole answer, as :meth:`bloop_sdk.http.HttpClient.send`."""
        retries = self._retries(request)
        while True:
            try:
                return await self._whole(request)
            except RetriableError as err:
                await self._pause(request, retries, err)

    async def stream(self, request: Request) -> AsyncIterator[bytes]:
        """The body in chunks, as :meth:`bloop_sdk.http.HttpClient.stream`.

        It is tried again until the body begins; what breaks off later is the caller's to resume.
        """
        bounds, retries = self._bounds, self._retries(request)
        async with contextlib.AsyncExitStack() as stack:
            answer: Answer | None = None
            while answer is None:
                try:
                    _, answer = await self._begin(
                        request, stack, bounds.stream_seconds, bounds.stream_bytes
                    )
                except RetriableError as err:
                    await self._pause(request, retries, err)
            if answer.status in {404, 410}:
                raise MissingRecordError(f"{told(request)} was answered {answer.status}")
            if answer.status != 200:
                raise FatalError(f"{told(request)} was answered {answer.status} instead of 200")
            async for chunk in answer.chunks:
                yield chunk

    @contextlib.asynccontextmanager
    async def exchange(self, request: Request) -> AsyncIterator[Answer]:
        """The answer whatever its status, as :meth:`bloop_sdk.http.HttpClient.exchange`.

        ``timeout`` bounds its silence; the whole of it may last as long as a stream.
        """
        retries = self._retries(request)
        async with contextlib.AsyncExitStack() as stack:
            answer: Answer | None = None
            while answer is None:
                try:
                    answer = await self._exchanged(request, stack, retries)
                except RateLimitedError:
                    raise
                except RetriableError as err:
                    await self._pause(request, retries, err)
            yield answer

    async def _exchanged(
        self, request: Request, stack: contextlib.AsyncExitStack, retries: Retries
    ) -> Answer | None:
        """One try; None where its answer asks for another, and there is one."""
        bounds = self._bounds
        silence = request.timeout or bounds.total_seconds
        async with contextlib.AsyncExitStack() as hop:
            answer = await hop.enter_async_context(
                self._open(request, bounds.stream_seconds, silence, bounds.stream_bytes)
            )
            if answer.status not in _JUDGED and answer.status < 500:
                stack.push_async_exit(hop.pop_all())
                return answer
            body = await _beginning(answer.chunks)
        error = error_of(request, answer.status, answer.headers, body)
        if isinstance(error, RetriableError):
            try:
                await self._pause(request, retries, error)
            except UnavailableError:
                pass  # Its tries are used up: let who asked read what was said.
            else:
                return None
        return Answer(answer.status, answer.headers, _once(body))

    async def _whole(self, request: Request) -> Response:
        bounds = self._bounds
        async with contextlib.AsyncExitStack() as stack:
            final, answer = await self._begin(
                request, stack, bounds.total_seconds, bounds.body_bytes
            )
            body = b"".join([chunk async for chunk in answer.chunks])
        return Response(status=answer.status, headers=answer.headers, body=body, url=final.url)

    def _retries(self, request: Request) -> Retries:
        return Retries(request, self._bounds.tries, self._bounds.longest_wait)

    async def _pause(self, request: Request, retries: Retries, error: RetriableError) -> None:
        """Wait before the next try, or raise the error where there is none."""
        pause = retries.pause(error)
        if isinstance(error, RateLimitedError):
            # The limit is the credential's: whoever shares it would only run into it too.
            self._pacer.hold(self._key(request), pause or error.retry_after or 0.0)
        if pause is None:
            raise error
        await self._wait(pause)

    async def _begin(
        self, request: Request, stack: contextlib.AsyncExitStack, total: float, limit: int
    ) -> tuple[Request, Answer]:
        """The answer that no redirect leads on from, and the request that got it."""
        idle = self._bounds.total_seconds
        for _ in range(_MAX_REDIRECTS + 1):
            async with contextlib.AsyncExitStack() as hop:
                answer = await hop.enter_async_context(
                    self._open(request, request.timeout or total, idle, limit)
                )
                await _judge(request, answer)
                target = answer.headers.get("location")
                if answer.status not in _REDIRECTS or target is None:
                    stack.push_async_exit(hop.pop_all())
                    return request, answer
            request = self._redirected(request, target)
        raise FatalError(f"{told(request)}: more than {_MAX_REDIRECTS} redirects", code="redirects")

    @contextlib.asynccontextmanager
    async def _open(
        self, request: Request, total: float, idle: float, limit: int
    ) -> AsyncIterator[Answer]:
        """One try: a turn, the request, and its report."""
        self._check_host(request)
        patience = self._bounds.longest_wait
        count = _Count(limit)
        async with self._pacer.turn(self._key(request), self._pace, patience) as learn:
            started = time.perf_counter()
            try:
                async with self._transport.open(request, total=total, idle=idle) as answer:
                    count.status = answer.status
                    learn(answer.headers)
                    chunks = count.bounded(request, answer)
                    yield Answer(answer.status, answer.headers, chunks)
            finally:
                seconds = time.perf_counter() - started
                self._report(request, count, seconds)

    def _check_host(self, request: Request) -> None:
        if self._hosts is None:
            return
        host = origin(request.url)[1]
        if not _matches(host, self._hosts) and not self._may_download(request):
            raise AddressRefusedError(
                f"{told(request)}: {host} is none of this plugin's hosts",
                cure="add it to [network] hosts in bloop-plugin.toml",
            )

    def _redirected(self, request: Request, target: str) -> Request:
        """What a redirect asks for: on the same host, or for reading at a host of downloads."""
        url = joined(request.url, target)
        if request.method not in {"GET", "HEAD"}:
            scheme, host, _ = origin(url)
            raise FatalError(
                f"{told(request)} was answered with a redirect to {scheme}://{host}, "
                "which only GET and HEAD follow",
                cure="if that is the system's own address, set it in the connection",
                code="redirects",
            )
        onward = dataclasses.replace(request, url=url, params={})
        if same_host(url, request.url):
            return onward
        onward = _read_only(onward)
        if origin(request.url)[0] == "https" != origin(url)[0] or not self._may_download(onward):
            raise AddressRefusedError(
                f"{told(request)} was answered with a redirect to another host, {origin(url)[1]}",
                cure="if that is the system's own address, set it in the connection",
            )
        return onward

    def _may_download(self, request: Request) -> bool:
        """Whether it reads from a host of downloads, and tells it nothing of the plugin's."""
        told_more = {name.lower() for name in request.headers} - _OF_READING
        bodies = (request.body, request.json_body, request.form)
        reads = request.method in {"GET", "HEAD"} and not told_more and bodies == (None,) * 3
        return reads and _matches(origin(request.url)[1], self._downloads)

    def _key(self, request: Request) -> tuple[str, str]:
        _, host, port = origin(request.url)
        return self._credential, f"{host}:{port}"

    def _report(self, request: Request, count: _Count, seconds: float) -> None:
        if self._on_try is not None:
            host = origin(request.url)[1]
            path = urlsplit(request.url).path
            self._on_try(Try(request.method, host, path, count.status, count.bytes, seconds))


class _Count:
    """Status and bytes of one try; refuses a body that is larger than its limit."""

    __slots__ = ("bytes", "limit", "status")

    def __init__(self, limit: int) -> None:
        self.bytes = 0
        self.status = 0
        self.limit = limit

    async def bounded(self, request: Request, answer: Answer) -> AsyncIterator[bytes]:
        # A length that is told spares the reading; one that lies is caught by the counting,
        # which sees what decompression makes of it.
        told_length = answer.headers.get("content-length", "")
        if request.method != "HEAD" and told_length.isdigit() and int(told_length) > self.limit:
            raise self._too_large(request)
        async for chunk in answer.chunks:
            self.bytes += len(chunk)
            if self.bytes > self.limit:
                raise self._too_large(request)
            yield chunk

    def _too_large(self, request: Request) -> HostileInputError:
        return HostileInputError(
            f"{told(request)} was answered with more than {self.limit} bytes",
            cure="ask for less at once, or raise body_bytes in [net] of hub.toml",
            code="body_too_large",
        )


async def _judge(request: Request, answer: Answer) -> None:
    """Raise the error that a status stands for."""
    if answer.status in _JUDGED or answer.status >= 500:
        body = await _beginning(answer.chunks)
        if error := error_of(request, answer.status, answer.headers, body):
            raise error


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _beginning(chunks: AsyncIterator[bytes]) -> bytes:
    """The first bytes of an error's body; that it breaks off changes nothing."""
    body = b""
    with contextlib.suppress(BloopError):
        async for chunk in chunks:
            body += chunk
            if len(body) >= _ERROR_BODY:
                break
    return body


def _matches(host: str, patterns: frozenset[str]) -> bool:
    return any(fnmatchcase(host, pattern) for pattern in patterns)


def _read_only(request: Request) -> Request:
    """A request without what another host must not see: a credential is in its headers or body."""
    kept = {name: value for name, value in request.headers.items() if name.lower() in _OF_READING}
    return dataclasses.replace(request, headers=kept, body=None, json_body=None, form=None)
