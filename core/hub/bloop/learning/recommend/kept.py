"""What one process keeps of that which lists are made of, each by the version of its rows.

After an answer little of it is another: a few concepts of one learner. So each ask reads the
versions (:data:`~bloop.learning.recommend.queries.VERSIONS`), and of the rest what is new. Nothing
that an educator or another process wrote is missed, as whatever writes counts a version up; only
which items a concept has may be a minute old where one of them was deleted for good.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

from bloop.graph.live import INSTITUTIONS, Graph
from bloop.graph.models import Role
from bloop.graph.snapshot import Mask
from bloop.learning.mastery.service import KNOWN_FROM
from bloop.learning.recommend import queries
from bloop.learning.recommend.queries import Versions
from bloop.learning.reviews.scheduling import Model, model_of_kept
from bloop.store.database import Database
from bloop.store.statements import Row, parsed
from bloop.store.types import dumps
from bloop_sdk import Call

LEARNERS = 5_000
"""Of so many learners one process keeps lists, and what they know."""
NEXT = 30
"""So many concepts that can be learned now are looked at."""
ITEMS_OF_ONE = 4
NEW = 200
"""Where more rows than that are new, all are read."""
CONCEPTS = 20_000
"""Of so many concepts of an institution the items are kept."""
FOR = timedelta(minutes=1)
_GOALS = 4
_AT_ONCE = 3
"""So many goals are looked at in the event loop; a course of more takes a thread."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What somebody wants to know: concepts, each with what it is for: itself, or a course."""

    concepts: Mapping[str, str]

    @property
    def name(self) -> str:
        """What it is all for."""
        return ", ".join(dict.fromkeys(self.concepts.values()))


Ready = Mapping[str, str | None]
"""What can be learned now, best first, each with what it leads to where there is a goal."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a learner knows at a ``version`` of theirs, in one snapshot of the graph.

    ``followed`` is how many of the writes until then took answers in.
    ``unsure`` has what they answered and do not know: the chance of a right answer, and how many
    they gave.
    """

    version: int
    followed: int
    mask: Mask
    unsure: Mapping[str, tuple[float, int]]
    _ready: dict[Any, Ready] = field(default_factory=dict)

    def with_rows(self, versions: Versions, rows: Iterable[Row]) -> Known:
        """What is known with other rows: concept, chance and answers."""
        now = (versions.learner, versions.followed)
        unsure, turned = dict(self.unsure), []
        for concept, p, answers in rows:
            if (p >= KNOWN_FROM) is not (concept in self.mask):
                turned.append(concept)
            if p >= KNOWN_FROM:
                unsure.pop(concept, None)
            else:
                unsure[concept] = (p, answers)
        if not turned:
            return Known(*now, self.mask, unsure, self._ready)
        return Known(*now, self.mask.turned(turned), unsure)

    async def ready(self, graph: Graph, goal: Goal | None) -> Ready:
        """What can be learned now; as long as nothing else is known, it stays."""
        key = None if goal is None else tuple(goal.concepts.items())
        found = self._ready.get(key)
        if found is not None:
            return found
        wanted = [] if goal is None else [one for one in goal.concepts if self._is_open(graph, one)]
        at_hand = len(wanted) <= _AT_ONCE and all(
            graph.snapshot.at_hand(one) for one in ([None] if goal is None else wanted)
        )
        if at_hand:
            found = ready(graph, self.mask, goal, wanted)
        else:
            found = await asyncio.to_thread(ready, graph, self.mask, goal, wanted)
        if len(self._ready) >= _GOALS:
            self._ready.clear()
        self._ready[key] = found
        return found

    def _is_open(self, graph: Graph, concept: str) -> bool:
        return concept in graph.names and concept not in self.mask


def ready(graph: Graph, mask: Mask, goal: Goal | None, wanted: Collection[str]) -> Ready:
    """What can be learned by who knows ``mask``; ``wanted`` are those of the goal they do not."""
    snapshot = graph.snapshot
    if goal is None:
        return dict.fromkeys(snapshot.next(mask, limit=NEXT))
    found: dict[str, str | None] = {}
    for concept in islice(wanted, NEXT):
        for one in snapshot.next(mask, concept, limit=NEXT):
            found.setdefault(one, goal.concepts[concept])
    return dict(islice(found.items(), NEXT))


class Covered(NamedTuple):
    """A concept as lists need it: what it builds on, and its items, the best first.

    Items are id, part, role and weight; ``asked`` are those that ask about it, or else all.
    """

    before: tuple[str, ...]
    items: tuple[Row, ...]
    asked: tuple[Row, ...]


