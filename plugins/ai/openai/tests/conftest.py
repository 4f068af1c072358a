from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))

from standin import Standin

from bloop.net.guard import Guard
from bloop.net.pacer import HubPacer
from bloop.net.transport import NetworkTransport
from bloop_openai.config import OpenAIConfig
from bloop_openai.tables import metadata
from bloop_sdk._http.client import Bounds, Client
from bloop_sdk._http.wire import Pace
from bloop_sdk.testing import FakeContext


class Loopback(Standin):
    """The stand-in behind a real server on this machine.

    ``drip`` are the seconds between the pieces of a body; ``breaks`` sends half of it and hangs up;
    ``instead`` is a body and its type in place of an answer.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.url = ""
        self.drip = 0.0
        self.breaks = False
        self.instead = None

    async def handle(self, request):
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.path_qs
        found = await self.reply(request.method, path, headers, await request.read())
        status, headers, body = found.status, dict(found.headers), found.body
        if self.instead:
            (body, kind), self.instead = self.instead, None
            headers["content-type"] = kind
        if not self.drip and not self.breaks:
            return web.Response(status=status, headers=headers, body=body)
        answer = web.StreamResponse(status=status, headers=headers)
        answer.content_length = len(body)
        await answer.prepare(request)
        for at in range(0, len(body), 40):
            if self.breaks and at > len(body) // 2:
                self.breaks = False
                request.transport.close()
                break
            await answer.write(body[at : at + 40])
            await asyncio.sleep(self.drip)
        return answer


@pytest.fixture
async def vendor():
    """A server that speaks as OpenAI's does."""
    made = Loopback()
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield made
    await runner.cleanup()


@pytest.fixture
def pauses(monkeypatch):
    """The seconds between tries, which pass at once."""
    slept = []
    original = asyncio.sleep

    async def sleep(seconds):
        slept.append(seconds)
        await original(0)

    monkeypatch.setattr("bloop_sdk._http.client.sleep", sleep)
    return slept


@pytest.fixture
async def context(vendor):
    """Make a context whose way out is the hub's own, to the server on this machine."""
    transports = []

    def make(*, allow=("127.0.0.1",), **settings):
        transports.append(NetworkTransport(Guard(allow)))
        given = {
            "base_url": vendor.url,
            "servers": ["127.0.0.1"],
            "api_key": "sk-good",
            "model": vendor.model,
        }
        http = Client(
            transports[-1],
            HubPacer(),
            credential="c",
            pace=Pace(),
            bounds=Bounds(total_seconds=20, longest_wait=5),
        )
        return FakeContext(
            plugin_id="openai",
            config=OpenAIConfig.model_validate(given | settings),
            http=http,
            tables=metadata,
            package="bloop_openai",
        )

    yield make
    for transport in transports:
        await transport.close()
