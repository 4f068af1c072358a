"""FSRS's parameters fitted on an institution's own answers, by the library's optimizer.

That needs torch and pandas (``pip install "fsrs[optimizer]"``), which the hub does not bring:
without them, or with a short history, the parameters of the library stay. Fitted ones count from
then on only if they surely foretell the answers of learners who were held out better than those
before.
"""

from __future__ import annotations

import hashlib
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from bloop.learning.log import Heard, log_of
from bloop.learning.models import Answer
from bloop.learning.reviews.scheduling import Model, chance, rating_of, reviewed
from bloop.learning.reviews.service import add_model, by_subject, model_of
from bloop.store.database import Database
from bloop.store.errors import ConflictError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

FIT_JOB = "learning.fit_reviews"
LEAST = 1000
"""So many answers after the first about the same are enough history."""
MOST = 20_000
"""The optimizer takes some five milliseconds an answer; of these it takes minutes."""
HELD_OUT = 5
"""Each fifth learner is held out."""
FEWEST_CARDS = 20
"""With fewer held-out cards that were seen again on another day nothing is decided."""

Card = Sequence[Heard]
"""The answers about one thing by one learner, in their order."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Parameters, whether they are the better ones, and the figures of that."""

    parameters: tuple[float, ...]
    better: bool
    facts: dict[str, Any]


def fit(database: Database, call: Call) -> Fitted:
    """Fit on most learners, compare on the others; raises ConflictError where that cannot be."""
    with database.reading(call) as unit:
        before = model_of(unit)
        training, held_out = _split(unit)
    counted = _again(training)
    if counted < LEAST or max(map(len, held_out), default=0) < 2:
        raise ConflictError(
            f"{counted} answers came after a first one about the same: too few to fit reviews",
            cure=f"ask again with {LEAST} or more; until then the usual parameters count",
        )
    made = Model("fitted", _optimised(training))
    facts = {
        "answers": counted,
        "before": before.version,
        "loss_before": round(log_loss(before, held_out), 5),
        "loss_fitted": round(log_loss(made, held_out), 5),
    }
    return Fitted(made.parameters, is_better(before, made, held_out), facts)


def _split(unit: UnitOfWork) -> tuple[list[Card], list[Card]]:
    """Cards of concepts, to fit on and to compare by; no more than :data:`MOST` answers of each."""
    parts: tuple[list[Card], list[Card]] = ([], [])
    left = [MOST, MOST]
    for number, user in enumerate(_users(unit)):
        which = 1 if number % HELD_OUT == 0 else 0
        if left[which] <= 0:
            continue
        cards = [
            answers
            for key, (_, answers) in by_subject(log_of(unit, user)).items()
            if key.startswith("concept:")
        ]
        parts[which].extend(cards)
        left[which] -= _again(cards)
    return parts


def _again(cards: Iterable[Card]) -> int:
    return sum(len(card) - 1 for card in cards)


def is_better(before: Model, made: Model, cards: Sequence[Card]) -> bool:
    """Whether one surely foretells better: the 95 % interval of the difference is on its side."""
    pairs = [(losses_of(before, card), losses_of(made, card)) for card in cards]
    changes = [sum(other) - sum(own) for own, other in pairs if own]
    if len(changes) < FEWEST_CARDS:
        return False
    error = statistics.stdev(changes) / math.sqrt(len(changes))
    return statistics.fmean(changes) + 1.96 * error < 0


def keep(unit: UnitOfWork, fitted: Fitted) -> str:
    """Have fitted parameters count from now on."""
    return add_model(unit, fitted.parameters, fitted.facts)


def log_loss(model: Model, cards: Iterable[Card]) -> float:
    """How badly a model foretells answers that came a day or more after the one before."""
    losses = [loss for card in cards for loss in losses_of(model, card)]
    return statistics.fmean(losses) if losses else math.inf


def losses_of(model: Model, answers: Card) -> list[float]:
    """The same, of each of these answers about one thing."""
    losses, card = [], None
    for before, answer in pairwise([None, *answers]):
        assert answer is not None
        if card is not None and before is not None and (answer.at - before.at).days >= 1:
            p = min(1 - 1e-6, max(1e-6, chance(model, card, answer.at.astimezone(UTC))))
            losses.append(-math.log(p if answer.correct else 1 - p))
        card = reviewed(model, card, answer)
    return losses


def _users(unit: UnitOfWork) -> list[str]:
    users = select(Answer.user_id).where(Answer.institution_id == unit.institution).distinct()
    # In an order that has nothing to do with when they came, of whom the first are taken.
    return sorted(
        unit.session.scalars(users), key=lambda one: hashlib.sha256(one.encode()).digest()
    )


def _optimised(cards: Iterable[Card]) -> tuple[float, ...]:
    from fsrs import Optimizer, ReviewLog

    logs = []
    for number, answers in enumerate(cards):
        for one in answers:
            rating = rating_of(one.score, one.seconds)
            logs.append(
                ReviewLog(
                    card_id=number,
                    rating=rating,
                    review_datetime=one.at.astimezone(UTC),
                    review_duration=None,
                )
            )
    try:
        optimizer = Optimizer(logs)
    except ImportError as err:
        raise ConflictError(
            "the optimizer of fsrs is not installed",
            cure='pip install "fsrs[optimizer]" beside the hub: it brings torch and pandas',
        ) from err
    return tuple(float(one) for one in optimizer.compute_optimal_parameters())
