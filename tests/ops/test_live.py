"""Live events of real processes: nothing is lost or comes twice when a hub ends and comes again."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import time

import httpx
import psutil
import pytest

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from tests.ops.test_serve import ready, up, wait_for
from tests.support.hub import log_in


@pytest.fixture
def here(hub_toml):
    """A hub that is opened, and not served."""
    hub = Hub.open(hub_toml, "cli")
    hub.tables.prepare()
    yield hub
    hub.database.close_now()


@pytest.fixture
def writer(here):
    """Says events from when it is started; it ends with the test, however that ends."""
    made = Writer(here)
    yield made
    made.enough.set()
    if made.is_alive():
        made.join()


@contextlib.contextmanager
def serving(config):
    with up(config, "--port", "0") as (process, text):
        url = wait_for(r"(http://127\.0\.0\.1:\d+)", process, text)[1]
        assert ready(url).status_code == 200
        yield process, url


class Reader(threading.Thread):
    """Reads a stream until it ends: numbers of events, and the last id."""

    def __init__(self, url, token, last_id):
        super().__init__(daemon=True)
        self._url = f"{url}/api/v1/events?topics=t.*"
        self._headers = {"authorization": f"Bearer {token}"}
        if last_id:
            self._headers["last-event-id"] = last_id
        self.last_id = last_id
        self.numbers = []
        self.ended_well = False
        self.open = threading.Event()

    def run(self):
        with contextlib.suppress(httpx.TransportError):
            with httpx.stream("GET", self._url, headers=self._headers, timeout=60) as answer:
                # What was received before the process ended counts, whole events alone.
                event = {}
                for line in answer.iter_lines():
                    self.open.set()
                    key, _, value = line.partition(": ")
                    if line:
                        event[key] = value
                        continue
                    self.last_id = event.get("id", self.last_id)
                    if "data" in event:
                        self.numbers.append(json.loads(event["data"])["data"]["n"])
                    event = {}
            self.ended_well = True


class Writer(threading.Thread):
    """Says events without end, beside all processes."""

    def __init__(self, hub):
        super().__init__(daemon=True)
        self._hub = hub
        self.number = 0
        self.enough = threading.Event()

    def run(self):
        call = system_call(self._hub.institution)
        while not self.enough.wait(0.005):
            with self._hub.database.unit(call) as unit:
                unit.outbox.append("t.said", f"a:{self.number % 5}", {"n": self.number})
            self.number += 1


def stop(process, end):
    """End a hub with a signal; with SIGKILL all of its processes, which can say nothing more."""
    parts = psutil.Process(process.pid).children(recursive=True)
    if end is signal.SIGKILL:
        for part in parts:
            part.suspend()  # It would end well once the one above it is gone.
    process.send_signal(end)
    if end is signal.SIGKILL:
        for part in parts:
            part.kill()
    process.wait(60)


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_a_stream_goes_on_at_the_next_process_without_loss_or_doubles(here, hub_toml, writer):
    token, seen, last_id = None, [], ""
    for number, end in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGTERM)):
        with serving(hub_toml) as (process, url):
            token = token or log_in(here, "operator", here.institution).token
            reader = Reader(url, token, last_id)
            reader.start()
            assert reader.open.wait(60)
            if not number:
                writer.start()
            wait_until(lambda: len(reader.numbers) >= 50)  # noqa: B023 - called in this round
            if number == 2:
                writer.enough.set()
                writer.join()
                wait_until(lambda: len(seen) + len(reader.numbers) >= writer.number)  # noqa: B023
            stop(process, end)
            reader.join(60)
            assert not reader.is_alive()
            assert reader.ended_well == (end is signal.SIGTERM)
            if end is signal.SIGTERM:
                assert process.returncode == 0
        seen += reader.numbers
        last_id = reader.last_id
    assert seen == list(range(writer.number))


@pytest.mark.slow
def test_open_streams_do_not_keep_a_hub_from_ending(here, hub_toml):
    """Without being told to end they would hold it up until [limits] drain_seconds."""
    with hub_toml.open("a") as file:
        file.write("\n[limits]\ndrain_seconds = 50\n")
    with serving(hub_toml) as (process, url):
        token = log_in(here, "operator", here.institution).token
        readers = [Reader(url, token, "") for _ in range(5)]
        for reader in readers:
            reader.start()
        assert all(reader.open.wait(60) for reader in readers)
        process.terminate()
        assert process.wait(40) == 0
        for reader in readers:
            reader.join(10)
            assert reader.ended_well


@pytest.mark.slow
def test_a_client_that_does_not_read_is_cut_off_and_others_hear_everything(here, hub_toml):
    call = system_call(here.institution)
    token = log_in(here, "operator", here.institution).token
    with up(hub_toml, "--port", "0") as (process, text):
        url = wait_for(r"(http://127\.0\.0\.1:\d+)", process, text)[1]
        assert ready(url).status_code == 200
        reader = Reader(url, token, "")
        reader.start()
        assert reader.open.wait(60)
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(("127.0.0.1", int(url.rpartition(":")[2])))
            slow.sendall(
                f"GET /api/v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\n"
                f"authorization: Bearer {token}\r\n\r\n".encode()
            )
            assert slow.recv(100).startswith(b"HTTP/1.1 200")
            number = 0
            while "too many events waited" not in text():
                assert number < 20_000
                with here.database.unit(call) as unit:
                    for _ in range(50):
                        payload = {"n": number, "much": "x" * 8000}
                        unit.outbox.append("t.said", "a:1", payload)
                        number += 1
                wait_until(lambda: len(reader.numbers) >= number)  # noqa: B023 - in this round
        assert reader.numbers == list(range(number))
        process.terminate()
        assert process.wait(60) == 0
        reader.join(10)
