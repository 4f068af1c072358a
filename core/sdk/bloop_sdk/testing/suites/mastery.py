"""What holds for every ``mastery`` provider: no look ahead, sane chances, models safe to read."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
import pickle
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from bloop_sdk.errors import FatalError, RetriableError
from bloop_sdk.providers.ai import (
    Answer,
    BatchMasteryProvider,
    Fitted,
    History,
    MasteryModel,
    MasteryProvider,
    Question,
    Training,
)
from bloop_sdk.testing.context import FakeContext
from bloop_sdk.testing.learners import Classroom, Learners
from bloop_sdk.testing.reading import ContractError
from bloop_sdk.testing.rules import Suite
from bloop_sdk.testing.suites.content import hold
from bloop_sdk.testing.suites.providing import ProviderCase

NEAR = 1e-3
"""How far two ways to the same chance may lie apart."""
BETTER = 0.58
"""The least AUC on learners that were not trained on; the truth reaches 0.75."""
FIT_SECONDS = 100.0
LATER = timedelta(minutes=1)

_usual: dict[str, MasteryModel] = {}


class MasteryCase(ProviderCase[Learners, MasteryProvider]):
    """A provider's class, and simulated learners."""

    def __init__(self, plugin: Any, capability: str, subject: Learners, folder: Path) -> None:
        super().__init__(plugin, capability, subject, folder)
        self.classroom = Classroom(10, mean=20.0)
        self.provider = self.another()

    def another(self) -> MasteryProvider:
        """A provider, as in a process of its own."""
        ctx = FakeContext(
            plugin_id=self.plugin.manifest.id,
            config=self.plugin.config(dict(self.subject.settings)),
            data_dir=self.folder,
            package=self.plugin.package,
        )
        return self.make(ctx)

    def histories(self, number: int, *, first: int = 0) -> list[History]:
        """What learners have answered."""
        return [one.answers for one in self.classroom.learners(number, first=first)]

    def training(self) -> Training:
        """What the rules train on."""
        number = self.subject.number
        watched = self.histories(max(2, number // 5), first=10_000)
        return Training(learners=self.histories(number), watched=watched)

    async def usual(self) -> MasteryModel:
        """The model that most rules ask, which is trained once."""
        key = f"{self.plugin.package} {type(self.provider)} {self.subject}"
        if key not in _usual:
            _usual[key] = await self.fitted()
        return _usual[key]

    async def fitted(
        self, training: Training | None = None, progress: Fitted | None = None
    ) -> MasteryModel:
        """A new model; raises ContractError where there is none in time."""
        try:
            async with asyncio.timeout(FIT_SECONDS):
                return await self.provider.fit(training or self.training(), progress)
        except TimeoutError as err:
            raise ContractError(f"fit() did not end in {FIT_SECONDS:.0f} s") from err

    async def chances(self, model: MasteryModel, history: History) -> Sequence[float]:
        """What ``evaluate`` says of one learner."""
        (found,) = await self.provider.evaluate(model.data, [history])
        _sane(found, len(history), "evaluate()")
        return found


MASTERY = Suite("`mastery`", MasteryCase)


def _sane(chances: Sequence[float], count: int, where: str) -> None:
    hold(len(chances) == count, f"{where}: {len(chances)} chances, not {count}")
    for one in chances:
        hold(math.isfinite(one) and 0 < one < 1, f"{where}: a chance of {one}")


def _same(found: Sequence[float], wanted: Sequence[float], otherwise: str) -> None:
    far = max((abs(a - b) for a, b in zip(found, wanted, strict=True)), default=0.0)
    hold(far < NEAR, f"{otherwise} (they lie {far:.4f} apart)")


def _turned(answer: Answer) -> Answer:
    return dataclasses.replace(answer, correct=not answer.correct)


@MASTERY.rule()
async def no_look_ahead(case: MasteryCase) -> None:
    """A chance is told from the answers before it: its own one and later ones change nothing."""
    model = await case.usual()
    history = list(case.histories(1, first=500)[0])
    half = len(history) // 2
    usual = await case.chances(model, history)
    turned = await case.chances(model, [*history[:half], *map(_turned, history[half:])])
    _same(usual[: half + 1], turned[: half + 1], "a later answer changes what is told before it")
    short = await case.chances(model, history[:half])
    _same(usual[:half], short, "that there are later answers changes what is told before them")


@MASTERY.rule()
async def one_step(case: MasteryCase) -> None:
    """An answer about several concepts is one step: none of them tells how the answer was."""
    model = await case.usual()
    history = list(case.histories(1, first=500)[0])
    both = dataclasses.replace(history[-1], concepts=case.classroom.concepts[:3])
    usual = await case.chances(model, [*history, both])
    turned = await case.chances(model, [*history, _turned(both)])
    _same(usual, turned, "of an answer about three concepts, one tells another")


@MASTERY.rule()
async def predict_is_evaluate(case: MasteryCase) -> None:
    """``predict`` gives what ``evaluate`` tells of the next answer, whoever else is asked about."""
    model = await case.usual()
    histories = case.histories(3, first=500)
    alone = await case.chances(model, histories[0])
    together = await case.provider.evaluate(model.data, histories)
    _same(alone, together[0], "evaluate() depends on the other learners")
    for at in (0, len(alone) // 2, len(alone) - 1):
        asked = histories[0][at]
        concepts = [*asked.concepts, *case.classroom.concepts]
        told = await case.provider.predict(model.data, histories[0][:at], concepts, asked.at)
        _sane(told, len(concepts), "predict()")
        _same(
            told[:1], alone[at : at + 1], f"answer {at}: predict() says otherwise than evaluate()"
        )


@MASTERY.rule()
async def many_are_each(case: MasteryCase) -> None:
    """``predict_many``, where there is one, gives each learner what ``predict`` gives alone."""
    provider, model = case.provider, await case.usual()
    if not isinstance(provider, BatchMasteryProvider):
        return
    long, short, other = (list(one) for one in case.histories(3, first=500))
    at, known = long[-1].at + LATER, case.classroom.concepts
    asked = [(long, known[:4]), (short[:1], known[2:3]), ([], known[:2]), (other, ())]
    asked += [(other[:5], ("never seen", *known))]
    questions = [Question(history=one, concepts=concepts, at=at) for one, concepts in asked]
    found = await provider.predict_many(model.data, questions)
    hold(len(found) == len(asked), f"predict_many(): {len(found)} answers to {len(asked)}")
    for told, (history, concepts) in zip(found, asked, strict=True):
        _sane(told, len(concepts), "predict_many()")
        alone = await provider.predict(model.data, history, concepts, at)
        _same(told, alone, "predict_many() and predict() say different things")
    hold(not await provider.predict_many(model.data, []), "predict_many() of nobody gives some")


@MASTERY.rule()
async def it_learns(case: MasteryCase) -> None:
    """On learners that it was not trained on, it tells right from wrong answers."""
    model = await case.usual()
    histories = case.histories(40, first=20_000)
    found = await case.provider.evaluate(model.data, histories)
    right: list[float] = []
    wrong: list[float] = []
    for history, chances in zip(histories, found, strict=True):
        for answer, chance in zip(history, chances, strict=True):
            (right if answer.correct else wrong).append(chance)
    wins = sum((a > b) + (a == b) / 2 for a in right for b in wrong)
    area = wins / (len(right) * len(wrong))
    hold(area > BETTER, f"its AUC is {area:.3f}; {BETTER} is what little can be asked")


@MASTERY.rule()
async def right_answers_help(case: MasteryCase) -> None:
    """Whoever gave right answers about a concept has a better chance than who gave wrong ones."""
    model = await case.usual()
    concept = case.classroom.concepts[3]
    told: list[float] = []
    for correct in (True, False):
        history = [
            dataclasses.replace(one, concepts=(concept,), correct=correct)
            for one in case.histories(1, first=500)[0][:6]
        ]
        at = history[-1].at + LATER
        told += await case.provider.predict(model.data, history, [concept], at)
    hold(told[0] > told[1], f"six right answers: {told[0]:.3f}, six wrong ones: {told[1]:.3f}")


@MASTERY.rule()
async def the_unknown(case: MasteryCase) -> None:
    """Unknown concepts, learners without answers and no concepts at all are asked for like any."""
    model = await case.usual()
    history = list(case.histories(1, first=500)[0])
    strange = dataclasses.replace(history[-1], concepts=("never seen", "\u202e", ""))
    at = history[-1].at + LATER
    for told in ([], history, [*history, strange]):
        for concepts in ([], ["never seen"], ["", case.classroom.concepts[0], "\0" * 9]):
            chances = await case.provider.predict(model.data, told, concepts, at)
            _sane(chances, len(concepts), f"predict() with {len(told)} answers")
    await case.chances(model, [strange, *history])
    found = await case.provider.evaluate(model.data, [[], history, []])
    hold([len(one) for one in found] == [0, len(history), 0], "evaluate() drops who has no answers")
    hold(not await case.provider.evaluate(model.data, []), "evaluate() of nobody gives something")


@MASTERY.rule()
async def the_same_again(case: MasteryCase) -> None:
    """The same seed and histories give the same model, and any process reads it alike."""
    first, second = await case.usual(), await case.fitted()
    history = case.histories(1, first=500)[0]
    usual = await case.chances(first, history)
    _same(usual, await case.chances(second, history), "trained again it says something else")
    case.provider = case.another()
    _same(usual, await case.chances(first, history), "another process reads it otherwise")


@MASTERY.rule()
async def little_to_learn_from(case: MasteryCase) -> None:
    """With no learners, or with few, there is a model all the same, which says what it is."""
    few = [history[:3] for history in case.histories(2)]
    several: list[list[History]] = [[], [()], few]
    for learners in several:
        model = await case.fitted(Training(learners=learners))
        hold(
            model.why.strip() and model.kind and model.version, f"{len(learners)}: it says nothing"
        )
        hold(model.is_fallback, f"of {len(learners)} learners it makes a model like any other")
        await case.chances(model, case.histories(1, first=500)[0])


@MASTERY.rule()
async def no_look_at_who(case: MasteryCase) -> None:
    """A model holds no learner's id, and does not depend on what they are called."""
    model = await case.usual()
    hold(b"learner-" not in model.data, "the model holds ids of learners")
    history = case.histories(1, first=500)[0]
    other = [dataclasses.replace(one, learner="learner-0") for one in history]
    usual = await case.chances(model, history)
    _same(usual, await case.chances(model, other), "by another name a learner knows something else")


class _Bomb:
    """Pickled, it makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.path,)


@MASTERY.rule()
async def poisoned(case: MasteryCase) -> None:
    """What is no model, or a broken one, is FatalError with a cure, and nothing of it is run."""
    model = await case.usual()
    trap = case.folder / "sprung"
    size = len(model.data)
    bad = {
        "nothing": b"",
        "noise": b"\x89noise" * 100,
        "a pickle": pickle.dumps(_Bomb(trap)),
        "a model cut in half": model.data[: size // 2],
        "a model without its end": model.data[:-1],
        "a model with a tail": model.data + b"\0" * 64,
    }
    history = case.histories(1, first=500)[0]
    for what, data in bad.items():
        try:
            await case.provider.predict(data, history, case.classroom.concepts, history[-1].at)
        except FatalError as err:
            hold(err.cure, f"{what}: {err.message!r} has no cure")
        except Exception as err:
            raise ContractError(f"{what}: {type(err).__name__}: {err}; raise FatalError") from err
        else:
            raise ContractError(f"{what} is read as a model")
        finally:
            hold(not trap.exists(), f"{what} was run")
    await case.chances(model, history)


@MASTERY.rule()
async def progress_is_told(case: MasteryCase) -> None:
    """Training tells how far it is, never goes back, and ends when its telling raises."""
    told: list[tuple[int, int, str]] = []
    await case.fitted(progress=lambda *step: told.append(step))
    hold(told, "fit() never calls progress()")
    done = [one for one, _, _ in told]
    hold(done == sorted(done), f"progress goes back: {done[:20]}")
    hold(all(0 <= one <= total for one, total, _ in told), f"progress beyond its end: {told[:5]}")
    hold(all(what.strip() for _, _, what in told), "progress does not say what is done")

    def stop(_done: int, _total: int, _what: str) -> None:
        raise RetriableError("the job was cancelled")

    try:
        await case.fitted(progress=stop)
    except RetriableError:
        return
    raise ContractError("fit() goes on when progress() raises")


@MASTERY.rule()
async def explained(case: MasteryCase) -> None:
    """The chance is that of ``predict``; reasons are in words, the weightiest first."""
    model = await case.usual()
    history = list(case.histories(1, first=500)[0])
    at = history[-1].at + LATER
    for told in ([], history):
        for concept in (case.classroom.concepts[0], "never seen"):
            why = await case.provider.explain(model.data, told, concept, at)
            chance = await case.provider.predict(model.data, told, [concept], at)
            _same([why.chance], chance, "explain() and predict() say different things")
            hold(why.evidence, "explain() gives no reason")
            effects = [abs(one.effect) for one in why.evidence]
            hold(
                effects == sorted(effects, reverse=True), f"the weightiest is not first: {effects}"
            )
            hold(all(effect <= 1 for effect in effects), f"an effect beyond 1: {effects}")
            hold(all(one.text.strip() for one in why.evidence), "a reason without words")


@MASTERY.rule()
async def at_once(case: MasteryCase) -> None:
    """Calls at once do not get into each other's way, nor into that of a training."""
    model = await case.usual()
    histories = case.histories(4, first=500)
    alone = [await case.chances(model, one) for one in histories]
    training = asyncio.create_task(case.fitted())
    try:
        found = await asyncio.gather(*(case.chances(model, one) for one in histories))
    finally:
        with contextlib.suppress(Exception):
            await training
    for one, other in zip(alone, found, strict=True):
        _same(one, other, "at once it says something else")
