"""Processes that are killed at each step of a request with a key; twins in several processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from bloop.accounts.sessions import system_call
from bloop.api import idempotency
from bloop.api.app import create_app
from bloop.content.models import Container
from bloop.hub import Hub
from bloop.store.idempotency import RequestKey
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.unit import Outbox
from tests.support.forking import fork
from tests.support.hub import log_in

COURSES = "/api/v1/containers"
KEY = {"idempotency-key": "k"}
TIDES = {"title": "Tides"}


async def send_and_die(parent, path: str, token: str, step: str, requests: int) -> None:
    """Send so many requests with one key once it is told to, and be killed at a step of them."""
    die_at(step)
    hub = Hub.open(Path(path), "api")
    transport = httpx.ASGITransport(create_app(hub))
    headers = {"authorization": f"Bearer {token}", **KEY}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8080", headers=headers
    ) as client:
        await client.get(COURSES)
        parent.send("ready")
        await asyncio.to_thread(parent.recv)
        answers = await asyncio.gather(*(client.post(COURSES, json=TIDES) for _ in range(requests)))
    parent.send([(a.status_code, a.text, "idempotent-replayed" in a.headers) for a in answers])
    await hub.database.close()


def die_at(step: str) -> None:
    """Let this process be killed right after a step of keeping an answer."""
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


def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def killed_after(owner, name):
    before = getattr(owner, name)

    def then(*arguments):
        before(*arguments)
        kill()

    setattr(owner, name, then)


def run(parent, *given):
    asyncio.run(send_and_die(parent, *given))


@pytest.fixture
async def token(hub):
    return (await hub.database.run(log_in, hub, "educator", hub.institution)).token


@pytest.fixture
def start(hub, token, config_path):
    """Start a process that will send requests once it is told to."""
    started = []

    def go(step: str, requests: int):
        process, said = fork(run, str(config_path), token, step, requests)
        started.append((process, said))
        assert said.recv() == "ready"
        return process, said

    yield go
    for process, said in started:
        process.kill()
        process.join()
        said.close()


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
    child, said = start(step, 1)
    said.send("go")
    await asyncio.to_thread(child.join)
    assert child.exitcode == -signal.SIGKILL
    assert titles(hub) == courses
    client.headers["authorization"] = f"Bearer {token}"
    for _ in range(2):
        again = await client.post(COURSES, json=TIDES, headers=KEY)
        assert then in {again.status_code, again.json().get("code")}
        assert titles(hub) == ["Tides"]
    assert ("idempotent-replayed" in again.headers) is (then == 201)


async def test_twins_in_several_processes_have_one_effect(hub, start):
    children = [start("none", 6) for _ in range(3)]
    for _, said in children:
        said.send("go")
    answers = []
    for _, said in children:
        answers += await asyncio.to_thread(said.recv)
    assert len(answers) == 18 and titles(hub) == ["Tides"]
    made = [answer for answer in answers if answer[0] == 201]
    assert len({text for _, text, _ in made}) == 1
    assert [replayed for _, _, replayed in made].count(False) == 1
    refused = [json.loads(text)["code"] for status, text, _ in answers if status != 201]
    assert set(refused) <= {"idempotency_in_progress"}
