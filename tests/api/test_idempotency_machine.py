"""Requests with keys in any order, with faults between: never two effects of one key."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import delete, select

from bloop.accounts.sessions import system_call
from bloop.api import idempotency as edge_of_keys
from bloop.api.app import create_app
from bloop.content.models import Container
from bloop.hub import Hub
from bloop.store.errors import StoreError
from bloop.store.idempotency import RequestKey
from bloop.store.models import EVERY_INSTITUTION, IdempotencyKey
from bloop.store.unit import Outbox
from tests.support.hub import add_institution, log_in


class KilledError(BaseException):
    """What stands for the end of a process."""


@dataclass
class Done:
    """What a key's first effect was: its title, and the answer, where that was kept."""

    title: str
    answer: bytes | None


@pytest.fixture
def machine(hub_toml):
    """The class of a state machine over a migrated database."""
    hub = Hub.open(hub_toml, "api")
    loop = asyncio.new_event_loop()
    hub.tables.prepare()
    institutions = [hub.institution, add_institution(hub, "other")]
    # Two people of one institution, and one of another.
    tokens = [log_in(hub, "educator", institutions[where]).token for where in (0, 0, 1)]

    class Machine(Keys):
        """The machine on this hub."""

    Machine.hub, Machine.loop, Machine.tokens = hub, loop, tokens
    yield Machine
    loop.run_until_complete(hub.database.close())
    loop.close()


class Keys(RuleBasedStateMachine):
    """The model: which keys had their effect, with which title and which answer."""

    def __init__(self):
        super().__init__()
        self.app = create_app(self.hub)
        self.done: dict[tuple[int, str], Done] = {}
        self.effects: list[str] = []
        self.call = system_call(EVERY_INSTITUTION)
        with self.hub.database.unit(self.call) as unit:
            unit.session.execute(delete(IdempotencyKey))
            unit.session.execute(delete(Container))

    def post(self, who, key, title):
        return self.loop.run_until_complete(self.send_one(who, key, title))

    async def send_one(self, who, key, title):
        transport = httpx.ASGITransport(self.app)
        headers = {"authorization": f"Bearer {self.tokens[who]}", "idempotency-key": key}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8080", headers=headers
        ) as client:
            return await client.post("/api/v1/containers", json={"title": title})

    @rule(
        who=st.sampled_from([0, 1, 2]),
        key=st.sampled_from(["a", "b"]),
        title=st.sampled_from(["Tides", "Moons"]),
        fault=st.sampled_from([None, None, "claim", "write", "keep", "kill"]),
    )
    def send(self, who, key, title, fault):
        known = self.done.get((who, key))
        with pytest.MonkeyPatch.context() as patch:
            _inject(patch, fault)
            answer = self.post(who, key, title)
        if known is not None:
            self.expect_known(known, title, answer)
        elif fault in {"claim", "write"}:
            assert answer.status_code == 503
        else:
            self.effects.append(title)
            kept = None if fault else answer.content
            assert answer.status_code == (500 if fault == "kill" else 201)
            self.done[who, key] = Done(title, kept)

    def expect_known(self, known, title, answer):
        if title != known.title:
            assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
        elif known.answer is None:
            assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_answer_lost")
        else:
            assert (answer.status_code, answer.content) == (201, known.answer)
            assert answer.headers["idempotent-replayed"] == "true"

    @rule(
        who=st.sampled_from([0, 1, 2]),
        key=st.sampled_from(["a", "b"]),
        titles=st.lists(st.sampled_from(["Tides", "Moons"]), min_size=2, max_size=3),
    )
    def send_at_once(self, who, key, titles):
        """Beside each other, and beside somebody else with the same key."""
        other = (who + 1) % 3

        async def together():
            sent = [self.send_one(who, key, title) for title in titles]
            return await asyncio.gather(*sent, self.send_one(other, key, titles[0]))

        *answers, foreign = self.loop.run_until_complete(together())
        self.judge(who, key, list(zip(titles, answers, strict=True)))
        self.judge(other, key, [(titles[0], foreign)])

    def judge(self, who, key, sent):
        """Whoever came first had the effect; the others are its twins, or strangers to it."""
        if (who, key) not in self.done:
            ((title, first),) = [
                (title, answer)
                for title, answer in sent
                if answer.status_code == 201 and "idempotent-replayed" not in answer.headers
            ]
            self.effects.append(title)
            self.done[who, key] = Done(title, first.content)
            sent = [(title, answer) for title, answer in sent if answer is not first]
        for title, answer in sent:
            if answer.status_code == 409 and answer.json()["code"] == "idempotency_in_progress":
                assert answer.headers["retry-after"]
            else:
                self.expect_known(self.done[who, key], title, answer)

    @rule()
    def start_again(self):
        """Another process: what one remembers, the next doesn't."""
        self.app = create_app(self.hub)

    @rule()
    def a_day_passes(self):
        with self.hub.database.unit(self.call) as unit:
            unit.session.execute(delete(IdempotencyKey))
        self.done.clear()

    @invariant()
    def each_effect_is_there_once(self):
        with self.hub.database.reading(self.call) as unit:
            found = sorted(unit.session.scalars(select(Container.title)))
        assert found == sorted(self.effects)


def _inject(patch, fault):
    """Let one step fail: before the effect, with it, after it, or the process after it."""

    def fail(*_arguments, **_values):
        raise StoreError("injected")

    def die(*_arguments):
        raise KilledError

    if fault == "claim":
        patch.setattr(RequestKey, "claim", fail)
    elif fault == "write":
        patch.setattr(Outbox, "write", fail)
    elif fault == "keep":
        patch.setattr("bloop.store.idempotency.keep_answer", fail)
    elif fault == "kill":
        patch.setattr(edge_of_keys, "_keep", die)


def test_no_order_of_requests_and_faults_gives_a_second_effect(machine):
    machine.TestCase.settings = settings(
        max_examples=20 if machine.hub.embedded else 8,
        stateful_step_count=20,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    machine.TestCase("runTest").runTest()
