"""What holds of the models beyond the contract: how they are chosen, kept, read and told of."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.util
import math
import sys
import threading
from datetime import timedelta

import numpy as np
import pytest

from bloop_sdk import ConfigError, FatalError
from bloop_sdk.providers.ai import Training
from bloop_sdk.testing import Classroom, FakeContext
from bloop_tracing import counts, fitting, stored
from bloop_tracing.config import TracingConfig
from bloop_tracing.encoding import LONGEST, UNKNOWN, Vocabulary, encoded, grouped
from bloop_tracing.explaining import explain
from bloop_tracing.loaded import Model
from bloop_tracing.provider import Tracing

CLASSROOM = Classroom(8, seed=4, mean=20)
LEARNERS = [one.answers for one in CLASSROOM.learners(60)]
WATCHED = [one.answers for one in CLASSROOM.learners(15, first=1000)]
HISTORY = CLASSROOM.learners(1, first=2000)[0].answers
TRAINING = Training(learners=LEARNERS, watched=WATCHED)
SMALL = {"min_learners": 20, "min_answers": 200, "epochs": 3, "width": 8}
IS_WORTH_IT = fitting.is_worth_it
LATER = HISTORY[-1].at + timedelta(days=3)

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs torch: the extra `torch`"
)


def fit(training=TRAINING, progress=None, **settings):
    config = TracingConfig(**{**SMALL, **settings})
    return fitting.fit(config, training, fitting.told_of(config, progress))


@pytest.fixture(scope="module", autouse=True)
def _networks():
    """So few learners are better foretold by counts; here it is about networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "is_worth_it", lambda *_: True)
        yield


@pytest.fixture(scope="module")
def mixed():
    return fit()


@needs_torch
@pytest.mark.parametrize("method", ["attention", "dkt"])
def test_each_network_can_be_had_alone(method):
    model = fit(method=method)
    assert model.kind == method
    chances = Model(model.data, "cpu").evaluate([HISTORY])
    assert len(chances[0]) == len(HISTORY)


@needs_torch
def test_the_seed_decides_down_to_the_bytes(mixed):
    assert mixed.kind == "mixed" and not mixed.is_fallback
    assert fit().data == mixed.data
    other = fit(dataclasses.replace(TRAINING, seed=1))
    assert other.data != mixed.data
    assert mixed.facts["learners"] == 60 and mixed.facts["log_loss"] < 0.69


@needs_torch
async def test_a_training_that_is_cancelled_ends(monkeypatch):
    """Its thread too, which nobody waits for any more."""
    config = TracingConfig(**{**SMALL, "epochs": 100})
    ended, begun = threading.Event(), threading.Event()
    usual = fitting.train

    def train(*given):
        try:
            return usual(*given)
        finally:
            ended.set()

    monkeypatch.setattr(fitting, "train", train)
    provider = Tracing(FakeContext(config=config))
    task = asyncio.create_task(provider.fit(TRAINING, lambda *_: begun.set()))
    assert await asyncio.to_thread(begun.wait, 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 60)


