"""What speaks for each item that a learner could open now: read at once, in few statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from bloop.graph.live import Graph
from bloop.graph.models import Coverage, Role, Standing
from bloop.learning.mastery import service as mastery
from bloop.learning.mastery.model import predict
from bloop.learning.mastery.models import Learner
from bloop.learning.models import Answer, Mastery
from bloop.learning.recommend.models import Act, RecommendationRule
from bloop.learning.recommend.queries import OPEN
from bloop.learning.recommend.ranking import Candidate
from bloop.learning.reviews.models import ReviewCard
from bloop.learning.reviews.scheduling import Remembered, chance
from bloop.learning.reviews.service import model_of
from bloop.store.statements import values_of_caller
from bloop.store.types import dumps
from bloop.store.unit import UnitOfWork

NEXT, DUE = 30, 30
"""So many concepts that can be learned now, and so many cards that are due, are looked at."""
ITEMS_OF_ONE = 4
OFF_THE_WAY = 0.5
"""What a review is worth that does not lead to the goal."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What somebody wants to know: concepts, and what they call it."""

    concepts: tuple[str, ...]
    name: str


@dataclass(slots=True)
class Known:
    """What a learner knows, by the version of their rows and of the graph."""

    p: dict[str, tuple[float, int]] = field(default_factory=dict)
    fresh: float = 0.5
    """The chance of a right answer about what they never answered."""

    def is_known(self, concept: str) -> bool:
        """Whether their answers show that they know it."""
        return self.p.get(concept, (0.0, 0))[0] >= mastery.KNOWN_FROM


def gather(unit: UnitOfWork, graph: Graph, goal: Goal | None, now: datetime) -> list[Candidate]:
    """All candidates of whoever asks, of items that they may open."""
    user = unit.call.principal.id
    known = read_known(unit, user, now)
    ready = _ready(graph, known, goal)
    cards = _due(unit, user, now)
    about = {concept: rank for rank, concept in enumerate(ready)}
    concepts = [*about, *(card.concept_id for card in cards if card.concept_id in graph.names)]
    covering = _covering(unit, concepts)
    items = {item for found in covering.values() for item, *_ in found}
    items |= {card.item_id for card in cards if card.item_id}
    rules = _rules(unit)
    items |= {item for (item, _), rule in rules.items() if rule[0] == Act.PIN}
    visible = opened(unit, items)
    tried = _answered(unit, user, visible)
    found = [
        *_of_concepts(graph, known, goal, about, covering),
        *_of_cards(unit, graph, goal, cards, covering, now),
        *(Candidate(item, "", "pinned") for (item, _), rule in rules.items() if rule[0] == Act.PIN),
    ]
    placed = (_ruled(one, visible, rules, tried) for one in found if one.item in visible)
    return [one for one in placed if one is not None]


def read_known(unit: UnitOfWork, user: str, now: datetime) -> Known:
    """What a user knows."""
    columns: Any = (Mastery.concept_id, Mastery.p, Mastery.answers)
    rows = unit.connection.execute(
        select(*columns).where(
            Mastery.institution_id == unit.institution, Mastery.user_id == user
        )
    )
    learner = unit.session.scalar(
        select(Learner).where(
            Learner.institution_id == unit.institution, Learner.user_id == user
        )
    )
    known = Known({concept: (p, answers) for concept, p, answers in rows})
    if learner is not None:
        tally = mastery.tally_of(learner)
        known.fresh = predict(mastery.parameters_of(unit), tally, {}, ["?"], now)
    return known


def _ready(graph: Graph, known: Known, goal: Goal | None) -> list[str]:
    """What can be learned now, best first; with a goal, of what leads to it."""
    snapshot = graph.snapshot
    mask = snapshot.mask([one for one in known.p if known.is_known(one)])
    if goal is None:
        return list(snapshot.next(mask, limit=NEXT))
    wanted = [one for one in goal.concepts if one in graph.names and not known.is_known(one)]
    found: dict[str, None] = {}
    for concept in wanted[:NEXT]:
        found.update(dict.fromkeys(snapshot.next(mask, concept, limit=NEXT)))
    return list(found)[:NEXT]


def _due(unit: UnitOfWork, user: str, now: datetime) -> list[ReviewCard]:
    due = (
        select(ReviewCard)
        .where(
            ReviewCard.institution_id == unit.institution,
            ReviewCard.user_id == user,
            ReviewCard.due <= now,
        )
        .order_by(ReviewCard.due, ReviewCard.subject)
        .limit(DUE)
    )
    return list(unit.session.scalars(due))


def _covering(
    unit: UnitOfWork, concepts: Collection[str | None]
) -> Mapping[str, list[tuple[str, str, str, float]]]:
    """The items of each concept: id, part, role and weight, the best first."""
    columns: Any = (
        Coverage.concept_id,
        Coverage.item_id,
        Coverage.part,
        Coverage.role,
        Coverage.weight,
    )
    rows = unit.connection.execute(
        select(*columns)
        .where(
            Coverage.institution_id == unit.institution,
            Coverage.concept_id.in_(sorted({one for one in concepts if one})),
            Coverage.role != Role.MENTIONS.value,
            Coverage.standing != Standing.REJECTED.value,
        )
        .order_by(Coverage.weight.desc(), Coverage.item_id, Coverage.part)
    )
    found: dict[str, list[tuple[str, str, str, float]]] = defaultdict(list)
    for concept, *rest in rows:
        found[concept].append(tuple(rest))  # type: ignore[arg-type]
    return found


