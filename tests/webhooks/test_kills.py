"""A process killed between sending and noting it: the event comes again, with the same id."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.webhooks.conftest import add, deliveries, happen

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_killed_sender_sends_again_what_it_had_not_noted(
    database, database_urls, keyring, receiver, tmp_path
):
    arrived, killed = threading.Event(), threading.Event()

    def answer(number, path):
        if number == 2:
            arrived.set()
            killed.wait(60)
        return 200, {}, b""

    receiver.answer = answer
    add(database, keyring, receiver.url)
    ids = happen(database, 1, 2, 3)
    command = [sys.executable, "-m", "tests.webhooks.send_and_die", *database_urls]
    command.append(str(tmp_path))
    first = subprocess.Popen(command, cwd=ROOT)
    try:
        assert arrived.wait(60)
    finally:
        first.kill()
        first.wait()
        killed.set()
    assert [one.state for one in deliveries(database)] == ["delivered", "waiting", "waiting"]
    second = subprocess.Popen(command, cwd=ROOT)
    try:
        end = time.monotonic() + 60
        while [one.state for one in deliveries(database)] != ["delivered"] * 3:
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        second.kill()
        second.wait()
    assert receiver.ids() == [ids[0], ids[1], ids[1], ids[2]]
