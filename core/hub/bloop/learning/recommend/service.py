"""What somebody is told to learn next, made anew when something changed, or after a minute."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from bloop.content.enrolling.queries import OWN_COURSES
from bloop.content.queries import CONTAINER_SHOWN, CONTAINERS_SHOWN
from bloop.content.trees import read_tree
from bloop.graph.live import Graph, Graphs
from bloop.graph.queries import CONCEPTS_OF_COURSE
from bloop.learning.behind import Behind
from bloop.learning.progress.queries import GOALS
from bloop.learning.recommend import facts
from bloop.learning.recommend.facts import Asked
from bloop.learning.recommend.kept import FOR, LEARNERS, Goal, Kept, Lately
from bloop.learning.recommend.log import write
from bloop.learning.recommend.queries import OPEN, VERSIONS, Versions
from bloop.learning.recommend.ranking import RANKERS, Candidate, Placed, compose
from bloop.store.database import Database
from bloop.store.errors import NotFoundError
from bloop.store.ids import new_id
from bloop.store.statements import to_dicts
from bloop.store.types import dumps, utcnow
from bloop_sdk import Call

MOST = 20
COURSES = 5
CHANGED = "plugin"
"""The ranker of a list that a plugin's filter changed: nobody knows with which chances."""

Filter = Callable[[Call, list[dict[str, Any]]], Awaitable[list[str] | None]]
"""Given a list, the items of it that stay, in their order; None where no plugin listens."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A list as it was put together: ``versions`` and ``until`` say whether it still holds.

    ``until`` is a minute later (:data:`FOR`): what is due changes with time.
    """

    list_id: str
    goal: Goal | None
    items: tuple[dict[str, Any], ...]
    ids: str
    versions: Versions
    until: datetime
    done: frozenset[str] = frozenset()


class Recommender:
    """Recommendations of one process; belongs to one event loop."""

    def __init__(self, database: Database, graphs: Graphs, filter_: Filter) -> None:
        self._database = database
        self._graphs = graphs
        self._filter = filter_
        self._lists: Lately[tuple[str, str, str, int], Shown] = Lately(LEARNERS)
        self.kept = Kept(database)
        self.log = Behind(database, write, "lists of recommendations")

    async def next(self, call: Call, goal: str | None, limit: int) -> dict[str, Any]:
        """What the caller could learn next: only what they may open when they are told.

        Raises NotFoundError for a goal that is neither a concept nor a course that they may see.
        """
        versions = await self._versions(call)
        key = (call.institution, call.principal.id, goal or "", limit)
        shown = self._lists.get(key)
        if shown is not None and shown.versions == versions and utcnow() < shown.until:
            found = await self._still(call, shown)
            if found is not None:
                return found
        made, rows = await self._make(await self._asked(call, goal, versions), limit)
        self._lists.put(key, made)
        if rows is None:
            return await self._still(call, made) or _answer(made, ())
        return _answer(made, rows)

    async def preview(self, call: Call, goal: str | None, limit: int) -> dict[str, Any]:
        """What the caller would be shown if they asked now: the list is neither kept nor logged.

        No ranker is tried in it. Raises NotFoundError as :meth:`next` does.
        """
        versions = (await self._versions(call))._replace(tried=None)
        asked = await self._asked(call, goal, versions)
        made, _ = await self._make(asked, limit, logged=False)
        return await self._still(call, made) or _answer(made, ())

    async def _versions(self, call: Call) -> Versions:
        row = await self._database.read_one(VERSIONS, call)
        assert row is not None, "it has one row"
        return Versions(*row)

    async def _asked(self, call: Call, goal: str | None, versions: Versions) -> Asked:
        graph = await self._graphs.of(call, versions.graph)
        return Asked(call, graph, await self._wanted(call, graph, goal), versions, utcnow())

    async def stop(self) -> None:
        """Write what was shown; the process ends."""
        await self.log.stop()

    async def _still(self, call: Call, shown: Shown) -> dict[str, Any] | None:
        """A list as it is to be shown, or None where something of it cannot be opened any more."""
        rows = await self._database.read(OPEN, call, ids=shown.ids)
        found = {row[0]: row for row in rows}
        if len(found) < len(shown.items) or shown.done != {row[0] for row in rows if row[5]}:
            return None
        return _answer(shown, [found[one["item"]] for one in shown.items])

    async def _make(
        self, asked: Asked, limit: int, *, logged: bool = True
    ) -> tuple[Shown, Sequence[tuple[Any, ...]] | None]:
        """A list, and the rows of :data:`OPEN` of its items where they are of this moment."""
        call, tried = asked.call, asked.versions.tried
        candidates, rows = await facts.gather(self._database, self.kept, asked)
        if len(candidates) < limit:
            steps = await self._first_steps(call, limit)
            have = {one.item for one in candidates}
            candidates += [one for one in steps if one.item not in have]
        list_id = new_id()
        random = Random(list_id)  # noqa: S311 - nobody gains by foreseeing it
        # One of a later version is none.
        placed = compose(candidates, limit, random, tried=tried if tried in RANKERS else None)
        items = [_item(one) for one in placed]
        left = await self._filter(call, items)
        if left is not None and left != [one["item"] for one in items]:
            by_item = {one.candidate.item: one for one in placed}
            placed = [by_item[item] for item in left]
            items = [_item(one) | {"ranker": CHANGED} for one in placed]
        if placed and logged:
            self.log.add(call.institution, list(_rows(call, list_id, placed, items, asked.now)))
        done = frozenset(one.candidate.item for one in placed if one.candidate.done)
        ids = dumps([one["item"] for one in items])
        until = asked.now + FOR
        made = Shown(list_id, asked.goal, tuple(items), ids, asked.versions, until, done)
        known = left is None and all(one["item"] in rows for one in items)
        return made, [rows[one["item"]] for one in items] if known else None

    async def _wanted(self, call: Call, graph: Graph, goal: str | None) -> Goal | None:
        """What the caller asks for, or else has said that they want."""
        if goal is None:
            return await self._goals(call, graph)
        return await self._goal(call, graph, goal)

    async def _goal(self, call: Call, graph: Graph, goal: str) -> Goal:
        """A concept, or all that a course covers."""
        if goal in graph.names:
            return Goal({goal: graph.names[goal]})
        course = await self._database.read_one(CONTAINER_SHOWN, call, id=goal)
        if course is None:
            raise NotFoundError(f"no concept and no course {goal[:40]}")
        title = CONTAINER_SHOWN.as_dict(course)["title"]
        rows = await self._database.read(CONCEPTS_OF_COURSE, call, container=goal, limit=500)
        return Goal({row[0]: title for row in rows})

    async def _goals(self, call: Call, graph: Graph) -> Goal | None:
        """What the caller has said that they want; None where that is nothing (any more)."""
        wanted: dict[str, str] = {}
        for row in await self._database.read(GOALS, call):
            with contextlib.suppress(NotFoundError):  # A concept is gone, or a course not shown.
                wanted |= (await self._goal(call, graph, row[1])).concepts
        return Goal(wanted) if wanted else None

    async def _first_steps(self, call: Call, limit: int) -> list[Candidate]:
        """The first lessons that were not answered of the learner's courses, or of open ones."""
        rows = await self._database.read(OWN_COURSES, call, after="", limit=COURSES)
        courses = to_dicts(OWN_COURSES, rows)
        if not courses:
            rows = await self._database.read(CONTAINERS_SHOWN, call, after="", limit=COURSES)
            courses = to_dicts(CONTAINERS_SHOWN, rows)
        found: list[Candidate] = []
        for course in courses:
            if course["kind"] != "course":
                continue
            tree = await read_tree(self._database, call, course["id"], drafts=False)
            items = [one["item"] for one in in_reading_order(tree) if one["item"]]
            found_open = await facts.opened(self._database, call, items)
            is_open = {item for item, row in found_open.items() if not row[5] and row[6] is None}
            steps = [one for one in items if one in is_open][:limit]
            found += [
                Candidate(item, course["id"], "course", value=0.5, rank=rank, fit=0.7**rank)
                for rank, item in enumerate(steps)
            ]
        return found


