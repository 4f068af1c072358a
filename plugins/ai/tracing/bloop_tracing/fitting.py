"""From histories to a model: by networks where there is enough, else by counts."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bloop_sdk import RetriableError
from bloop_sdk.providers.ai import Fitted, MasteryModel, Training
from bloop_tracing import counts, stored
from bloop_tracing.config import TracingConfig
from bloop_tracing.encoding import Steps, Vocabulary, encoded
from bloop_tracing.stored import Arrays, Stored

if TYPE_CHECKING:
    from bloop_tracing.training import Trained

WATCHED = 10
"""Where nobody is watched, each tenth learner is."""
MIXED = 10.0
"""How strongly members of a mixture are drawn to counting alike."""
METHODS = {"mixed": ("attention", "dkt"), "attention": ("attention",), "dkt": ("dkt",)}
"""The networks of each method."""


@dataclass(frozen=True, slots=True)
class Learned:
    """Learners in numbers, and what to do with them."""

    vocabulary: Vocabulary
    learners: Sequence[Steps]
    watched: Sequence[Steps]
    seed: int

    @property
    def answers(self) -> int:
        """How many there are to train on."""
        return sum(map(len, self.learners))


class Told:
    """Steps done of all, told by whichever thread does one; what telling raises ends them all."""

    def __init__(self, progress: Fitted | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        self._turn = threading.Lock()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Have all threads end soon."""
        self._stopped.set()

    def check(self) -> None:
        """Raise RetriableError where the training was stopped; cheap enough for each batch."""
        if self._stopped.is_set():
            raise RetriableError("the training was stopped")

    def step(self, what: str) -> None:
        """One more; raises what the listener raises."""
        with self._turn:
            self._done = min(self._done + 1, self._total)
            if self._progress is not None:
                try:
                    self._progress(self._done, self._total, what)
                except BaseException:
                    self.stop()
                    raise


def told_of(config: TracingConfig, progress: Fitted | None) -> Told:
    """What a training tells, and is stopped by."""
    return Told(progress, len(METHODS[config.method]) * config.epochs + 2)


def fit(config: TracingConfig, training: Training, told: Told) -> MasteryModel:
    """Train; see :meth:`bloop_sdk.providers.ai.MasteryProvider.fit`."""
    learned = learned_of(training)
    told.step("counting answers")
    plain = counts.fitted(learned.learners, len(learned.vocabulary))
    reason = too_little(config, learned)
    if reason is None:
        networks = train(config, learned, told)
        model = chosen(config, learned, plain, networks)
    else:
        model = by_counts(learned, plain, reason)
    told.step("done")
    return model


def learned_of(training: Training) -> Learned:
    """The learners in numbers; where none are watched, some of those to train on are."""
    learners, watched = list(training.learners), list(training.watched)
    if not any(watched):
        order = np.random.default_rng(training.seed).permutation(len(learners)).tolist()
        cut = len(learners) // WATCHED
        watched = [learners[at] for at in sorted(order[:cut])]
        learners = [learners[at] for at in sorted(order[cut:])]
    vocabulary = Vocabulary.of(learners)
    return Learned(
        vocabulary,
        [encoded(vocabulary, one) for one in learners if one],
        [encoded(vocabulary, one) for one in watched if one],
        training.seed,
    )


def too_little(config: TracingConfig, learned: Learned) -> str | None:
    """Why no network is trained, should that be so."""
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed: pip install 'bloop-tracing[torch]'"
    if len(learned.learners) < config.min_learners:
        return f"a network needs {config.min_learners} learners: there are {len(learned.learners)}"
    if not learned.watched:
        return "nobody is left to be watched"
    if learned.answers < config.min_answers:
        return f"a network needs {config.min_answers} answers: there are {learned.answers}"
    return None