@needs_torch
def test_a_long_history_is_read_in_parts_that_agree(mixed):
    model = Model(mixed.data, "cpu")
    times = -(-(LONGEST + 300) // len(HISTORY))
    long = [
        dataclasses.replace(one, at=one.at + timedelta(days=365 * turn))
        for turn in range(times)
        for one in HISTORY
    ]
    (found,) = model.evaluate([long])
    assert len(found) == len(long) and all(0 < one < 1 for one in found)
    for at in (LONGEST // 2 - 1, LONGEST // 2, LONGEST + 100):
        (told,) = model.predict(long[:at], long[at].concepts, long[at].at)
        assert told == pytest.approx(found[at], abs=1e-3)


@needs_torch
def test_where_networks_do_no_better_counts_are_taken(monkeypatch):
    monkeypatch.setattr(fitting, "is_worth_it", IS_WORTH_IT)
    monkeypatch.setattr(fitting, "mixed", lambda members, correct: np.array([9.0, 0.0, 0.0, 0.0]))
    model = fit()
    assert model.is_fallback and model.kind == "counts" and "no better" in model.why


def test_without_torch_counts_are_taken_and_it_is_said(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    model = fit()
    assert model.is_fallback and "pip install 'bloop-tracing[torch]'" in model.why


@needs_torch
def test_a_network_can_not_be_read_without_torch(monkeypatch, mixed):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigError, match="torch is not installed"):
        Model(mixed.data, "cpu")


@needs_torch
@pytest.mark.parametrize(
    ("settings", "why"),
    [({"min_learners": 61}, "61 learners: there are 60"), ({"min_answers": 10**6}, "answers")],
)
def test_what_is_too_little_is_said(settings, why):
    assert why in fit(**settings).why


def test_where_nobody_is_watched_some_are_held_out():
    learned = fitting.learned_of(Training(learners=LEARNERS, seed=3))
    assert (len(learned.learners), len(learned.watched)) == (54, 6)


def test_a_rare_concept_is_an_unknown_one():
    odd = dataclasses.replace(HISTORY[0], concepts=("odd",))
    vocabulary = Vocabulary.of([*LEARNERS, [odd] * 4])
    assert vocabulary.numbers(("odd",)) == (UNKNOWN,) == vocabulary.numbers(())
    assert vocabulary.names == CLASSROOM.concepts


def test_groups_hold_each_sequence_once_and_are_no_larger_than_asked():
    lengths = [3, 50, 7, 200, 1, 90, 90, 12]
    for chance in (None, np.random.default_rng(1)):
        found = list(grouped(lengths, 200, chance))
        assert sorted(at for group in found for at in group) == list(range(8))
        assert all(max(lengths[at] for at in group) * len(group) <= 200 for group in found)
    assert list(grouped([], 200)) == []


def test_counts_tell_more_than_the_share_of_right_answers():
    vocabulary = Vocabulary.of(LEARNERS)
    steps = [encoded(vocabulary, one) for one in LEARNERS]
    tested = [encoded(vocabulary, one) for one in WATCHED]
    correct = np.concatenate([one.correct for one in tested])
    share = np.concatenate([one.correct for one in steps]).mean()
    usual = fitting.log_loss(np.full(len(correct), math.log(share / (1 - share))), correct)
    for names in (counts.PFA, counts.USUAL):
        model = counts.fitted(steps, len(vocabulary), names)
        logits = np.concatenate([model.logits(one) for one in tested])
        assert fitting.log_loss(logits, correct) < usual


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "gold"}, "KeyError"),
        ({"concepts": ("only",)}, "shapes"),
        ({"settings": {}}, "KeyError"),
        ({"settings": {"width": 10**6}}, "a width of"),
        ({"settings": {"width": 9}}, "RuntimeError|ValueError"),
        ({"arrays": {}}, "KeyError"),
    ],
)
@needs_torch
def test_a_model_that_contradicts_itself_is_refused(mixed, change, why):
    altered = dataclasses.replace(stored.from_bytes(mixed.data), **change)
    with pytest.raises(FatalError, match=why) as caught:
        Model(stored.to_bytes(altered), "cpu")
    assert caught.value.code == "model_unreadable"


@needs_torch
def test_a_model_with_numbers_that_are_none_or_of_another_version_is_refused(mixed, monkeypatch):
    found = stored.from_bytes(mixed.data)
    broken = {**found.arrays, "shared": found.arrays["shared"] * np.nan}
    with pytest.raises(FatalError, match="numbers are none"):
        Model(stored.to_bytes(dataclasses.replace(found, arrays=broken)), "cpu")
    monkeypatch.setattr(stored, "VERSION", "tracing-2")
    with pytest.raises(FatalError, match="its version is tracing-1"):
        Model(mixed.data, "cpu")


def test_reasons_say_what_the_answers_do():
    model = Model(fit(min_learners=1000).data, "cpu")
    concept = HISTORY[-1].concepts[0]
    right = [dataclasses.replace(one, correct=concept in one.concepts) for one in HISTORY]
    why = explain(model, right, concept, LATER)
    reasons = {one.kind: one for one in why.evidence}
    own = reasons.get("answers") or reasons["recent"]
    assert own.effect > 0 > reasons["others"].effect
    assert own.facts["answers"] == own.facts["right"]
    assert reasons["forgotten"].facts == {"days": 3}
    (alone,) = explain(model, [], "never seen", LATER).evidence[:1]
    assert alone.kind in {"unknown", "none"}


@needs_torch
def test_cuda_says_what_the_cpu_does(mixed):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    on_cpu, on_cuda = (Model(mixed.data, one).evaluate([HISTORY]) for one in ("cpu", "cuda"))
    assert on_cuda[0] == pytest.approx(on_cpu[0], abs=1e-3)