def in_reading_order(nodes: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The nodes of a course as they are read, from rows in which siblings are in order."""
    children: dict[Any, list[Mapping[str, Any]]] = {}
    for node in nodes:
        children.setdefault(node["parent"], []).append(node)
    found, waiting = [], list(reversed(children.get(None, ())))
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting += reversed(children.get(node["id"], ()))
    return found


def _item(placed: Placed) -> dict[str, Any]:
    one = placed.candidate
    return {
        "item": one.item,
        "part": one.part,
        "concept": one.concept,
        "kind": one.kind,
        "score": round(placed.score, 6),
        "ranker": placed.ranker,
        "facts": dict(one.facts)
        | {
            "fit": round(one.fit, 4),
            "value": round(one.value, 4),
            "gain": round(one.gain, 4),
            "due": round(one.due, 4),
        },
    }


def _rows(
    call: Call,
    list_id: str,
    placed: Iterable[Placed],
    items: Iterable[Mapping[str, Any]],
    now: datetime,
) -> Iterable[dict[str, Any]]:
    for position, (one, item) in enumerate(zip(placed, items, strict=True)):
        yield {
            "institution_id": call.institution,
            "list_id": list_id,
            "position": position,
            "user_id": call.principal.id,
            "item_id": one.candidate.item,
            "concept_id": one.candidate.concept,
            "ranker": item["ranker"],
            "score": one.score,
            "propensity": one.propensity,
            "tried_propensity": one.tried,
            "shown_at": now,
            "facts": item["facts"] | {"kind": item["kind"]},
        }


def _answer(shown: Shown, rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    return {
        "list_id": shown.list_id,
        "goal": shown.goal.name if shown.goal else None,
        "items": [
            {**one, "title": row[1], "item_kind": row[2], "container": row[3], "course": row[4]}
            for one, row in zip(shown.items, rows, strict=False)
        ],
    }
