"""The one way out: the guarded and paced HTTP client of a plugin in an institution."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

from bloop.kernel.config_model import NetSection
from bloop.net.guard import Guard
from bloop.net.pacer import LocalPacer
from bloop.net.transport import NetworkTransport
from bloop.telemetry.metrics import metrics
from bloop_sdk import Manifest, PluginConfig, Request, Response, UnsupportedError
from bloop_sdk._http.client import Bounds, Client, Try
from bloop_sdk._http.urls import hosts_within


class Outside:
    """Makes every client of a process: they share connections, guard and pacer."""

    def __init__(self, net: NetSection) -> None:
        self.guard = Guard(net.allow)
        self.transport = NetworkTransport(self.guard, connect_seconds=net.connect_seconds)
        self._pacer = LocalPacer()
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

        A ``connection`` has a credential of its own; ``on_try`` is told of each request.
        """

        def tell(one: Try) -> None:
            _count(manifest.id, one)
            if on_try is not None:
                on_try(one)

        credential = "/".join(filter(None, (manifest.id, institution, connection)))
        return Client(
            self.transport,
            self._pacer,
            credential=credential,
            hosts=frozenset(hosts_of(manifest.network.hosts, config)),
            downloads=frozenset(hosts_of(manifest.network.downloads, config)),
            bounds=self._bounds,
            on_try=tell,
        )

    async def close(self) -> None:
        """Let go of every connection."""
        await self.transport.close()


class NoWayOut:
    """The HTTP client of a connection that stands for a file."""

    async def send(self, request: Request) -> Response:
        """Refuse."""
        raise _refusal(request)

    def stream(self, request: Request) -> AsyncIterator[bytes]:
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


def _count(plugin: str, one: Try) -> None:
    made = metrics()
    made.outbound_requests.labels(plugin, one.host, one.status).inc()
    made.outbound_seconds.labels(plugin, one.host).observe(one.seconds)
    made.outbound_bytes.labels(plugin, one.host).inc(one.bytes)
