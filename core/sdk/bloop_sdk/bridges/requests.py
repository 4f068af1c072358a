"""Sessions of requests that send through ``ctx.http``, for SDKs like canvasapi, msal and stripe.

http = session(ctx.http)
app = await ctx.run_sync(partial(msal.ConfidentialClientApplication, ID, http_client=http))
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPResponse

from bloop_sdk.bridges._pump import Exchange, Loop, request_of
from bloop_sdk.http import HttpClient


def session(http: HttpClient) -> requests.Session:
    """A session of which every request goes through the hub; it reads no ``.netrc`` nor proxies."""
    made = requests.Session()
    made.trust_env = False
    bridge = Adapter(http)
    made.mount("https://", bridge)
    made.mount("http://", bridge)
    return made


class Adapter(BaseAdapter):
    """For ``session.mount(...)``, to be made in the event loop and used in ``ctx.run_sync``."""

    def __init__(self, http: HttpClient) -> None:
        super().__init__()
        self._http = http
        self._loop = Loop()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002 - as requests calls it
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str = True,  # noqa: ARG002, FBT001, FBT002
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> requests.Response:
        """Send; raises :mod:`bloop_sdk.errors` for a rate limit and where no answer comes."""
        silence = timeout[1] if isinstance(timeout, tuple) else timeout
        headers = [(str(name), _text(value)) for name, value in request.headers.items()]
        sent = request_of(
            request.method or "GET", request.url or "", headers, _bytes(request.body), silence
        )
        exchange = self._loop.exchange(self._http, sent)
        raw = HTTPResponse(
            body=io.BufferedReader(_Body(exchange)),
            headers=exchange.headers,
            status=exchange.status,
            preload_content=False,
            decode_content=False,
        )
        return HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        """Nothing is kept open here."""


class _Body(io.RawIOBase):
    """The body of an answer as a file."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._pieces = iter(exchange)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self) -> None:
        if not self.closed:
            self._exchange.close()
        super().close()


def _bytes(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    read = body.read() if hasattr(body, "read") else body
    if isinstance(read, str):
        return read.encode()
    return bytes(read) if isinstance(read, bytes | bytearray) else b"".join(_parts(read))


def _parts(body: Iterable[bytes | str]) -> Iterable[bytes]:
    return (part.encode() if isinstance(part, str) else part for part in body)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
