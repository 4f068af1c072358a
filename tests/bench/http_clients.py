"""The CPU that a request to a system outside costs this process, by the client that sends it.

A server in another process answers 20 kB; eight requests are in flight. `ctx.http` is aiohttp with
guard, pacer, tries, bounds and counts; its turns are shared through a file, as of a hub on SQLite.
The last row is an httpx client whose transport is the bridge to `ctx.http`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import aiohttp
import httpx
import httpx2
from _harness import Bench

from bloop.net.boards import FileBoard
from bloop.net.guard import Guard
from bloop.net.pacer import HubPacer
from bloop.net.transport import NetworkTransport
from bloop_sdk import Request
from bloop_sdk._http.client import Client
from bloop_sdk.bridges.httpx import AsyncTransport

REQUESTS, AT_ONCE = 800, 8
SERVER = r"""
import asyncio
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 20000\r\n\r\n"
class Answers(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.come = transport, b""
    def data_received(self, data):
        self.come += data
        while b"\r\n\r\n" in self.come:
            self.come = self.come.partition(b"\r\n\r\n")[2]
            self.transport.write(HEAD + b"x" * 20000)
async def main():
    server = await asyncio.get_running_loop().create_server(Answers, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""

Send = Callable[[], Awaitable[object]]


async def _many(send: Send) -> float:
    async def some() -> None:
        for _ in range(REQUESTS // AT_ONCE):
            await send()

    begin = time.process_time()
    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return (time.process_time() - begin) / REQUESTS


def main() -> None:
    """Measure and print."""
    bench = Bench("http_clients", peers=("aiohttp", "httpx", "httpx2"))
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None, "it is piped"
    url = f"http://127.0.0.1:{int(server.stdout.readline())}/"
    try:
        with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
            used = AsyncExitStack()
            clients = _clients(used, url, Path(folder))
            cases = {name: partial(_run, runner, send) for name, send in clients.items()}
            rows = bench.rounds(cases, rounds=7)
            runner.run(used.aclose())
    finally:
        server.kill()
        server.wait()
    ours, plain, peer, _, bridged = rows.values()
    bench.ratio("aiohttp_vs_httpx", plain, peer)
    bench.ratio("ctx_http_vs_httpx", ours, peer)
    bench.ratio("bridged_vs_httpx", bridged, peer)
    bench.finish()


def _run(runner: asyncio.Runner, send: Send) -> float:
    return runner.run(_many(send))


def _clients(used: AsyncExitStack, url: str, folder: Path) -> dict[str, Send]:
    """How each client sends one request and reads the answer; ``used`` closes them."""
    transport = NetworkTransport(Guard(["127.0.0.1"]))
    pacer = HubPacer(FileBoard(folder))
    ours = Client(transport, pacer, credential="bench")
    peer, newer = httpx.AsyncClient(), httpx2.AsyncClient()
    bridged = httpx.AsyncClient(transport=AsyncTransport(ours))
    for close in (transport.close, pacer.close, peer.aclose, newer.aclose, bridged.aclose):
        used.push_async_callback(close)
    session: aiohttp.ClientSession | None = None

    async def plain() -> bytes:
        nonlocal session
        if session is None:  # It wants to be made in the loop.
            session = await used.enter_async_context(aiohttp.ClientSession())
        async with session.get(url) as response:
            return await response.read()

    return {
        "ctx.http": lambda: ours.send(Request(url=url)),
        "aiohttp": plain,
        "httpx": partial(peer.get, url),
        "httpx2": partial(newer.get, url),
        "httpx over ctx.http": partial(bridged.get, url),
    }


if __name__ == "__main__":
    main()
