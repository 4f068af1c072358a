"""Transports of httpx2 that send through ``ctx.http``, for SDKs like openai.

http_client = httpx2.AsyncClient(transport=AsyncTransport(ctx.http))
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx2

from bloop_sdk.bridges._pump import (
    AsyncExchange,
    Exchange,
    Loop,
    headers_of,
    request_of,
    seconds_of,
)
from bloop_sdk.http import HttpClient, Request


class AsyncTransport(httpx2.AsyncBaseTransport):
    """For ``httpx2.AsyncClient(transport=...)``."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send; raises :mod:`bloop_sdk.errors` for a rate limit and where no answer comes."""
        exchange = AsyncExchange(self._http, _request(request, await request.aread()))
        answer = await exchange.begin()
        stream = _AsyncBody(exchange)
        return httpx2.Response(answer.status, headers=headers_of(answer), stream=stream)


class Transport(httpx2.BaseTransport):
    """For ``httpx2.Client(transport=...)``, in ``ctx.run_sync``."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._loop = Loop()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send; raises :mod:`bloop_sdk.errors` for a rate limit and where no answer comes."""
        exchange = self._loop.exchange(self._http, _request(request, request.read()))
        return httpx2.Response(exchange.status, headers=exchange.headers, stream=_Body(exchange))


class _AsyncBody(httpx2.AsyncByteStream):
    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._exchange.__aiter__()

    async def aclose(self) -> None:
        await self._exchange.aclose()


class _Body(httpx2.SyncByteStream):
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._exchange)

    def close(self) -> None:
        self._exchange.close()


def _request(request: httpx2.Request, body: bytes) -> Request:
    silence = seconds_of(request.extensions.get("timeout"))
    return request_of(request.method, str(request.url), request.headers.items(), body, silence)
