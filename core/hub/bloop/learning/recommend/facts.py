"""What speaks for each item that a learner could open now: read at once, in few statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, Protocol

from bloop.graph.live import Graph
from bloop.graph.models import Role
from bloop.learning.mastery import service as mastery
from bloop.learning.mastery.model import DEFAULTS, LearnerTally, predict
from bloop.learning.recommend import queries
from bloop.learning.recommend.models import Act
from bloop.learning.recommend.ranking import Candidate
from bloop.learning.reviews.scheduling import Model, Remembered, chance, model_of_kept
from bloop.store.database import Database
from bloop.store.statements import Row, Statement, moment, parsed
from bloop.store.types import dumps
from bloop_sdk import Call

NEXT, DUE = 30, 30
"""So many concepts that can be learned now, and so many cards that are due, are looked at."""
ITEMS_OF_ONE = 4
OFF_THE_WAY = 0.5
"""What a review is worth that does not lead to the goal."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What somebody wants to know: concepts, each with what it is for: itself, or a course."""

    concepts: Mapping[str, str]

    @property
    def name(self) -> str:
        """What it is all for."""
        return ", ".join(dict.fromkeys(self.concepts.values()))


@dataclass(slots=True)
class Known:
    """What a learner knows, by the version of their rows and of the graph."""

    p: dict[str, tuple[float, int]] = field(default_factory=dict)
    fresh: float = 0.5
    """The chance of a right answer about what they never answered."""

    def is_known(self, concept: str) -> bool:
        """Whether their answers show that they know it."""
        return self.p.get(concept, (0.0, 0))[0] >= mastery.KNOWN_FROM


class Read(Protocol):
    """Runs a registered read of whoever asks."""

    def __call__(self, statement: Statement, **parameters: Any) -> Sequence[Row]:
        """All rows."""
        ...


class Card(NamedTuple):
    """A card that is due."""

    concept: str | None
    item: str | None
    part: str
    held: Remembered


def reader_of(database: Database, call: Call) -> Read:
    """Reads of whoever calls; from a thread."""
    return partial(database.read_now, call=call)


def gather(read: Read, graph: Graph, goal: Goal | None, now: datetime) -> list[Candidate]:
    """All candidates of whoever asks, of items that they may open."""
    known = read_known(read, now)
    ready = _ready(graph, known, goal)
    cards = _due(read, now)
    due = {card.concept for card in cards if card.concept in graph.names}
    covering = _covering(read, ready.keys() | due)
    items = {item for found in covering.values() for item, *_ in found[:ITEMS_OF_ONE]}
    items |= {card.item for card in cards if card.item}
    rules = {(item, scope): (act, at) for item, scope, act, at in read(queries.ALL_RULES)}
    pinned = [item for (item, _), rule in rules.items() if rule[0] == Act.PIN]
    visible = opened(read, items.union(pinned))
    tried = _tried(read, visible)
    found = [
        *_of_concepts(graph, known, ready, covering),
        *_of_cards(read, graph, goal, cards, covering, now),
        *(Candidate(item, "", "pinned") for item in pinned),
    ]
    placed = (_ruled(one, visible, rules, tried) for one in found if one.item in visible)
    return [one for one in placed if one is not None]


def read_known(read: Read, now: datetime) -> Known:
    """What whoever asks knows."""
    known = Known({concept: (p, answers) for concept, p, answers in read(queries.OWN_MASTERY)})
    for answers, right, surplus in read(queries.OWN_TALLY):
        tally = LearnerTally(answers, right, surplus)
        known.fresh = predict(DEFAULTS, tally, {}, ["?"], now)
    return known


def _ready(graph: Graph, known: Known, goal: Goal | None) -> dict[str, str | None]:
    """What can be learned now, best first, each with what it leads to where there is a goal."""
    snapshot = graph.snapshot
    mask = snapshot.mask([one for one in known.p if known.is_known(one)])
    if goal is None:
        return dict.fromkeys(snapshot.next(mask, limit=NEXT))
    wanted = [one for one in goal.concepts if one in graph.names and not known.is_known(one)]
    found: dict[str, str | None] = {}
    for concept in wanted[:NEXT]:
        for one in snapshot.next(mask, concept, limit=NEXT):
            found.setdefault(one, goal.concepts[concept])
    return dict(islice(found.items(), NEXT))


