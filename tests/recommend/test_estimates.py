"""The model in use is what mastery says: after answers, a take-over and a roll-back, or why not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, update

from bloop.accounts.sessions import system_call
from bloop.hub import Hub, estimating
from bloop.jobs.models import Job
from bloop.learning.mastery.model import DEFAULTS
from bloop.learning.mastery.models import Learner
from bloop.learning.models import Mastery
from bloop.learning.training import estimates, service
from bloop.learning.training.models import TrainedModel, Upkeep
from bloop.learning.training.queries import DUE_UPKEEP, UPKEEP
from bloop.store.types import utcnow
from bloop_sdk import FatalError, RetriableError, Role
from bloop_sdk.providers.ai import Training
from bloop_sdk.testing import Classroom
from tests.recommend.estimating import put_in_use, said
from tests.support.database import make_call, make_system_call

LATER = utcnow() + timedelta(hours=1)

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)


@pytest.fixture
async def hub(hub_toml):
    """A hub with the real plugin, in which nothing starts by itself."""
    with hub_toml.open("a") as file:
        file.write("[plugins.tracing]\nenabled = true\n")
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    await asyncio.to_thread(hub.load_plugins)
    yield hub
    await hub.database.close()


@pytest.fixture
def database(hub):
    return hub.database


@pytest.fixture
def call(hub):
    return make_call(hub.institution, Role.ADMIN)


class Running:
    """A job that runs, and is stopped after some reports."""

    def __init__(self, reports=99):
        self.reports = reports

    def progress(self, *_):
        self.reports -= 1
        if self.reports < 0:
            raise RetriableError("its worker stops")

    def check(self):
        """It goes on."""


@pytest.fixture
def bring(hub):
    async def run(running=None, **options):
        call = system_call(hub.institution)
        return await estimating.bring_in_line(hub, call, running or Running(), **options)

    return run


@pytest.fixture
def rows(command):
    def read(unit):
        found = select(Mastery.user_id, Mastery.model, Mastery.p).order_by(
            Mastery.user_id, Mastery.concept_id
        )
        return [tuple(row) for row in unit.session.execute(found)]

    return lambda: command(read)


@pytest.fixture
def people(learner, lesson, answer):
    """Learners who have answered about two concepts."""
    acids, bases = (lesson(name, name, role="assesses") for name in ("Acid", "Base"))
    found = [learner() for _ in range(5)]
    for number, one in enumerate(found):
        answer(one, (acids, 1.0, 0), (bases, float(number % 2), 1))
    return SimpleNamespace(calls=found, acids=acids, bases=bases)


class Fake:
    """A plugin's provider, which counts how often it is asked; no `predict_many`."""

    def __init__(self):
        self.asked, self.failing = 0, None

    async def predict(self, _model, history, concepts, at):
        self.asked += 1
        if self.failing is not None:
            raise self.failing
        return said(SimpleNamespace(history=history, concepts=concepts, at=at))

    async def explain(self, *_):
        raise self.failing


@pytest.fixture
def fake(monkeypatch):
    made = Fake()

    async def provider_of(_hub, _call, _capability, plugin):
        return plugin, made

    monkeypatch.setattr(estimating, "provider_of", provider_of)
    return made


async def test_a_trained_model_of_the_plugin_is_what_mastery_says(
    hub, command, call, people, concepts, bring, rows
):
    """By counts, which need no torch: fitted by the plugin, in use, rolled back, switched off."""
    by_core = rows()
    assert {model for _, model, _ in by_core} == {DEFAULTS.version}
    _, provider = await estimating.provider_of(hub, call, "mastery")
    room = Classroom(2, mean=8).learners(30)
    made = await provider.fit(Training(learners=[one.answers for one in room]))
    id_ = command(put_in_use, data=made.data, kind=made.kind)
    assert await bring() == {"model": f"counts-{id_}", "learners": 5, "fault": "", "detail": ""}
    trained = rows()
    assert {model for _, model, _ in trained} == {f"counts-{id_}"}
    assert all(0 < p < 1 for *_, p in trained) and trained != by_core

    lea, acid = people.calls[0], concepts["Acid"]
    why = await estimating.explain(hub, lea, lea.principal.id, acid)
    (p,) = [p for user, _, p in trained[:1] if user == lea.principal.id]
    assert (why["model"], why["kind"], why["p"], why["stands_in"]) == (
        f"counts-{id_}", "counts", pytest.approx(p, abs=2e-6), "",
    )  # fmt: skip
    new = await estimating.explain(hub, call, "nobody", acid)
    assert (new["model"], new["stands_in"]) == (DEFAULTS.version, "new")
    assert [one["kind"] for one in new["evidence"]] == ["none", "unknown"]

    assert (await bring())["learners"] == 0  # All are in line.
    command(service.use, service.CORE)
    assert (await bring())["model"] == "core"
    assert rows() == by_core
    command(service.use, id_)
    await bring()
    assert rows() == trained
    command(lambda unit: unit.session.execute(update(Upkeep).values(due_at=LATER)))
    text = hub.config.path.read_text()
    hub.config.path.write_text(text.replace("enabled = true", "enabled = false"))
    await hub.reconfigure(Hub.open(hub.config.path, "cli").config)
    assert command(lambda unit: unit.session.scalar(select(Upkeep.due_at))) <= utcnow()
    assert (await estimating.explain(hub, lea, lea.principal.id, acid))["stands_in"] == "off"
    told = await bring()
    assert (told["fault"], told["learners"]) == ("off", 5)
    assert rows() == by_core
    shown = await hub.database.read_one(UPKEEP, call)
    assert shown[:2] == ("off", "the plugin tracing, which made it, is not in use here")


