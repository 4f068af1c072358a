"""One try of one request over aiohttp, behind the guard; statuses are the caller's to judge."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bloop.net.guard import Guard
from bloop_sdk._http.outcome import NOT_SENT
from bloop_sdk._http.urls import AddressRefusedError, told
from bloop_sdk._http.wire import prepare
from bloop_sdk.errors import BloopError, DeadlineError, FatalError, UnavailableError
from bloop_sdk.http import Answer, Request

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver
    from yarl import URL


class NetworkTransport:
    """A pool of connections for one event loop, shared by all plugins; it keeps no cookies."""

    def __init__(
        self,
        guard: Guard,
        *,
        connect_seconds: float = 10.0,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._guard = guard
        self._connect_seconds = connect_seconds
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    @contextlib.asynccontextmanager
    async def open(self, request: Request, *, total: float, idle: float) -> AsyncIterator[Answer]:
        """As :meth:`Transport.open`."""
        import aiohttp

        url, headers, body = prepare(request)
        target = self._checked(url)
        timeout = aiohttp.ClientTimeout(
            total=total, sock_connect=self._connect_seconds, sock_read=idle, ceil_threshold=1e9
        )
        try:
            async with self._opened().request(
                request.method,
                target,
                headers=headers,
                data=body,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                yield Answer(response.status, _headers(response), response.content.iter_any())
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as err:
            raise _failure(request, err) from err

    async def close(self) -> None:
        """As :meth:`Transport.close`."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _checked(self, url: str) -> URL:
        from yarl import URL

        self._guard.check_url(url)
        # Next links and signed URLs are opaque: what is encoded already is sent as it stands.
        target = URL(url, encoded=url.isascii())
        # What was checked has to be what is connected to, whoever of two parsers is right.
        self._guard.check_url(str(target))
        if (target.raw_host or "").lower() != urlsplit(str(target)).hostname:
            raise AddressRefusedError("a URL names its host in two ways")
        return target

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            inner = self._resolver or aiohttp.ThreadedResolver()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=_guarded(self._guard, inner), limit=100),
                # A cookie of one institution's session must not be sent for another.
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "bloop"},
                trust_env=False,
            )
        return self._session


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _guarded(guard: Guard, inner: AbstractResolver) -> AbstractResolver:
    """A resolver that refuses a name as soon as one of its addresses is internal.

    aiohttp connects to the very addresses that it gives, so a name cannot change in between.
    """
    from aiohttp.abc import AbstractResolver, ResolveResult

    class GuardedResolver(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            found = await inner.resolve(host, port, family)
            for result in found:
                guard.check_address(host, ipaddress.ip_address(result["host"].partition("%")[0]))
            return found

        async def close(self) -> None:
            await inner.close()

    return GuardedResolver()


def _failure(request: Request, err: Exception) -> BloopError:
    """What went wrong, in the contract's words."""
    import aiohttp

    what = told(request)
    if isinstance(err, aiohttp.ConnectionTimeoutError):
        return DeadlineError(f"{what}: no connection in time", code=NOT_SENT)
    if isinstance(err, TimeoutError):
        return DeadlineError(f"{what}: no whole answer in time")
    if isinstance(err, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return FatalError(
            f"{what}: no trusted connection: {err.__class__.__name__}",
            cure="check the address and the certificate of that server",
            code="tls_failed",
        )
    if isinstance(err, aiohttp.ClientConnectorDNSError):
        return UnavailableError(f"{what}: the name of the host is not known", code=NOT_SENT)
    if isinstance(err, aiohttp.ClientConnectorError):
        return UnavailableError(f"{what}: no connection: {err.strerror}", code=NOT_SENT)
    if isinstance(err, aiohttp.ClientPayloadError):
        return UnavailableError(f"{what}: the answer broke off")
    if isinstance(err, aiohttp.InvalidURL):
        return AddressRefusedError(f"{what}: this is no URL")
    if isinstance(err, ValueError) and not isinstance(err, aiohttp.ClientError):
        return FatalError(f"{what}: the request cannot be sent: {type(err).__name__}")
    return UnavailableError(f"{what}: the connection failed: {type(err).__name__}")
