"""What some people lack on the way to a goal, for how many it is next, and the lessons for it."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bloop.accounts.actions import may
from bloop.graph.live import Graph
from bloop.learning.classes.queries import TEACHING, TEACHING_SHOWN
from bloop.learning.mastery.queries import KNOWN_BY
from bloop.learning.mastery.service import KNOWN_FROM
from bloop.store.database import Database
from bloop.store.statements import to_dicts
from bloop.store.types import dumps
from bloop_sdk import Call

LESSONS, LESSONS_OF_ONE = 1000, 3
"""So many lessons at most are looked through, and named for one concept."""


async def gaps(
    database: Database, call: Call, graph: Graph, goal: str, users: Sequence[str], course: str = ""
) -> dict[str, Any]:
    """How many of some users lack each concept on the way to a goal; what most lack comes first.

    The lessons of ``course`` stand before those of others.
    """
    rows = await database.read(KNOWN_BY, call, users=dumps(users), from_p=KNOWN_FROM)
    known: dict[str, list[str]] = defaultdict(list)
    for user, concept in rows:
        known[user].append(concept)
    counts, ready = await asyncio.to_thread(_count, graph, goal, {one: known[one] for one in users})
    read = TEACHING if may(call, "content:write") else TEACHING_SHOWN
    rows = await database.read(read, call, ids=dumps(list(counts)), container=course, limit=LESSONS)
    lessons: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in to_dicts(read, rows):
        of_concept = lessons[row.pop("concept")]
        if len(of_concept) < LESSONS_OF_ONE and row not in of_concept:
            of_concept.append(row)
    items = [
        {
            "id": one,
            "name": graph.names[one],
            "lacking": count,
            "ready": ready[one],
            "lessons": lessons[one],
        }
        for one, count in counts.items()
    ]
    return {
        "goal": graph.names[goal],
        "learners": len(users),
        "items": sorted(items, key=lambda one: -one["lacking"]),
    }


def _count(
    graph: Graph, goal: str, known: Mapping[str, Sequence[str]]
) -> tuple[dict[str, int], Counter[str]]:
    """On how many ways each concept still stands, and for how many it is the next one there."""
    masks = {user: graph.snapshot.mask(of_user) for user, of_user in known.items()}
    ready: Counter[str] = Counter()
    for mask in masks.values():
        ready.update(graph.snapshot.next(mask, goal))
    return graph.snapshot.gaps(masks, goal), ready
