"""A client of event streams in the test's process: httpx would wait for the end of the answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
from urllib.parse import urlsplit


class Stream:
    """One request, and what came of it; leave it by its ``async with``."""

    def __init__(self, app, url, headers=None):
        parts = urlsplit(url)
        headers = {"host": "127.0.0.1:8080"} | (headers or {})
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(key.encode(), value.encode()) for key, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8080),
            "root_path": "",
        }
        self._app = app
        self._gone = asyncio.Event()
        self._begun = asyncio.Event()
        self._text = b""
        self._more = asyncio.Event()
        self.reading = asyncio.Event()
        self.reading.set()
        self.done = False
        self.status = 0
        self.last_id = ""
        self.beats = 0

    async def __aenter__(self):
        self.task = asyncio.create_task(self._app(self._scope, self._receive, self._send))
        begun = asyncio.create_task(self._begun.wait())
        await asyncio.wait({begun, self.task}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        return self

    async def __aexit__(self, *_exc):
        self._gone.set()
        self.reading.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.task), 10)
        assert self.task.done(), "the request goes on without its client"

    async def _receive(self):
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {key.decode(): value.decode() for key, value in message["headers"]}
            self._begun.set()
            return
        await self.reading.wait()
        self._text += message.get("body", b"")
        self.done = not message.get("more_body", False)
        self._more.set()

    async def next(self, seconds=30):
        """The next event with data, as (name, id, data)."""
        async with asyncio.timeout(seconds):
            while True:
                while b"\n\n" not in self._text:
                    assert not self.done, "the stream has ended"
                    self._more.clear()
                    await self._more.wait()
                block, _, self._text = self._text.partition(b"\n\n")
                fields = {}
                for line in block.decode().splitlines():
                    key, _, value = line.partition(": ")
                    fields[key] = value
                self.last_id = fields.get("id", self.last_id)
                if "data" not in fields:
                    self.beats += 1
                    continue
                data = json.loads(fields["data"])
                # Logging a test's next client in says something itself.
                if data.get("type") != "user.logged_in" or data["subject"] == "user:u":
                    return fields.get("event", ""), self.last_id, data

    async def nothing(self, seconds=0.3):
        """Be sure that nothing comes; what only moves the id is read."""
        with contextlib.suppress(TimeoutError):
            raise AssertionError(await self.next(seconds))

    async def subjects(self, number):
        """The subjects of the next events."""
        return [(await self.next())[2]["subject"] for _ in range(number)]

    async def ended(self, seconds=30):
        """Wait until the answer is complete."""
        await asyncio.wait_for(asyncio.shield(self.task), seconds)
