from __future__ import annotations

import asyncio
import re
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import select

from bloop.net.guard import Guard
from bloop.net.transport import NetworkTransport
from bloop.store.database import in_unit
from bloop.store.ids import new_id
from bloop.store.types import utcnow
from bloop.webhooks import queue, service
from bloop.webhooks.keys import Keyring
from bloop.webhooks.models import WebhookDelivery, WebhookEndpoint
from bloop.webhooks.sender import Sender
from bloop_sdk import Role
from bloop_sdk.events import Event
from tests.support.database import HOME, make_call

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = Guard(["127.0.0.1"])


def documented_verify():
    """The receiver that docs/webhooks.md shows, to the letter."""
    text = (ROOT / "docs" / "webhooks.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    return names["verify"]


class Receiver:
    """A real server; ``answer(request number, path)`` gives status, headers and body."""

    def __init__(self):
        self.seen = []
        self.answer = lambda number, path: (204, {}, b"")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.seen.append((self.path, dict(self.headers.items()), body))
                status, headers, body = outer.answer(len(outer.seen), self.path)
                self.send_response(status)
                pieces = [body] if isinstance(body, bytes) else body
                for name, value in headers.items():
                    self.send_header(name, value)
                if isinstance(body, bytes):
                    self.send_header("content-length", str(len(body)))
                else:
                    self.close_connection = True
                self.end_headers()
                try:
                    for piece in pieces:
                        self.wfile.write(piece)
                except OSError:
                    self.close_connection = True

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def ids(self, path="/"):
        return [headers["webhook-id"] for seen, headers, _ in self.seen if seen == path]

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def other_receiver():
    made = Receiver()
    yield made
    made.close()


class Clock:
    """The time, and how far it was moved."""

    def __init__(self):
        self.moved = timedelta()

    def __call__(self):
        return utcnow() + self.moved


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keyring(tmp_path):
    return Keyring(tmp_path / "state")


@pytest.fixture
async def make_sender(database, keyring, clock, monkeypatch):
    """Makes senders over the database, which are stopped at the end."""
    monkeypatch.setattr("bloop.webhooks.sender.POLL_SECONDS", 0.05)
    made = []

    async def make(guard=LOOPBACK, keyring=keyring, **options):
        transport = NetworkTransport(guard, connect_seconds=2.0)
        given = {"keep": timedelta(days=30), "drain": 2.0, "clock": clock} | options
        sender = Sender(database, transport, guard, keyring, **given)
        made.append((sender, transport))
        await sender.start()
        return sender

    yield make
    for sender, transport in made:
        await sender.stop()
        await transport.close()


@pytest.fixture
async def sender(make_sender):
    return await make_sender()


ADMIN = make_call(role=Role.ADMIN, name="ann")


def add(database, keyring, url, *, topics=("*",), call=ADMIN, guard=LOOPBACK):
    """An endpoint: its id and its secret."""
    return in_unit(
        database, call, service.create, keyring, guard, name="CRM", url=url, topics=topics
    )


def happen(database, *numbers, topic="t.happened", institution=HOME):
    """Write events down as the consumer does; gives their ids."""
    events = [
        Event(
            id=new_id(),
            topic=topic,
            institution=institution,
            aggregate=f"a:{number}",
            sequence=1,
            actor="user:u",
            occurred_at=utcnow(),
            payload={"n": number},
        )
        for number in numbers
    ]

    def write(unit):
        for event in events:
            queue.add(unit, event)

    in_unit(database, make_call(institution), write)
    return [event.id for event in events]


def endpoint(database, id_, call=ADMIN):
    return in_unit(database, call, lambda unit: unit.get(WebhookEndpoint, id_))


def deliveries(database, call=ADMIN):
    def read(unit):
        return unit.session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.seq)).all()

    return in_unit(database, call, read)


async def until(condition, seconds=30):
    """Wait until ``condition()``, run in a thread, is true; gives what it gave."""
    async with asyncio.timeout(seconds):
        while not (found := await asyncio.to_thread(condition)):  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.02)
    return found


async def states(database, *wanted):
    """Wait until the deliveries have these states, in their order; gives them."""

    def there():
        found = deliveries(database)
        return found if [one.state for one in found] == list(wanted) else None

    return await until(there)