def train(config: TracingConfig, learned: Learned, told: Told) -> Sequence[Trained]:
    """All members, on a CPU each in a thread of its own: torch computes without the lock."""
    import torch

    from bloop_tracing.training import Recipe, Trainer, device_of

    device = device_of(config.device)
    if device.type == "cpu":
        torch.set_num_threads(config.threads)
    size = len(learned.vocabulary)

    def run(kind: str) -> Trained:
        trainer = Trainer(Recipe(kind, config.width, config.epochs), size, learned.seed, device)
        return trainer.run(
            learned.learners, learned.watched, lambda: told.step("training"), told.check
        )

    kinds = METHODS[config.method]
    with ThreadPoolExecutor(1 if device.type == "cuda" else len(kinds)) as pool:
        return list(pool.map(run, kinds))


def chosen(
    config: TracingConfig,
    learned: Learned,
    plain: counts.CountsModel,
    networks: Sequence[Trained],
) -> MasteryModel:
    """Networks and counts together, unless counts alone do better on the watched learners."""
    from bloop_tracing.training import device_of, logits_of

    device = device_of(config.device)
    each = [[plain.logits(one) for one in learned.watched]]
    each += [logits_of(one.network, learned.watched, device) for one in networks]
    members = [np.concatenate(one) for one in each]
    correct = np.concatenate([one.correct for one in learned.watched]).astype(np.float64)
    weights = mixed(members, correct)
    loss = log_loss(counts.mixture(weights, members), correct)
    other = log_loss(members[0], correct)
    if not is_worth_it(loss, other, len(weights), len(correct)):
        return by_counts(
            learned, plain, f"networks do no better: log loss {loss:.4f}, counts {other:.4f}"
        )
    arrays: Arrays = {"weights": weights, "shared": plain.shared, "own": plain.own}
    for kind, one in zip(METHODS[config.method], networks, strict=True):
        for name, value in one.network.state_dict().items():
            arrays[f"{kind}.{name}"] = value.detach().cpu().contiguous().numpy()
    kept = Stored(config.method, learned.vocabulary.names, {"width": config.width}, arrays)
    return MasteryModel(
        data=stored.to_bytes(kept),
        kind=config.method,
        version=stored.VERSION,
        why=f"on watched learners its log loss is {loss:.4f}, that of counts {other:.4f}",
        facts={
            **_facts(learned),
            "log_loss": loss,
            "log_loss_counts": other,
            "epochs": max(one.epochs for one in networks),
        },
    )


def is_worth_it(loss: float, other: float, weights: int, answers: int) -> bool:
    """Whether a mixture beats counts by more than its weights could by chance (Akaike 1974)."""
    return loss + weights / answers < other


def mixed(members: Sequence[counts.Doubles], correct: counts.Doubles) -> counts.Doubles:
    """How much each member counts: a bias and a weight each, counts first.

    Drawn to the mean of the networks, the more the fewer answers there are (stacking, Wolpert
    1992).
    """
    networks = len(members) - 1
    usual = np.array([0.0, 0.0, *[1 / networks] * networks])
    inputs = np.stack([np.ones(len(correct)), *members], 1)
    ones = np.ones(len(correct))
    return usual + counts.newton(inputs, correct, ones, inputs @ usual, MIXED)


def by_counts(learned: Learned, plain: counts.CountsModel, why: str) -> MasteryModel:
    """The plainer model, which says why it is."""
    arrays: Arrays = {"shared": plain.shared, "own": plain.own}
    return MasteryModel(
        data=stored.to_bytes(Stored("counts", learned.vocabulary.names, {}, arrays)),
        kind="counts",
        version=stored.VERSION,
        why=why,
        is_fallback=True,
        facts=_facts(learned),
    )


def log_loss(logits: counts.Doubles, correct: counts.Doubles) -> float:
    """The mean log loss of all answers, in nats."""
    return float(np.mean(np.logaddexp(0, logits) - correct * logits))


def _facts(learned: Learned) -> dict[str, float]:
    return {
        "learners": len(learned.learners),
        "answers": learned.answers,
        "concepts": len(learned.vocabulary.names),
    }
