"""The suite for models of mastery: a good one passes, and for every rule there is a broken one."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import pickle
import random
from datetime import timedelta
from itertools import pairwise

import pytest

from bloop_sdk import FatalError, RetriableError, UnsupportedError
from bloop_sdk.mastery import SENTENCES
from bloop_sdk.providers.ai import Evidence, Explanation, MasteryModel, MasteryProvider
from bloop_sdk.testing import Classroom, ContractError, Learners
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.suites.mastery import MASTERY, MasteryCase

PLUGIN = PluginUnderTest("bloop_shelf")
SUBJECT = Learners(number=30)


class Shares:
    """As it should be: shares of right answers, of the concept and of the learner."""

    def __init__(self, ctx):
        self.asked = 0

    async def fit(self, training, progress=None):
        counts = {}
        for done, history in enumerate(training.learners):
            if progress is not None:
                progress(done, len(training.learners), "counting")
            for answer in history:
                for concept in answer.concepts:
                    right, number = counts.get(concept, (0, 0))
                    counts[concept] = right + answer.correct, number + 1
        few = len(training.learners) < 10
        data = json.dumps({"kind": "shares", "counts": self.kept(counts, training)}).encode()
        return MasteryModel(data=data, kind="shares", version="1", why="counted", is_fallback=few)

    def kept(self, counts, training):
        return counts

    def read(self, data):
        try:
            return json.loads(data)["counts"]
        except ValueError as err:
            raise FatalError("it can't be read", cure="train a new one") from err

    async def predict(self, model, history, concepts, at):
        counts = self.read(model)
        return [self.chance(counts, history, (one,)) for one in concepts]

    def chance(self, counts, history, concepts):
        right, number = 2.4, 4.0
        for one in concepts:
            found = counts.get(one, (0, 0))
            right, number = right + 0.2 * found[0], number + 0.2 * found[1]
        for answer in history:
            weight = 4 if set(concepts) & set(answer.concepts) else 0.4
            right, number = right + weight * answer.correct, number + weight
        return (right + 0.01) / (number + 0.02)

    async def evaluate(self, model, histories):
        counts = self.read(model)
        return [self.told(counts, one) for one in histories]

    def told(self, counts, history):
        return [
            self.chance(counts, history[:at], history[at].concepts) for at in range(len(history))
        ]

    async def explain(self, model, history, concept, at):
        (chance,) = await self.predict(model, history, [concept], at)
        facts = {"answers": len(history), "right": sum(one.correct for one in history)}
        reasons = (
            Evidence(kind="others", effect=0.3, facts=facts),
            Evidence(kind="none", effect=-0.1),
        )
        return Explanation(chance=chance, evidence=reasons)


BROKEN = []


def broken(*rules):
    def note(fake):
        BROKEN.extend((rule, fake) for rule in rules)
        return fake

    return note


@broken("no_look_ahead")
class LooksAhead(Shares):
    def told(self, counts, history):
        return [self.chance(counts, history, one.concepts) for one in history]


@broken("one_step")
class Expands(Shares):
    """Each concept is a row, and the last row of an answer is told."""

    def told(self, counts, history):
        found = []
        for at, answer in enumerate(history):
            known = list(history[:at])
            known += [dataclasses.replace(answer, concepts=(one,)) for one in answer.concepts[:-1]]
            found.append(self.chance(counts, known, answer.concepts))
        return found


@broken("predict_is_evaluate")
class Sharper(Shares):
    async def predict(self, model, history, concepts, at):
        return [one**1.1 for one in await super().predict(model, history, concepts, at)]


@broken("predict_is_evaluate")
class Neighbours(Shares):
    async def evaluate(self, model, histories):
        found = await super().evaluate(model, histories)
        return [[one / len(histories) for one in each] for each in found]


class Many(Shares):
    async def predict_many(self, model, questions):
        return [await self.predict(model, one.history, one.concepts, one.at) for one in questions]


@broken("many_are_each")
class MixesLearners(Many):
    async def predict_many(self, model, questions):
        found = await super().predict_many(model, questions)
        return [found[0][: len(one)] or one for one in found]


@broken("many_are_each")
class LeavesOut(Many):
    async def predict_many(self, model, questions):
        found = await super().predict_many(model, questions)
        return [one for one in found if one]


@broken("it_learns", "right_answers_help")
class Guesses(Shares):
    def chance(self, counts, history, concepts):
        return 0.7


@broken("right_answers_help")
class Contrary(Shares):
    def chance(self, counts, history, concepts):
        return 1 - super().chance(counts, history, concepts)


@broken("the_unknown")
class KnowsAll(Shares):
    def chance(self, counts, history, concepts):
        return super().chance({one: counts[one] for one in concepts}, history, concepts)


@broken("the_unknown")
class Certain(Shares):
    def chance(self, counts, history, concepts):
        return super().chance(counts, history, concepts) if history else 1.0


@broken("the_same_again")
class Dice(Shares):
    def kept(self, counts, training):
        return {one: (random.random() * each[1], each[1]) for one, each in counts.items()}


@broken("the_same_again")
class Remembers(Shares):
    def read(self, data):
        self.asked += 1
        return super().read(data) if self.asked > 1 else {}


@broken("little_to_learn_from")
class NeedsMany(Shares):
    async def fit(self, training, progress=None):
        if len(training.learners) < 10:
            raise UnsupportedError("too few learners", cure="wait")
        return await super().fit(training, progress)


@broken("little_to_learn_from")
class Boasts(Shares):
    async def fit(self, training, progress=None):
        model = await super().fit(training, progress)
        return dataclasses.replace(model, is_fallback=False)


@broken("no_look_at_who")
class KeepsNames(Shares):
    def kept(self, counts, training):
        return {**counts, **{one[0].learner: (1, 1) for one in training.learners if one}}


@broken("no_look_at_who")
class KnowsPeople(Shares):
    def chance(self, counts, history, concepts):
        usual = super().chance(counts, history, concepts)
        return usual / 2 if history and history[0].learner == "learner-0" else usual


@broken("poisoned")
class Unpickles(Shares):
    async def fit(self, training, progress=None):
        model = await super().fit(training, progress)
        return dataclasses.replace(model, data=pickle.dumps(self.read(model.data)))

    def read(self, data):
        try:
            return json.loads(data)["counts"]
        except ValueError:
            pass
        try:
            found = pickle.loads(data)
        except Exception as err:
            raise FatalError("it can't be read", cure="train a new one") from err
        if not isinstance(found, dict):
            raise FatalError("it is none", cure="train a new one")
        return found


@broken("poisoned")
class NamesNoCure(Shares):
    def read(self, data):
        return json.loads(data)["counts"]


@broken("progress_is_told")
class Silent(Shares):
    async def fit(self, training, progress=None):
        return await super().fit(training)


@broken("progress_is_told")
class GoesBack(Shares):
    async def fit(self, training, progress=None):
        return await super().fit(
            training, progress and (lambda done, total, what: progress(total - done, total, what))
        )


@broken("progress_is_told")
class GoesOn(Shares):
    async def fit(self, training, progress=None):
        try:
            return await super().fit(training, progress)
        except RetriableError:
            return await super().fit(training)


@broken("explained")
class SaysOtherwise(Shares):
    async def explain(self, model, history, concept, at):
        usual = await super().explain(model, history, concept, at)
        return dataclasses.replace(usual, chance=usual.chance / 2)


@broken("explained")
class LeastFirst(Shares):
    async def explain(self, model, history, concept, at):
        usual = await super().explain(model, history, concept, at)
        return dataclasses.replace(usual, evidence=usual.evidence[::-1])


@broken("at_once")
class Mixes(Shares):
    async def evaluate(self, model, histories):
        self.histories = histories
        await asyncio.sleep(0.001)
        found = await super().evaluate(model, self.histories)
        return [each[: len(one)] for each, one in zip(found, histories, strict=True)]


async def check(rule, fake, folder):
    case = MasteryCase.__new__(MasteryCase)
    case.make = fake
    case.__init__(PLUGIN, "mastery", SUBJECT, folder)
    await MASTERY.rules[rule].check(case)


@pytest.mark.parametrize("rule", MASTERY.rules)
async def test_a_good_model_passes(rule, tmp_path):
    await check(rule, Shares, tmp_path)


async def test_many_at_once_are_asked_about_where_the_model_can(tmp_path):
    await check("many_are_each", Many, tmp_path)


@pytest.mark.parametrize(
    ("rule", "fake"), BROKEN, ids=[f"{rule}-{fake.__name__}" for rule, fake in BROKEN]
)
async def test_a_broken_model_breaks_the_rule(rule, fake, tmp_path):
    with pytest.raises((ContractError, KeyError, UnsupportedError)):
        await check(rule, fake, tmp_path)


def test_every_rule_is_broken_by_some_model():
    assert MASTERY.rules.keys() == {rule for rule, _ in BROKEN}


def test_a_good_model_follows_the_protocol():
    assert isinstance(Shares(None), MasteryProvider)


def test_a_reason_is_said_in_words():
    reason = Evidence(kind="recent", effect=0.2, facts={"answers": 8, "right": 6})
    assert reason.text == "Of the last 8 answers about it, 6 were right."
    assert all(text.endswith(".") for text in SENTENCES.values())


def test_simulated_learners_are_the_same_whoever_else_is_asked_for():
    classroom = Classroom(12, seed=3, mean=15)
    some = classroom.learners(5)
    assert some == Classroom(12, seed=3, mean=15).learners(5)
    assert some[3:] == classroom.learners(2, first=3)
    for one in some:
        assert len(one.answers) == len(one.chances)
        assert all(0 < chance < 1 for chance in one.chances)
        assert all(b.at - a.at > timedelta(0) for a, b in pairwise(one.answers))


def test_what_builds_on_what_is_a_graph_without_cycles():
    edges = Classroom(50).prerequisites
    assert edges
    assert all(early < late for early, late in edges)
