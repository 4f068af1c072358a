"""Record what a real system answers, without secrets, and play it back.

    async def test_reads_a_real_course():
        async with recorded(HERE / "course.json", config=CONFIG) as recording:
            provider = CanvasProvider(FakeContext(http=recording.http, config=CONFIG))
            assert (await read_all(provider)).counts() == {"course": 1, "page": 12}

``BLOOP_RECORD=1 pytest`` talks to the system and writes the cassette, which needs ``httpx``;
without it the cassette answers, and nothing goes out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretBytes, SecretStr

from bloop_sdk._http.cassette import Recorder, Replay
from bloop_sdk._http.outcome import NOT_SENT
from bloop_sdk._http.urls import told
from bloop_sdk._http.wire import Transport, prepare
from bloop_sdk.errors import BloopError, DeadlineError, FatalError, UnavailableError
from bloop_sdk.http import Answer, HttpClient, Request
from bloop_sdk.settings import PluginConfig
from bloop_sdk.testing.clock import Clock
from bloop_sdk.testing.faults import Faults
from bloop_sdk.testing.system import http_client

if TYPE_CHECKING:
    import httpx

VARIABLE = "BLOOP_RECORD"


@dataclass(frozen=True, slots=True)
class Recording:
    """A way to a system, or to what was recorded of it; ``faults`` lie in front of both."""

    http: HttpClient
    faults: Faults
    live: bool


class _WallClock(Clock):
    async def sleep(self, seconds: float) -> None:
        self.waited += seconds
        await asyncio.sleep(seconds)


@contextlib.asynccontextmanager
async def recorded(path: Path, *, config: PluginConfig | None = None) -> AsyncIterator[Recording]:
    """Talk to the system and write ``path``, or answer from it: see the module.

    The secret settings of ``config`` are blanked wherever they stand. A cassette is written only
    where no exception ends the block.
    """
    live = os.environ.get(VARIABLE, "") not in {"", "0"}
    secrets = list(_secrets_of(config)) if config is not None else []
    network = HttpxTransport() if live else None
    transport = Recorder(network, path, secrets) if network else _replay(path, secrets)
    clock = _WallClock() if live else Clock()
    faults = Faults(transport, clock)
    try:
        yield Recording(http_client(faults, clock), faults, live)
        if isinstance(transport, Recorder):
            transport.save()
    finally:
        if network is not None:
            await network.close()


def _replay(path: Path, secrets: list[str]) -> Replay:
    if not path.exists():
        raise FatalError(f"there is no cassette {path}", cure=f"record it: {VARIABLE}=1 pytest ...")
    return Replay(path, secrets)


def _secrets_of(config: PluginConfig) -> Iterator[str]:
    for _, value in config:
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, SecretBytes):
            yield value.get_secret_value().decode("utf-8", "replace")


class HttpxTransport:
    """The network, for recording. It has no guard: it goes wherever the plugin asks."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    @contextlib.asynccontextmanager
    async def open(self, request: Request, *, total: float, idle: float) -> AsyncIterator[Answer]:
        """As :meth:`Transport.open`."""
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(follow_redirects=False, trust_env=False)
        url, headers, body = prepare(request)
        timeout = httpx.Timeout(idle, connect=10.0)
        try:
            async with (
                asyncio.timeout(total),
                self._client.stream(
                    request.method, url, headers=headers, content=body, timeout=timeout
                ) as response,
            ):
                self._client.cookies.clear()
                lower = {name.lower(): value for name, value in response.headers.items()}
                yield Answer(response.status_code, lower, response.aiter_bytes())
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as err:
            raise _failure(request, err) from err

    async def close(self) -> None:
        """Close what is open."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _failure(request: Request, err: Exception) -> BloopError:
    import httpx

    what = told(request)
    if isinstance(err, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return FatalError(f"{what}: the request cannot be sent: {type(err).__name__}")
    if isinstance(err, httpx.ConnectTimeout):
        return DeadlineError(f"{what}: no connection in time", code=NOT_SENT)
    if isinstance(err, TimeoutError | httpx.TimeoutException):
        return DeadlineError(f"{what}: no whole answer in time")
    if isinstance(err, httpx.ConnectError):
        return UnavailableError(f"{what}: no connection: {err}", code=NOT_SENT)
    return UnavailableError(f"{what}: the answer broke off: {type(err).__name__}")


if TYPE_CHECKING:

    def _fits(network: HttpxTransport, faults: Faults) -> tuple[Transport, Transport]:
        return network, faults