def _rules(unit: UnitOfWork) -> dict[tuple[str, str], tuple[str, int]]:
    columns: Any = (
        RecommendationRule.item_id,
        RecommendationRule.scope,
        RecommendationRule.act,
        RecommendationRule.position,
    )
    rows = unit.connection.execute(
        select(*columns)
        .where(RecommendationRule.institution_id == unit.institution)
        .order_by(RecommendationRule.item_id, RecommendationRule.scope)
    )
    return {(item, scope): (act, position) for item, scope, act, position in rows}


def opened(unit: UnitOfWork, items: Collection[str]) -> dict[str, str]:
    """Of some items those that whoever asks may open, each with its course."""
    if not items:
        return {}
    given = {"institution": unit.institution, "ids": dumps(sorted(items))}
    caller = {name: value for name, value in values_of_caller(unit.call).items()}
    rows = unit.connection.execute(
        OPEN.select, {**{k: v for k, v in caller.items() if k in OPEN.parameters}, **given}
    )
    return {row.id: row.container for row in rows}


def _answered(unit: UnitOfWork, user: str, items: Collection[str]) -> dict[str, float]:
    """The best score of each item that was answered."""
    columns: Any = (Answer.item_id, func.max(Answer.score))
    if not items:
        return {}
    rows = unit.connection.execute(
        select(*columns)
        .where(
            Answer.institution_id == unit.institution,
            Answer.user_id == user,
            Answer.item_id.in_(sorted(items)),
        )
        .group_by(Answer.item_id)
    )
    return {item: score for item, score in rows}


def _of_concepts(
    graph: Graph,
    known: Known,
    goal: Goal | None,
    about: Mapping[str, int],
    covering: Mapping[str, Sequence[tuple[str, str, str, float]]],
) -> Iterable[Candidate]:
    """Items of what can be learned now."""
    for concept, rank in about.items():
        p, answers = known.p.get(concept, (known.fresh, 0))
        before = [graph.names[one] for one in graph.snapshot.prerequisites(concept, 1)[:2]]
        facts = {
            "concept": graph.names[concept],
            "known": before,
            "goal": goal.name if goal else None,
            "chance": round(p, 3),
            "answers": answers,
        }
        for item, part, role, weight in covering.get(concept, ())[:ITEMS_OF_ONE]:
            yield Candidate(
                item,
                "",
                "weak" if answers else "next",
                concept,
                part,
                fit=weight * (0.8 if role == Role.ASSESSES and not answers else 1.0),
                value=1 / (1 + 0.15 * rank),
                gain=1 - p,
                rank=rank,
                facts=facts,
            )


def _of_cards(
    unit: UnitOfWork,
    graph: Graph,
    goal: Goal | None,
    cards: Iterable[ReviewCard],
    covering: Mapping[str, Sequence[tuple[str, str, str, float]]],
    now: datetime,
) -> Iterable[Candidate]:
    """What is due: a question itself, or what asks about a concept, or else what explains it."""
    model = model_of(unit)
    leads = _way_to(graph, goal)
    for rank, card in enumerate(cards):
        held = Remembered(card.stability, card.difficulty, card.due, card.at, card.last)
        overdue = (now - card.due) / timedelta(days=max(1.0, card.stability))
        found = covering.get(card.concept_id or "", ())
        if card.concept_id is not None:
            if card.concept_id not in graph.names:
                continue
            asked = [one for one in found if one[2] == Role.ASSESSES] or found
            places = [(item, part) for item, part, *_ in asked[:ITEMS_OF_ONE]]
        else:
            places = [(card.item_id or "", card.part)]
        worth = leads is None or card.concept_id is None or card.concept_id in leads
        facts = {
            "concept": graph.names.get(card.concept_id or ""),
            "days": max(1, (now - card.at).days),
        }
        for item, part in places:
            yield Candidate(
                item,
                "",
                "due",
                card.concept_id,
                part,
                value=1.0 if worth else OFF_THE_WAY,
                gain=1 - chance(model, held, now),
                due=min(1.0, 0.5 + 0.5 * overdue),
                rank=rank,
                facts=facts,
            )


def _way_to(graph: Graph, goal: Goal | None) -> set[str] | None:
    if goal is None:
        return None
    found = set(goal.concepts)
    for concept in goal.concepts[:NEXT]:
        if concept in graph.names:
            found.update(graph.snapshot.prerequisites(concept))
    return found


def _ruled(
    one: Candidate,
    visible: Mapping[str, str],
    rules: Mapping[tuple[str, str], tuple[str, int]],
    tried: Mapping[str, float],
) -> Candidate | None:
    """A candidate with its course, as educators have it; None where it is hidden."""
    of_course = rules.get((one.item, ""))
    act, position = rules.get((one.item, one.concept or ""), of_course) or ("", 0)
    if Act.HIDE in {act, of_course[0] if of_course else ""}:
        return None
    fit = one.fit
    if one.kind != "due" and one.item in tried:
        fit *= 0.6 if tried[one.item] < 1 else 0.3
    if act == Act.ORDER:
        fit /= 1 + 0.2 * position
    pinned = position if act == Act.PIN and tried.get(one.item, 0.0) < 1 else None
    if one.kind == "pinned" and pinned is None:
        return None
    return replace(one, course=visible[one.item], fit=fit, pinned=pinned)


def unanswered(unit: UnitOfWork, items: Sequence[str]) -> set[str]:
    """Of some items those that whoever asks may open and has not answered."""
    visible = opened(unit, items)
    return visible.keys() - _answered(unit, unit.call.principal.id, visible).keys()
