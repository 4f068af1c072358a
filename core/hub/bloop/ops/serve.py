"""Serving: one process with uvicorn, on a socket bound before anything slow is imported."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bloop.ops.garbage import look_less
from bloop.ops.supervise import Lifeline
from bloop_sdk import BloopError, ConfigError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from bloop.api.edge import Edge
    from bloop.api.problems import Problem
    from bloop.hub import Hub, Part
    from bloop.kernel.config_model import HttpSection
    from bloop.ops.doctor import Diagnosis

KEEP_ALIVE_SECONDS = 75
LEFTOVER_SECONDS = 5.0
"""How long what plugins have left running may keep a process that has stopped."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Where the hub listens; ``start_url`` logs the operator in while nobody ever has been."""

    url: str
    start_url: str | None
    plugins: tuple[Diagnosis, ...] = ()
    """Those that run from the folder they are written in."""
    has_broker: bool = False
    """Whether `bloop worker` runs all jobs, and this process none."""


OnReady = Callable[[Serving], None]
OnError = Callable[[BloopError], object]
OnChange = Callable[[Sequence[Path]], None]


def serve(
    config: Path | None,
    *,
    host: str | None = None,
    port: int | None = None,
    jobs: bool = True,
    on_ready: OnReady = lambda _serving: None,
    lifeline: Lifeline | None = None,
) -> None:
    """Serve the hub until SIGINT or SIGTERM; running requests end first.

    ``host`` and ``port`` override the configuration; port 0 takes any that is free. Without
    ``jobs`` none are run here, whatever the configuration says. Raises
    :class:`ConfigError` where the address is taken, or public before anybody has an account.
    """
    line = lifeline or Lifeline()
    # Imports make objects that stay: looking through them again and again for garbage costs a
    # fifth of the start. They are left out of every later search as well.
    gc.disable()
    with _without_rich():
        from bloop.telemetry.logs import configure
    from bloop.hub import Hub

    hub = Hub.open(config, "api", host=host)
    hub.workers = hub.workers if jobs else 0
    configure(hub.config.value.log.level, hub.config.value.log.format)
    http = hub.config.value.http
    bound = line.listener or bind(http.host, http.port if port is None else port)
    with bound as listener:
        line.hand_over(listener, hub.journal_folder)
        try:
            run_loop(_serve(hub, listener, on_ready, line))
        except (SystemExit, KeyboardInterrupt) as error:
            hub.accuse(error)
            raise


@contextlib.contextmanager
def _without_rich() -> Iterator[None]:
    """Keep structlog from importing rich for a renderer that the hub's logs don't use.

    It takes what it finds; finding nothing saves a fifteenth of the start.
    """
    if "rich" in sys.modules:
        yield
        return
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["rich"]


def serve_reloading(
    config: Path | None,
    *,
    host: str | None,
    port: int | None,
    on_ready: OnReady,
    on_change: OnChange,
    on_error: OnError,
) -> None:
    """As :func:`serve`, in a process that starts again whenever the source changes.

    What keeps it from starting is given to ``on_error``, and the next change tries again.
    """
    from watchfiles import PythonFilter, run_process

    from bloop.kernel.folders import in_use

    folders = sorted(set(in_use().values()))
    run_process(
        *source_folders(),
        target=_serve_once,
        args=(folders, on_error, config),
        # Another port after each save would be another address in the author's browser.
        kwargs={"host": host, "port": _free_port() if port == 0 else port, "on_ready": on_ready},
        watch_filter=PythonFilter(extra_extensions=(".toml", ".html", ".css", ".js", ".mo")),
        callback=lambda changes: on_change(sorted({Path(path) for _, path in changes})),
    )


def _serve_once(folders: list[Path], on_error: OnError, config: Path | None, **how: Any) -> None:
    """One life of a hub that reloads: a new process, in which no folder is in use yet."""
    from bloop.kernel.folders import read_folder, use_folder

    try:
        for folder in folders:
            use_folder(read_folder(folder))
        forgive_plugins(config)
        serve(config, **how)
    except BloopError as err:
        on_error(err)