def _due(read: Read, now: datetime) -> list[Card]:
    rows = read(queries.OWN_DUE, now=now, limit=DUE)
    return [
        Card(concept, item, part, Remembered(stability, difficulty, moment(due), moment(at), ""))
        for concept, item, part, stability, difficulty, due, at in rows
    ]


def _covering(
    read: Read, concepts: Collection[str | None]
) -> Mapping[str, list[tuple[str, str, str, float]]]:
    """The items of each concept: id, part, role and weight, the best first."""
    found: dict[str, list[tuple[str, str, str, float]]] = defaultdict(list)
    for concept, *rest in read(queries.COVERING, ids=dumps(sorted(filter(None, concepts)))):
        item, part, role, weight = rest
        found[concept].append((item, part, role, weight))
    return found


def opened(read: Read, items: Collection[str]) -> dict[str, tuple[str, bool]]:
    """Of some items those that whoever asks may open: its course, and whether it is done."""
    rows = read(queries.OPEN, ids=dumps(sorted(items)))
    return {item: (course, done) for item, _, _, course, _, done in rows}


def _tried(read: Read, items: Mapping[str, tuple[str, bool]]) -> dict[str, float]:
    """The best score of each item that was answered, and 1 for what is done."""
    scores: dict[str, float] = dict(read(queries.OWN_SCORES, ids=dumps(sorted(items))))
    return scores | {item: 1.0 for item, (_, done) in items.items() if done}


def unanswered(read: Read, items: Sequence[str]) -> set[str]:
    """Of some items those that whoever asks may open and has not answered."""
    visible = opened(read, items)
    return visible.keys() - _tried(read, visible).keys()


def _model(read: Read) -> Model:
    rows = read(queries.REVIEW_MODEL)
    return model_of_kept("fitted", parsed(rows[0][0])) if rows else Model()


def _of_concepts(
    graph: Graph,
    known: Known,
    ready: Mapping[str, str | None],
    covering: Mapping[str, Sequence[tuple[str, str, str, float]]],
) -> Iterable[Candidate]:
    """Items of what can be learned now."""
    for rank, (concept, leads_to) in enumerate(ready.items()):
        p, answers = known.p.get(concept, (known.fresh, 0))
        before = [graph.names[one] for one in graph.snapshot.prerequisites(concept, 1)[:2]]
        facts = {
            "concept": graph.names[concept],
            "known": before,
            "goal": leads_to,
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
    read: Read,
    graph: Graph,
    goal: Goal | None,
    cards: Sequence[Card],
    covering: Mapping[str, Sequence[tuple[str, str, str, float]]],
    now: datetime,
) -> Iterable[Candidate]:
    """What is due: a question itself, or what asks about a concept, or else what explains it."""
    if not cards:
        return
    model, leads = _model(read), _way_to(graph, goal)
    for rank, (concept, item, part, held) in enumerate(cards):
        if concept is not None and concept not in graph.names:
            continue
        found = covering.get(concept or "", ())
        asked = [one for one in found if one[2] == Role.ASSESSES] or found
        places = [one[:2] for one in asked[:ITEMS_OF_ONE]] if item is None else [(item, part)]
        overdue = (now - held.due) / timedelta(days=max(1.0, held.stability))
        gain = 1 - chance(model, held, now)
        facts = {"concept": graph.names.get(concept or ""), "days": max(1, (now - held.at).days)}
        for place in places:
            yield Candidate(
                place[0],
                "",
                "due",
                concept,
                place[1],
                value=1.0 if leads is None or concept is None or concept in leads else OFF_THE_WAY,
                gain=gain,
                due=min(1.0, 0.5 + 0.5 * overdue),
                rank=rank,
                facts=facts,
            )


def _way_to(graph: Graph, goal: Goal | None) -> set[str] | None:
    if goal is None:
        return None
    found = set(goal.concepts)
    for concept in islice(goal.concepts, NEXT):
        if concept in graph.names:
            found.update(graph.snapshot.prerequisites(concept))
    return found


def _ruled(
    one: Candidate,
    visible: Mapping[str, tuple[str, bool]],
    rules: Mapping[tuple[str, str], tuple[str, int]],
    tried: Mapping[str, float],
) -> Candidate | None:
    """A candidate with its course, as educators have it; None where it is hidden."""
    course, done = visible[one.item]
    of_course = rules.get((one.item, ""))
    act, position = rules.get((one.item, one.concept or "")) or of_course or ("", 0)
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
    return replace(one, course=course, done=done, fit=fit, pinned=pinned)
