import asyncio
import contextlib

import pytest
from aiohttp import web

from bloop.net.guard import Guard
from bloop.net.pacer import HubPacer
from bloop.net.transport import NetworkTransport
from bloop_sdk._http.client import Bounds, Client
from bloop_sdk._http.wire import Pace

FAST = Bounds(total_seconds=5, longest_wait=5)


class Server:
    """A real server on this machine that answers as the test says, and counts."""

    def __init__(self):
        self.seen = []
        self.answers = []
        self.url = ""

    async def handle(self, request):
        await request.read()
        self.seen.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request) if callable(answer) else answer

    def say(self, *answers):
        self.answers = [
            answer if callable(answer) or isinstance(answer, web.StreamResponse) else status(answer)
            for answer in answers
        ]


def status(code, text="", **headers):
    async def answer(request):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text=text, headers=named)

    return answer


@pytest.fixture
async def server():
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    made.url = f"http://127.0.0.1:{made.port}"
    made.say(status(200, "ok"))
    yield made
    await runner.cleanup()


@pytest.fixture
async def raw_server():
    """A server that sends the very bytes it is given, then closes, for what no library would."""
    servers, tasks = [], []

    async def start(data, *, pause=0.0):
        async def serve(reader, writer):
            tasks.append(asyncio.current_task())
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                try:
                    await reader.readuntil(b"\r\n\r\n")
                    for piece in data:
                        writer.write(piece)
                        await writer.drain()
                        await asyncio.sleep(pause)
                finally:
                    writer.close()
                    await writer.wait_closed()

        servers.append(await asyncio.start_server(serve, "127.0.0.1", 0))
        return f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}/"

    yield start
    for one in servers:
        one.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def connect():
    """Make a client; pauses between tries are noted, not slept."""
    transports = []

    def _connect(*, allow=("127.0.0.1",), resolver=None, transport=None, **options):
        made = transport or NetworkTransport(Guard(allow), resolver=resolver)
        transports.append(made)
        options = {"credential": "c1", "bounds": FAST, "pace": Pace(), **options}
        return Client(made, options.pop("pacer", None) or HubPacer(), **options)

    yield _connect
    for transport in transports:
        await transport.close()


@pytest.fixture
def pauses(monkeypatch):
    """The seconds that were waited for, which pass at once."""
    slept = []
    original = asyncio.sleep

    async def sleep(seconds, *rest):
        slept.append(seconds)
        await original(0)

    monkeypatch.setattr("bloop_sdk._http.client.sleep", sleep)
    return slept
