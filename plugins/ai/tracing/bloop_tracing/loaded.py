"""Models read again, and asked: one way for all kinds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bloop_sdk import ConfigError
from bloop_sdk.providers.ai import History, Question
from bloop_tracing import counts, stored
from bloop_tracing.encoding import LONGEST, Steps, Vocabulary, concepts_of, encoded, grouped
from bloop_tracing.features import WIDTH, Counts
from bloop_tracing.fitting import METHODS
from bloop_tracing.stored import Stored, unreadable

if TYPE_CHECKING:
    from bloop_tracing.training import Network

WIDEST = 1024
"""More memory than for that is taken for no model, whatever it says of itself."""
MOST = 12.0
"""Logits beyond it are held there, so that no chance is 0 or 1."""


ASKED_CELLS = 16_384
"""Places of a batch of learners who are asked about, padding included."""


class Method(Protocol):
    """A model of some kind."""

    def answers(self, learners: Sequence[Steps]) -> Sequence[counts.Doubles]:
        """Logits of each learner's answers."""
        ...

    def next(self, past: Sequence[Steps], asked: Sequence[Steps]) -> Sequence[counts.Doubles]:
        """Logits of what learners may be asked next: each step of ``asked`` for itself."""
        ...


class ByCounts:
    """Counts hold all of the past."""

    def __init__(self, model: counts.CountsModel) -> None:
        self._model = model

    def answers(self, learners: Sequence[Steps]) -> Sequence[counts.Doubles]:
        """See :class:`Method`."""
        return [self._model.logits(one) for one in learners]

    def next(self, past: Sequence[Steps], asked: Sequence[Steps]) -> Sequence[counts.Doubles]:
        """See :class:`Method`."""
        del past
        return [self._model.logits(one) for one in asked]


class ByNetworks:
    """Networks and counts together."""

    def __init__(
        self,
        counted: counts.CountsModel,
        networks: Sequence[Network],
        weights: counts.Doubles,
        device: str,
    ) -> None:
        from bloop_tracing.training import device_of

        self._counted, self._weights = counted, weights
        self._device = device_of(device)
        self._networks = [one.to(self._device).eval() for one in networks]

    def answers(self, learners: Sequence[Steps]) -> Sequence[counts.Doubles]:
        """See :class:`Method`."""
        from bloop_tracing.training import logits_of

        members = [
            [self._counted.logits(one) for one in learners],
            *(logits_of(one, learners, self._device) for one in self._networks),
        ]
        return [counts.mixture(self._weights, one) for one in zip(*members, strict=True)]

    def next(self, past: Sequence[Steps], asked: Sequence[Steps]) -> Sequence[counts.Doubles]:
        """See :class:`Method`. Learners with histories of like lengths are asked about at once."""
        found = [np.zeros(len(one)) for one in asked]
        seen = [one.part(max(0, len(one) - LONGEST), len(one)) for one in past]
        places = [at for at, one in enumerate(asked) if len(one)]
        lengths = [max(1, len(seen[at]), len(asked[at])) for at in places]
        for group in grouped(lengths, ASKED_CELLS):
            some = [places[at] for at in group]
            rows = self._following([seen[at] for at in some], [asked[at] for at in some])
            for at, logits in zip(some, rows, strict=True):
                found[at] = logits
        return found

    def _following(self, past: Sequence[Steps], asked: Sequence[Steps]) -> list[counts.Doubles]:
        import torch

        from bloop_tracing.training import batch_of

        batch, question = batch_of(past, self._device), batch_of(asked, self._device)
        with torch.inference_mode():
            each = [
                np.asarray(
                    one.following(batch, question.concepts, question.features)
                    .double()
                    .cpu()
                    .numpy()
                )
                for one in self._networks
            ]
        return [
            counts.mixture(
                self._weights,
                [self._counted.logits(one), *(all_[row, : len(one)] for all_ in each)],
            )
            for row, one in enumerate(asked)
        ]


class Model:
    """A model of this plugin, read from its bytes; raises FatalError for what is none."""

    def __init__(self, data: bytes, device: str) -> None:
        found = stored.from_bytes(data)
        self.vocabulary = Vocabulary(found.concepts)
        self._method = _method(found, len(self.vocabulary), device)

    def evaluate(self, histories: Sequence[History]) -> list[list[float]]:
        """The chances of all answers."""
        learners = [encoded(self.vocabulary, one) for one in histories]
        return [_chances(one) for one in self._method.answers(learners)] if learners else []

    def predict(self, history: History, concepts: Sequence[str], at: datetime) -> list[float]:
        """The chances of some concepts now."""
        return self.predict_many([Question(history=history, concepts=tuple(concepts), at=at)])[0]

    def predict_many(self, questions: Sequence[Question]) -> list[list[float]]:
        """The same of many learners."""
        if not questions:
            return []
        past = [encoded(self.vocabulary, one.history) for one in questions]
        return [
            _chances(one)
            for one in self._method.next(past, [self._asked(one) for one in questions])
        ]

    def _asked(self, question: Question) -> Steps:
        counted = Counts()
        for answer in question.history:
            counted.add(concepts_of(answer), correct=answer.correct, at=answer.at)
        features = [counted.before((one,), question.at) for one in question.concepts]
        return Steps(
            [self.vocabulary.numbers((one,)) for one in question.concepts],
            np.zeros(len(features), np.float32),
            np.array(features, np.float32).reshape(-1, WIDTH),
        )


def _chances(logits: counts.Doubles) -> list[float]:
    chances: list[float] = (1 / (1 + np.exp(-np.clip(logits, -MOST, MOST)))).tolist()
    return chances


def _method(found: Stored, size: int, device: str) -> Method:
    try:
        counted = _counted(found, size)
        if found.kind == "counts":
            return ByCounts(counted)
        networks = _networks(found, size)
        weights = found.arrays["weights"]
    except (KeyError, ValueError, RuntimeError) as err:
        raise unreadable(f"{type(err).__name__}: {err}") from err
    if weights.shape != (len(networks) + 2,):
        raise unreadable("its arrays are of other shapes")
    return ByNetworks(counted, networks, weights, device)


def _counted(found: Stored, size: int) -> counts.CountsModel:
    names = counts.USUAL
    model = counts.CountsModel(names, found.arrays["shared"], found.arrays["own"])
    if model.own.shape != (size, len(names) + 1) or model.shared.shape != (len(names) + 1,):
        raise unreadable("its arrays are of other shapes")
    return model


def _networks(found: Stored, size: int) -> list[Network]:
    try:
        import torch
    except ImportError as err:
        raise ConfigError(
            "the model is a network, and torch is not installed",
            cure="pip install 'bloop-tracing[torch]'",
        ) from err
    from bloop_tracing.training import made

    width = found.settings["width"]
    if not 0 < width <= WIDEST:
        raise unreadable(f"a width of {width}")
    networks = []
    for kind in METHODS[found.kind]:
        start = f"{kind}."
        network = made(kind, size, width)
        network.load_state_dict(
            {
                name.removeprefix(start): torch.from_numpy(np.array(value, np.float32))
                for name, value in found.arrays.items()
                if name.startswith(start)
            }
        )
        networks.append(network)
    return networks
