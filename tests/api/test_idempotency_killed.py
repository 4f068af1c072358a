"""Processes that are killed at each step of a request with a key; twins in several processes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest
from sqlalchemy import select

from bloop.accounts.sessions import system_call
from bloop.content.models import Container
from bloop.store.models import EVERY_INSTITUTION
from tests.support.hub import log_in

COURSES = "/api/v1/containers"
KEY = {"idempotency-key": "k"}
TIDES = {"title": "Tides"}

CHILD = """
import asyncio, json, os, signal, sys
import httpx
from pathlib import Path
from bloop.api import idempotency
from bloop.api.app import create_app
from bloop.hub import Hub
from bloop.store.idempotency import RequestKey
from bloop.store.unit import Outbox

path, token, step, requests = sys.argv[1:]

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def killed_after(owner, name):
    before = getattr(owner, name)
    def then(*arguments):
        before(*arguments)
        kill()
    setattr(owner, name, then)

if step == "claimed":
    killed_after(RequestKey, "claim")
elif step == "written":
    killed_after(Outbox, "write")
elif step == "committed":
    idempotency._keep = kill
elif step == "kept":
    keep = idempotency._keep
    async def then(*arguments):
        await keep(*arguments)
        kill()
    idempotency._keep = then

async def main():
    hub = Hub.open(Path(path), "api")
    transport = httpx.ASGITransport(create_app(hub))
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "k"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8080", headers=headers
    ) as client:
        await client.get("/api/v1/containers")
        print("ready", flush=True)
        sys.stdin.readline()
        answers = await asyncio.gather(
            *(client.post("/api/v1/containers", json={"title": "Tides"})
              for _ in range(int(requests)))
        )
    print(json.dumps([[a.status_code, a.text, "idempotent-replayed" in a.headers]
                      for a in answers]), flush=True)
    await hub.database.close()

asyncio.run(main())
"""


@pytest.fixture
async def token(hub):
    return (await hub.database.run(log_in, hub, "educator", hub.institution)).token


@pytest.fixture
def start(hub, token, config_path):
    """Start a process that will send requests once it is told to."""
    started = []

    def go(step: str, requests: int) -> subprocess.Popen:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(config_path), token, step, str(requests)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        assert child.stdout.readline() == "ready\n"
        return child

    yield go
    for child in started:
        child.kill()
        child.communicate()


def titles(hub) -> list[str]:
    with hub.database.reading(system_call(EVERY_INSTITUTION)) as unit:
        return sorted(unit.session.scalars(select(Container.title)))


@pytest.mark.parametrize(
    ("step", "courses", "then"),
    [
        ("claimed", [], 201),
        ("written", [], 201),
        ("committed", ["Tides"], "idempotency_answer_lost"),
        ("kept", ["Tides"], 201),
    ],
)
async def test_a_killed_request_that_is_sent_again_has_one_effect(
    hub, client, token, start, step, courses, then
):
    child = start(step, 1)
    await asyncio.to_thread(child.communicate, "go\n")
    assert child.returncode == -9
    assert titles(hub) == courses
    client.headers["authorization"] = f"Bearer {token}"
    for _ in range(2):
        again = await client.post(COURSES, json=TIDES, headers=KEY)
        assert then in {again.status_code, again.json().get("code")}
        assert titles(hub) == ["Tides"]
    assert ("idempotent-replayed" in again.headers) is (then == 201)


async def test_twins_in_several_processes_have_one_effect(hub, start):
    children = [start("none", 6) for _ in range(3)]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = []
    for child in children:
        out, _ = await asyncio.to_thread(child.communicate)
        answers += json.loads(out)
    assert len(answers) == 18 and titles(hub) == ["Tides"]
    made = [answer for answer in answers if answer[0] == 201]
    assert len({text for _, text, _ in made}) == 1
    assert [replayed for _, _, replayed in made].count(False) == 1
    refused = [json.loads(text)["code"] for status, text, _ in answers if status != 201]
    assert set(refused) <= {"idempotency_in_progress"}