def forgive_plugins(config: Path | None) -> None:
    """Try the plugins from folders again, whatever they did to a process.

    Their author starts them after a change, which their version does not show.
    """
    from bloop.kernel.config import load
    from bloop.kernel.folders import in_use
    from bloop.kernel.journal import forgive

    folder = load(config, os.environ).value.hub.data_dir / "journal"
    for plugin_id in in_use():
        forgive(folder, plugin_id)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def source_folders() -> list[Path]:
    """The folders of the hub's own code and of the plugins that are not in site-packages."""
    import bloop_sdk
    from bloop.kernel.discovery import scan

    folders = [Path(__file__).parents[1], Path(str(bloop_sdk.__file__)).parent]
    folders += [
        folder
        for found in scan().plugins.values()
        if (folder := found.folder or found.package) is not None
    ]
    return sorted({folder for folder in folders if "site-packages" not in folder.parts})


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises :class:`ConfigError` where the address can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as err:
        listener.close()
        raise ConfigError(
            f"cannot listen on {host}:{port}: {getattr(err, 'strerror', None) or err}",
            cure="choose another with `bloop up --port`, or [http] host and port in hub.toml",
        ) from err
    listener.setblocking(False)
    return listener


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _serve(hub: Hub, listener: socket.socket, on_ready: OnReady, lifeline: Lifeline) -> None:
    import uvicorn

    from bloop.api.app import create_edge
    from bloop.ops.tls import follow, server_context

    edge = create_edge(hub, error_page=_error_page)
    http = hub.config.value.http

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            edge.complete = asyncio.create_task(_complete(hub, edge, listener, on_ready))

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            hub.stop_listening()
            await super().shutdown(sockets)

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            # Uvicorn's own raises the signal again once it has stopped, which would end the
            # process before the hub has stopped as well.
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.handle_exit, number, None)
            lifeline.on_loss(loop, lambda: self.handle_exit(signal.SIGTERM, None))
            yield

    certificates: asyncio.Task[None] | None = None
    try:
        tls = server_context(http)
        _check_plain(http, listener)
        await begin(hub, lifeline)
        await _check_reach(hub, listener)
        server = Server(
            uvicorn.Config(
                edge,
                http="httptools",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=http.public_url is not None,
                forwarded_allow_ips=[str(network) for network in http.trusted_proxies],
                ssl_context_factory=None if tls is None else lambda _config, _default: tls,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=max(1, round(hub.config.value.limits.drain_seconds)),
            )
        )
        if tls is not None and http.tls_cert is not None and http.tls_key is not None:
            certificates = asyncio.create_task(follow(tls, http.tls_cert, http.tls_key))
        await server.serve([listener])
    finally:
        if certificates is not None:
            certificates.cancel()
        await hub.stop()
        leave_soon(lifeline)


async def begin(hub: Hub, lifeline: Lifeline) -> None:
    """Start a hub; in place of one that died, wait for a database that is away.

    Otherwise raises StoreError, for then somebody is there to read it.
    """
    from bloop.store.errors import StoreError
    from bloop.telemetry.logs import get_logger

    hub.attach(partial(sampler, hub))
    told = False
    while True:
        try:
            return await hub.start()
        except StoreError as err:
            if not lifeline.takes_over or err.code not in {"store_unavailable", "store_busy"}:
                raise
            if not told:
                get_logger(__name__).warning("the hub waits for its database", error=err)
            told = True
        await asyncio.sleep(1)


def sampler(hub: Hub) -> Part:
    """What keeps a few numbers of this process; imported once the hub is up."""
    from bloop.ops.vitals import Sampler

    return Sampler(hub)


def leave_soon(lifeline: Lifeline) -> None:
    """Have the process end: a plugin's task that swallows its cancellation would never let it."""
    leave = threading.Timer(LEFTOVER_SECONDS, lifeline.leave)
    leave.daemon = True
    leave.start()


async def _complete(hub: Hub, edge: Edge, listener: socket.socket, on_ready: OnReady) -> None:
    """Import what has the rest of the routes, while health is answered already, and say so."""
    from bloop.api.app import API, PAGES, routes_of

    await hub.loaded()
    on_ready(await _address(hub, listener))
    edge.use(await asyncio.to_thread(routes_of, (*API, *PAGES)))
    edge.complete = None
    look_less()


async def _error_page(request: Request, problem: Problem) -> Response:
    from bloop.web.routes import error_page

    return await error_page(request, problem)


def _check_plain(http: HttpSection, listener: socket.socket) -> None:
    """Refuse to let sessions and passwords pass a network in the clear."""
    host = listener.getsockname()[0]
    if not is_loopback(host) and not http.is_https and not http.allow_plain:
        raise ConfigError(
            f"{host} can be reached by others, and the hub has no TLS: passwords could be read",
            cure='set [http] tls_cert and tls_key, or public_url = "https://..." behind a proxy '
            "that has a certificate; where nobody else is in the network, allow_plain = true",
        )


async def _check_reach(hub: Hub, listener: socket.socket) -> None:
    """Refuse to be reached by others before somebody is there to decide who may."""
    host = listener.getsockname()[0]
    if not is_loopback(host) and not await hub.somebody_came_in():
        raise ConfigError(
            f"{host} can be reached by others, and nobody has logged in to this hub yet",
            cure="start it once on 127.0.0.1 and open the link it prints",
        )


async def _address(hub: Hub, listener: socket.socket) -> Serving:
    from bloop.store.errors import StoreError
    from bloop.telemetry.logs import get_logger

    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    scheme = "https" if hub.config.value.http.tls_cert else "http"
    url = hub.config.value.http.public_url or f"{scheme}://{shown}:{port}"
    plugins = _from_folders(hub)
    if await hub.somebody_came_in():
        return Serving(url, None, plugins, hub.has_broker)
    try:
        token = await hub.login_token()
    except StoreError as err:
        # It serves what it has; `bloop login-link` prints one once something can be written.
        get_logger(__name__).warning("no link to log in with could be made", error=err)
        return Serving(url, None, plugins, hub.has_broker)
    return Serving(url, f"{scheme}://{shown}:{port}/start?token={token}", plugins, hub.has_broker)


def _from_folders(hub: Hub) -> tuple[Diagnosis, ...]:
    from bloop.kernel.folders import in_use

    if not (plugins := in_use()):
        return ()
    from bloop.ops.doctor import diagnose

    return tuple(one for plugin in sorted(plugins) for one in diagnose(hub, plugin))


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run a process's coroutine to its end, in uvloop's event loop where there is one."""
    if sys.platform == "win32":
        asyncio.run(main)
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
