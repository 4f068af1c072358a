"""Snapshots of institutions' graphs in this process, each as new as the database at every answer.

Who asks reads the graph's version first, a point read. Where it is another one, the log of changes
tells what is new; far behind, where the log was trimmed meanwhile, or at first, all concepts and
edges are read.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bloop.graph.models import Standing
from bloop.graph.queries import CHANGES, EDGES, NODES, VERSION
from bloop.graph.snapshot import Snapshot
from bloop.store.database import Database
from bloop.store.statements import Row, parsed
from bloop_sdk import Call

INSTITUTIONS = 50
"""So many institutions' graphs one process holds."""
FOLLOWED = 5000
"""Behind by more rows than that, all is read anew."""


@dataclass(frozen=True, slots=True)
class Graph:
    """An institution's graph at one version: how its concepts hang together, and their names."""

    snapshot: Snapshot
    names: Mapping[str, str]

    @property
    def version(self) -> int:
        """How often it had been written."""
        return self.snapshot.version


class Graphs:
    """What one process holds; belongs to one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: OrderedDict[str, Graph] = OrderedDict()
        self._reading: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of(self, call: Call, version: int | None = None) -> Graph:
        """The graph of the call's institution, at least as new as when it was asked for.

        Who has read its ``version`` just now gives it.
        """
        if version is None:
            row = await self._database.read_one(VERSION, call)
            version = int(row[0]) if row else 0
        held = self._held.get(call.institution)
        if held is not None and held.version >= version:
            self._held.move_to_end(call.institution)
            return held
        async with self._reading[call.institution]:
            held = self._held.get(call.institution)
            if held is None or held.version < version:
                held = await self._read(call, version, held)
                self._keep(call.institution, held)
        return held

    def _keep(self, institution: str, graph: Graph) -> None:
        self._held[institution] = graph
        self._held.move_to_end(institution)
        while len(self._held) > INSTITUTIONS:
            dropped, _ = self._held.popitem(last=False)
            self._reading.pop(dropped, None)

    async def _read(self, call: Call, version: int, held: Graph | None) -> Graph:
        if held is not None:
            rows = await self._database.read(
                CHANGES, call, version=held.version, limit=FOLLOWED + 1
            )
            # Asked last: nothing that was forgotten before is missing among the rows unnoticed.
            state = await self._database.read_one(VERSION, call)
            whole = state is not None and state[1] <= held.version + 1
            if whole and len(rows) <= FOLLOWED:
                return await asyncio.to_thread(follow, held, rows, version)
        # What is written between these is in the log after `version`, and is applied next time:
        # to have it twice changes nothing.
        nodes = await self._database.read(NODES, call)
        edges = await self._database.read(EDGES, call)
        names: dict[str, str] = {one[0]: one[1] for one in nodes}
        among = [one for one in edges if one[1] in names and one[2] in names]
        snapshot = await asyncio.to_thread(Snapshot.build, version, names, among)
        return Graph(snapshot, names)


def follow(graph: Graph, changes: Sequence[Row], version: int) -> Graph:
    """A graph with what the log tells; rows of :data:`CHANGES`, whatever it has of them."""
    concepts: dict[str, str | None] = {}
    edges: dict[tuple[str, str, str], float | None] = {}
    for at, subject, key_text, found in changes:
        key, after = json.loads(key_text), parsed(found)
        holds = after is not None and after["standing"] != Standing.REJECTED
        version = max(version, at)
        if subject == "concept":
            concepts[key[0]] = after["name"] if holds else None
        else:
            target, kind, source = key
            edges[kind, source, target] = after["weight"] if holds else None
    every = {**graph.names, **concepts}
    names = {one: name for one, name in every.items() if name is not None}
    snapshot = graph.snapshot.apply(
        version,
        added_concepts=concepts.keys() & names.keys(),
        removed_concepts=concepts.keys() - names.keys(),
        # With another weight an edge is another one.
        removed_edges=[(*edge, 1.0) for edge in edges],
        added_edges=[
            (*edge, weight)
            for edge, weight in edges.items()
            if weight is not None and edge[1] in names and edge[2] in names
        ],
    )
    return Graph(snapshot, names)
