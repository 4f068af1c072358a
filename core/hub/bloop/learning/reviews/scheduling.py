"""A card after an answer, by the library ``fsrs``: pure, and the same in whatever process.

Steps of minutes are left out: a card is due after whole days, the first time after one at least.
Nothing is drawn at random, so that the same answers give the same card.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from bloop.learning.log import RIGHT_FROM, Heard

if TYPE_CHECKING:
    from fsrs import Card, Rating, Scheduler

RETENTION = 0.9
"""A card is due when the chance that it is remembered has fallen to this."""
LONGEST = 3650
"""Days until the latest review: beyond ten years nobody plans, and dates come to their end."""
GOOD_FROM = 0.85
QUICK_SECONDS, SLOW_SECONDS = 5.0, 90.0
DEFAULT = "fsrs-6"


@dataclass(frozen=True, slots=True)
class Model:
    """FSRS's parameters under a name; none are those of the library."""

    version: str = DEFAULT
    parameters: tuple[float, ...] = ()


def model_of_kept(version: str, parameters: Sequence[float]) -> Model:
    """A model as it is kept; the library's own where it takes no such parameters."""
    try:
        _scheduler(tuple(parameters))
    except (TypeError, ValueError):
        return Model()
    return Model(version, tuple(parameters))


@dataclass(frozen=True, slots=True)
class Remembered:
    """A card after its answers: ``stability`` in days, ``difficulty`` 1 to 10."""

    stability: float
    difficulty: float
    due: datetime
    at: datetime
    last: str
    answers: int = 1
    lapses: int = 0


def rating_of(score: float, seconds: float | None) -> Rating:
    """Again below :data:`RIGHT_FROM`; hard if partly right or slow; easy if all right and quick."""
    from fsrs import Rating

    if score < RIGHT_FROM:
        return Rating.Again
    if score < GOOD_FROM or (seconds is not None and seconds > SLOW_SECONDS):
        return Rating.Hard
    if score >= 1 and seconds is not None and seconds <= QUICK_SECONDS:
        return Rating.Easy
    return Rating.Good


def reviewed(model: Model, card: Remembered | None, answer: Heard) -> Remembered:
    """The card after one more answer, which is not earlier than its last."""
    scheduler, rating = _scheduler(model.parameters), rating_of(answer.score, answer.seconds)
    at = answer.at.astimezone(UTC)
    after, _ = scheduler.review_card(_as_card(card), rating, at)
    assert after.stability is not None and after.difficulty is not None  # noqa: PT018
    return Remembered(
        stability=after.stability,
        difficulty=after.difficulty,
        due=after.due,
        at=at,
        last=answer.id,
        answers=1 if card is None else card.answers + 1,
        lapses=(0 if card is None else card.lapses)
        + (card is not None and answer.score < RIGHT_FROM),
    )


def replayed(model: Model, answers: Iterable[Heard]) -> Remembered | None:
    """A card from all answers about it, in whatever order they come."""
    card = None
    for answer in sorted(answers, key=lambda one: one.order):
        card = reviewed(model, card, answer)
    return card


def chance(model: Model, card: Remembered, at: datetime) -> float:
    """How likely it is that the card is remembered at a time, which the library takes in days."""
    return chance_after(model.parameters, card.stability, max(0, (at - card.at).days))


@lru_cache(10_000)
def chance_after(parameters: tuple[float, ...], stability: float, days: int) -> float:
    """The same so many whole days after the last answer, by the parameters of a model."""
    then = datetime.min.replace(tzinfo=UTC)
    card = _as_card(Remembered(stability, 1.0, then, then, ""))
    scheduler = _scheduler(parameters)
    return float(scheduler.get_card_retrievability(card, then + timedelta(days=days)))


def load(dues: Iterable[datetime], today: datetime, days: int) -> list[int]:
    """How many cards are due on each of some days; the first one has what was due before."""
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    counts = [0] * days
    for due in dues:
        day = max(0, (due - midnight) // timedelta(days=1))
        if day < days:
            counts[day] += 1
    return counts


@lru_cache(64)
def _scheduler(parameters: Sequence[float]) -> Scheduler:
    from fsrs import Scheduler

    own = {"parameters": parameters} if parameters else {}
    return Scheduler(
        **own,
        desired_retention=RETENTION,
        learning_steps=(),
        relearning_steps=(),
        maximum_interval=LONGEST,
        enable_fuzzing=False,
    )


def _as_card(card: Remembered | None) -> Card:
    from fsrs import Card, State

    if card is None:
        return Card(card_id=1, due=datetime.min.replace(tzinfo=UTC))
    return Card(
        card_id=1,
        state=State.Review,
        stability=card.stability,
        difficulty=card.difficulty,
        due=card.due,
        last_review=card.at,
    )
