"""What speaks for each item that a learner could open now: read at once, in few statements."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from bloop.graph.live import Graph
from bloop.graph.models import Role
from bloop.learning.mastery.model import DEFAULTS, LearnerTally, predict
from bloop.learning.recommend import queries
from bloop.learning.recommend.kept import NEXT, Covered, Goal, Kept, Known, Ready, Rules
from bloop.learning.recommend.models import Act
from bloop.learning.recommend.queries import Versions
from bloop.learning.recommend.ranking import Candidate
from bloop.learning.reviews.scheduling import Model, chance_after
from bloop.store.database import Database
from bloop.store.statements import Row, moment
from bloop.store.types import dumps
from bloop_sdk import Call

DUE = 30
"""So many cards that are due are looked at."""
OFF_THE_WAY = 0.5
"""What a review is worth that does not lead to the goal."""
_DAY = timedelta(days=1)
FEW = 300
"""So many items are looked up in the event loop; more take a thread."""


class Card(NamedTuple):
    """A card that is due."""

    concept: str | None
    item: str | None
    part: str
    stability: float
    due: datetime
    at: datetime


class Place(NamedTuple):
    """An item that may be opened: its course, whether it is done, and the best score in it.

    What is done counts as answered right.
    """

    course: str
    done: bool
    best: float | None

    @property
    def left(self) -> float:
        """What an item is still good for, by what they have got out of it."""
        if self.best is None:
            return 1.0
        return 0.6 if self.best < 1 else 0.3


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what, when, and the versions of all that the answer is made of."""

    call: Call
    graph: Graph
    goal: Goal | None
    versions: Versions
    now: datetime


class Found(NamedTuple):
    """Candidates, and the row of :data:`~queries.OPEN_TRIED` of each item."""

    candidates: list[Candidate]
    rows: Mapping[str, Row]


async def gather(database: Database, kept: Kept, asked: Asked) -> Found:
    """All candidates of whoever asks, of items that they may open."""
    call, graph, now = asked.call, asked.graph, asked.now
    known = await kept.known(call, graph, asked.versions)
    ready = await known.ready(graph, asked.goal)
    cards = _cards(await database.read(queries.OWN_DUE, call, now=now, limit=DUE), graph)
    due = {card.concept for card in cards if card.concept is not None}
    covered = await kept.covered(call, graph, ready.keys() | due, now)
    rules = await kept.rules(call, asked.versions)
    items = {item for one in ready for item, *_ in covered[one].items}
    for card in cards:
        items.update(item for item, *_ in _places(card, covered))
    pinned = [item for (item, _), rule in rules.items() if rule[0] == Act.PIN]
    rows = await opened(database, call, items.union(pinned))
    places = {item: Place(row[4], row[5], 1.0 if row[5] else row[6]) for item, row in rows.items()}
    model = await kept.model(call, asked.versions)
    found = [
        *_of_concepts(asked, known, ready, covered, places),
        *_of_cards(asked, cards, covered, places, model),
        *(_pinned(item, places[item]) for item in pinned if item in places),
    ]
    if rules:
        ruled = (_ruled(one, rules, places[one.item]) for one in found)
        found = [one for one in ruled if one is not None]
    return Found(found, rows)


async def opened(database: Database, call: Call, items: Collection[str]) -> dict[str, Row]:
    """Of some items those that whoever asks may open, as :data:`~queries.OPEN_TRIED` has them."""
    ids = dumps(sorted(items))
    if len(items) > FEW:
        rows = await asyncio.to_thread(database.read_now, queries.OPEN_TRIED, call, ids=ids)
    else:
        rows = await database.read(queries.OPEN_TRIED, call, ids=ids)
    return {row[0]: row for row in rows}


def _cards(rows: Iterable[Row], graph: Graph) -> list[Card]:
    """What is due, of concepts that are there."""
    return [
        Card(concept, item, part, stability, moment(due), moment(at))
        for concept, item, part, stability, due, at in rows
        if concept is None or concept in graph.names
    ]


def _places(card: Card, covered: Mapping[str, Covered]) -> Sequence[tuple[Any, ...]]:
    """Where a card is answered: the question, or what asks about its concept or explains it."""
    if card.item is not None:
        return ((card.item, card.part),)
    return covered[card.concept].asked if card.concept is not None else ()


def _fresh(versions: Versions, now: datetime) -> float:
    """The chance that they answer right what they never answered."""
    if not versions.learner:
        return 0.5
    tally = LearnerTally(versions.answers, versions.right, versions.surplus)
    return predict(DEFAULTS, tally, {}, ["?"], now)


def _of_concepts(
    asked: Asked,
    known: Known,
    ready: Ready,
    covered: Mapping[str, Covered],
    places: Mapping[str, Place],
) -> Iterable[Candidate]:
    """Items of what can be learned now."""
    names, never = asked.graph.names, (_fresh(asked.versions, asked.now), 0)
    for rank, (concept, leads_to) in enumerate(ready.items()):
        p, answers = known.unsure.get(concept, never)
        before, items, _ = covered[concept]
        facts = {
            "concept": names[concept],
            "known": list(before),
            "goal": leads_to,
            "chance": round(p, 3),
            "answers": answers,
        }
        for item, part, role, weight in items:
            place = places.get(item)
            if place is None:
                continue
            fit = weight * (0.8 if role == Role.ASSESSES and not answers else 1.0)
            yield Candidate(
                item,
                place.course,
                "weak" if answers else "next",
                concept,
                part,
                fit=fit * place.left,
                value=1 / (1 + 0.15 * rank),
                gain=1 - p,
                rank=rank,
                done=place.done,
                facts=facts,
            )


def _of_cards(
    asked: Asked,
    cards: Sequence[Card],
    covered: Mapping[str, Covered],
    places: Mapping[str, Place],
    model: Model,
) -> Iterable[Candidate]:
    """What is due: a question itself, or what asks about a concept, or else what explains it."""
    names, goal, now = asked.graph.names, asked.goal, asked.now
    leads = None if goal is None else asked.graph.snapshot.way_to(islice(goal.concepts, NEXT))
    for rank, card in enumerate(cards):
        concept = card.concept
        overdue = (now - card.due) / (_DAY * max(1.0, card.stability))
        days = (now - card.at).days
        gain = 1 - chance_after(model.parameters, card.stability, max(0, days))
        facts = {"concept": None if concept is None else names[concept], "days": max(1, days)}
        on_the_way = leads is None or concept is None or concept in leads
        value = 1.0 if on_the_way else OFF_THE_WAY
        for item, part, *_ in _places(card, covered):
            if place := places.get(item):
                yield Candidate(
                    item,
                    place.course,
                    "due",
                    concept,
                    part,
                    value=value,
                    gain=gain,
                    due=min(1.0, 0.5 + 0.5 * overdue),
                    rank=rank,
                    done=place.done,
                    facts=facts,
                )


def _pinned(item: str, place: Place) -> Candidate:
    return Candidate(item, place.course, "pinned", fit=place.left, done=place.done)


def _ruled(one: Candidate, rules: Rules, place: Place) -> Candidate | None:
    """A candidate as educators have it; None where it is hidden."""
    of_course = rules.get((one.item, ""))
    act, position = rules.get((one.item, one.concept or "")) or of_course or ("", 0)
    if Act.HIDE in {act, of_course[0] if of_course else ""}:
        return None
    pinned = position if act == Act.PIN and (place.best or 0.0) < 1 else None
    if one.kind == "pinned" and pinned is None:
        return None
    fit = one.fit / (1 + 0.2 * position) if act == Act.ORDER else one.fit
    return one._replace(fit=fit, pinned=pinned)
