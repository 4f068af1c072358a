"""The one way out: the guarded and paced HTTP client of a plugin in an institution."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import SecretBytes, SecretStr

from bloop.kernel.config_model import NetSection
from bloop.net.guard import Guard
from bloop.net.pacer import HubPacer
from bloop.net.transport import NetworkTransport
from bloop.telemetry.logs import get_logger
from bloop.telemetry.metrics import metrics
from bloop_sdk import Manifest, PluginConfig, Request, Response, UnsupportedError
from bloop_sdk._http.client import Bounds, Client, Try
from bloop_sdk._http.urls import hosts_within
from bloop_sdk._http.wire import Pace
from bloop_sdk.http import Answer

if TYPE_CHECKING:
    from bloop.net.boards import Board

log = get_logger("bloop.outside")


class Outside:
    """Makes every client of a process: they share connections, guard and pacer.

    ``board`` is where processes share what they send; without one each counts by itself.
    """

    def __init__(self, net: NetSection, board: Board | None = None) -> None:
        self.guard = Guard(net.allow)
        self.transport = NetworkTransport(self.guard, connect_seconds=net.connect_seconds)
        self.pacer = HubPacer(board)
        self._bounds = Bounds(total_seconds=net.total_seconds, body_bytes=net.body_bytes)

    def client(
        self,
        manifest: Manifest,
        config: PluginConfig,
        institution: str,
        *,
        connection: str | None = None,
        on_try: Callable[[Try], None] | None = None,
    ) -> Client:
        """The way out of a plugin with an institution's settings: to its declared hosts alone.

        Its turns are those of whom :func:`credential_of` names. ``on_try`` is told of each try,
        for the counts of a run.
        """
        network = manifest.network
        return Client(
            self.transport,
            self.pacer,
            credential=credential_of(manifest, config, institution, connection),
            pace=Pace(network.windows, network.at_once, network.bucket),
            hosts=frozenset(hosts_of(network.hosts, config)),
            downloads=frozenset(hosts_of(network.downloads, config)),
            bounds=self._bounds,
            on_try=partial(_count, manifest.id, on_try),
        )

    def ahead(
        self,
        manifest: Manifest,
        config: PluginConfig,
        institution: str,
        connection: str,
        requests: int,
    ) -> float:
        """The seconds until a connection has sent so many requests more, as its windows let it.

        What others send with the same credential counts.
        """
        credential = credential_of(manifest, config, institution, connection)
        return self.pacer.ahead(credential, manifest.network.windows, requests)

    async def close(self) -> None:
        """Let go of every connection."""
        await self.pacer.close()
        await self.transport.close()


def credential_of(
    manifest: Manifest, config: PluginConfig, institution: str, connection: str | None
) -> str:
    """Whom the other side counts, as the pacer knows them, and without a secret.

    All connections of the institution that have the same in what the manifest's
    ``network.credential`` names; a connection by itself where that names nothing, or one of them
    is empty.
    """
    whose = connection or ""
    named = [getattr(config, name, None) for name in manifest.network.credential]
    if named and all(named):
        text = json.dumps([institution, manifest.id, *named], default=_bare)
        whose = f"#{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    return f"{institution}/{manifest.id}/{whose}"


def _bare(value: Any) -> str:
    if isinstance(value, SecretStr | SecretBytes):
        value = value.get_secret_value()
    return str(value)


class Tally:
    """Counts what goes out for a run: ``client(..., on_try=tally)``."""

    def __init__(self) -> None:
        self.requests = 0
        self.bytes = 0
        self.seconds = 0.0

    def __call__(self, one: Try) -> None:
        """Count one try."""
        self.requests += 1
        self.bytes += one.bytes
        self.seconds += one.seconds


class NoWayOut:
    """The HTTP client of a connection that stands for a file."""

    async def send(self, request: Request) -> Response:
        """Refuse."""
        raise _refusal(request)

    def stream(self, request: Request) -> AsyncIterator[bytes]:
        """Refuse."""
        raise _refusal(request)

    def exchange(self, request: Request) -> AbstractAsyncContextManager[Answer]:
        """Refuse."""
        raise _refusal(request)


def hosts_of(declared_hosts: Iterable[str], config: PluginConfig) -> Iterator[str]:
    """Hosts as a manifest declares them; ``{key}`` are those of the URLs in that setting."""
    for declared in declared_hosts:
        key = re.fullmatch(r"\{(\w+)\}", declared)
        if key is None:
            yield declared.lower()
        else:
            yield from hosts_within(getattr(config, key[1], None))


def _refusal(request: Request) -> UnsupportedError:
    return UnsupportedError(f"{request.url}: the import of a file has no way to the outside")


def _count(plugin: str, on_try: Callable[[Try], None] | None, one: Try) -> None:
    if on_try is not None:
        on_try(one)
    log.debug(
        "request to outside",
        plugin=plugin,
        method=one.method,
        host=one.host,
        path=one.path,
        status=one.status,
        bytes=one.bytes,
        seconds=round(one.seconds, 4),
    )
    made = metrics()
    made.outbound_requests.labels(plugin, one.host, one.status).inc()
    made.outbound_seconds.labels(plugin, one.host).observe(one.seconds)
    made.outbound_bytes.labels(plugin, one.host).inc(one.bytes)