Rules = Mapping[tuple[str, str], tuple[str, int]]
"""What educators said, an act and a position, of an item and a concept or nothing."""

K = TypeVar("K")
V = TypeVar("V")


class Lately(Generic[K, V]):
    """What was used lately, up to a number of keys."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """What is kept for a key."""
        found = self._values.get(key)
        if found is not None:
            self._values.move_to_end(key)
        return found

    def put(self, key: K, value: V) -> V:
        """Keep a value, and drop what was not used for longest where there are too many."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)
        return value

    def clear(self) -> None:
        """Drop all."""
        self._values.clear()


@dataclass(frozen=True, slots=True)
class _Concepts:
    """Concepts of an institution's graph, which hold for some time."""

    graph: Graph
    until: datetime
    found: Lately[str, Covered] = field(default_factory=lambda: Lately(CONCEPTS))


class Kept:
    """What one process keeps; belongs to one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: Lately[tuple[str, str], Known] = Lately(LEARNERS)
        self._concepts: Lately[str, _Concepts] = Lately(INSTITUTIONS)
        self._rules: Lately[str, tuple[int, Rules]] = Lately(INSTITUTIONS)
        self._models: Lately[str, tuple[str, Model]] = Lately(INSTITUTIONS)

    async def known(self, call: Call, graph: Graph, versions: Versions) -> Known:
        """What whoever asks knows, at least as new as ``versions``."""
        key = (call.institution, call.principal.id)
        held = self._known.get(key)
        if held is not None and held.mask.snapshot is graph.snapshot:
            writes = versions.learner - held.version
            if not writes:
                return held
            if 0 < writes == versions.followed - held.followed:
                rows = await self._database.read(
                    queries.OWN_NEW_MASTERY, call, since=held.version, limit=NEW + 1
                )
                if len(rows) <= NEW:
                    return self._known.put(key, held.with_rows(versions, rows))
        rows = await self._database.read(queries.OWN_MASTERY, call)
        nothing = Known(0, 0, graph.snapshot.mask(()), {})
        return self._known.put(key, nothing.with_rows(versions, rows))

    async def covered(
        self, call: Call, graph: Graph, concepts: Iterable[str], now: datetime
    ) -> Mapping[str, Covered]:
        """Some concepts of the graph."""
        held = self._concepts.get(call.institution)
        if held is None or held.graph is not graph or held.until < now:
            held = self._concepts.put(call.institution, _Concepts(graph, now + FOR))
        found = {one: held.found.get(one) for one in concepts}
        if missing := [one for one, value in found.items() if value is None]:
            for one, value in (await self._cover(call, graph, missing)).items():
                found[one] = held.found.put(one, value)
        return {one: value for one, value in found.items() if value is not None}

    async def _cover(
        self, call: Call, graph: Graph, concepts: Collection[str]
    ) -> Mapping[str, Covered]:
        items: dict[str, list[Row]] = {one: [] for one in concepts}
        for concept, *row in await self._database.read(
            queries.COVERING, call, ids=dumps(sorted(concepts))
        ):
            items[concept].append(tuple(row))
        found = {}
        for concept, rows in items.items():
            before = graph.snapshot.prerequisites(concept, 1)[:2]
            asked = [row for row in rows if row[2] == Role.ASSESSES] or rows
            found[concept] = Covered(
                tuple(graph.names[one] for one in before),
                tuple(rows[:ITEMS_OF_ONE]),
                tuple(asked[:ITEMS_OF_ONE]),
            )
        return found

    async def rules(self, call: Call, versions: Versions) -> Rules:
        """What educators of the institution have said of any item."""
        held = self._rules.get(call.institution)
        if held is None or held[0] != versions.rules:
            rows = await self._database.read(queries.ALL_RULES, call) if versions.rules else ()
            rules = {(item, scope): (act, at) for item, scope, act, at in rows}
            held = self._rules.put(call.institution, (versions.rules, rules))
        return held[1]

    async def model(self, call: Call, versions: Versions) -> Model:
        """By which cards of the institution foretell."""
        if versions.model is None:
            return Model()
        held = self._models.get(call.institution)
        if held is None or held[0] != versions.model:
            row = await self._database.read_one(queries.REVIEW_MODEL, call, id=versions.model)
            model = model_of_kept("fitted", parsed(row[0])) if row else Model()
            held = self._models.put(call.institution, (versions.model, model))
        return held[1]