@pytest.mark.parametrize("data", [b"", b"\x89noise" * 100], ids=["missing", "poisoned"])
async def test_a_model_that_cannot_be_read_leaves_it_to_the_core(
    hub, command, people, concepts, bring, rows, data
):
    by_core = rows()
    command(put_in_use, data=data)
    told = await bring()
    assert (told["fault"], rows()) == ("broken", by_core)
    assert "train a new one" in told["detail"]
    lea = people.calls[0]
    why = await estimating.explain(hub, lea, lea.principal.id, concepts["Acid"])
    assert (why["model"], why["stands_in"]) == (DEFAULTS.version, "broken")


async def test_an_answer_counts_at_once_by_the_core_and_then_by_the_model(
    hub, command, people, answer, concepts, bring, rows, fake
):
    id_ = command(put_in_use)
    await bring()
    assert fake.asked == 5
    lea = people.calls[0]
    versions = dict(
        command(lambda unit: unit.session.execute(select(Learner.user_id, Learner.version)).all())
    )
    answer(lea, (people.acids, 0.0, 2))
    mine = [model for user, model, _ in rows() if user == lea.principal.id]
    assert sorted(mine) == [DEFAULTS.version, f"counts-{id_}"]
    why = await estimating.explain(hub, lea, lea.principal.id, concepts["Acid"])
    assert why["stands_in"] == "waiting"
    await bring()
    assert fake.asked == 6  # Nobody else was out of line.
    assert {model for _, model, _ in rows()} == {f"counts-{id_}"}
    again = dict(
        command(lambda unit: unit.session.execute(select(Learner.user_id, Learner.version)).all())
    )
    assert {user for user in again if again[user] != versions[user]} == {lea.principal.id}


async def test_what_was_begun_goes_on_where_it_was_stopped(
    command, people, bring, rows, fake, monkeypatch
):
    monkeypatch.setattr(estimates, "LEARNERS", 2)
    id_ = command(put_in_use)
    with pytest.raises(RetriableError, match="its worker stops"):
        await bring(Running(1), last=False)
    assert fake.asked == 4
    assert (await bring())["learners"] == 1
    assert fake.asked == 5
    assert {model for _, model, _ in rows()} == {f"counts-{id_}"}


async def test_a_plugin_that_fails_for_now_is_tried_again_before_the_core_stands_in(
    command, people, bring, rows, fake
):
    by_core = rows()
    id_ = command(put_in_use)
    await bring()
    fake.failing = RetriableError("busy")
    command(lambda unit: unit.session.execute(update(Learner).values(version=Learner.version + 1)))
    trained = rows()
    with pytest.raises(RetriableError, match="busy"):
        await bring(last=False)
    assert rows() == trained
    assert (await bring(last=True))["fault"] == "broken"
    assert rows() == by_core
    fake.failing = None
    assert (await bring())["fault"] == ""
    assert {model for _, model, _ in rows()} == {f"counts-{id_}"}
    fake.failing = FatalError("it is none", cure="train")
    command(lambda unit: unit.session.execute(update(Learner).values(version=Learner.version + 1)))
    assert (await bring(last=False))["fault"] == "broken"


@pytest.mark.parametrize(
    "wrong", [[], [0.5], [0.5, float("nan")], [0.5, 1.2], ["a", 0.1], None], ids=str
)
async def test_what_is_no_answer_is_not_kept(command, people, bring, rows, fake, wrong):
    by_core = rows()

    async def predict(*_):
        return wrong

    fake.predict = predict
    command(put_in_use)
    told = await bring()
    assert (told["fault"], rows()) == ("broken", by_core)
    assert "no answer" in told["detail"]


async def test_the_clock_asks_for_one_job_soon_after_answers(
    hub, command, people, answer, bring, fake
):
    """And for none where nothing was ever trained, or while the model can't be asked."""
    everywhere = make_system_call("*")

    def due(seconds=0):
        now = utcnow() + timedelta(seconds=seconds)
        found = bool(hub.database.read_now(DUE_UPKEEP, everywhere, now=now))
        with hub.database.unit(everywhere) as unit:
            assert estimates.fire(unit, now, hub.jobs.enqueue) == found
        return found

    def jobs(state=None):
        def read(unit):
            if state is not None:
                unit.session.execute(update(Job).values(state=state))
            return unit.session.scalars(select(Job.kind)).all()

        return command(read)

    assert not due()
    command(put_in_use)
    assert due() and jobs() == [estimates.ESTIMATE_JOB]
    assert due(2) and len(jobs()) == 1  # Nobody was asked about yet: but that is under way.
    await bring()
    jobs("succeeded")
    assert not due(5)
    answer(people.calls[0], (people.acids, 1.0, 5))
    assert due(5) and len(jobs()) == 2
    jobs("succeeded")
    fake.failing = FatalError("it is none", cure="train")
    await bring()
    answer(people.calls[0], (people.acids, 1.0, 6))
    assert not due(20)  # Not for each answer, while it can't be asked.
    assert due(400) and len(jobs()) == 3
    jobs("succeeded")
    command(service.use, command(lambda unit: unit.session.scalar(select(TrainedModel.id))))
    assert due() and len(jobs()) == 4
    command(service.use, service.CORE)
    await bring()
    jobs("succeeded")
    answer(people.calls[0], (people.acids, 1.0, 7))
    assert not due(10_000)
