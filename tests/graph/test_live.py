"""The snapshot that answers is what the tables say, after whatever was done to them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import networkx as nx
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import func, select, update

from bloop.graph import history, service, trim
from bloop.graph.live import Graphs
from bloop.graph.models import GraphChange, GraphState, GraphVersion
from bloop.graph.queries import EDGES, NODES
from bloop.graph.writing import EDGE, Writing
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.types import utcnow

DAY = timedelta(days=1)
TABLES = (GraphChange, GraphVersion)


def trim_all_but(database, call, system_call, last):
    """Forgets all writes but the last ones; how many rows."""
    with database.unit(call) as unit:
        state = unit.session.get(GraphState, call.institution)
        unit.session.execute(
            update(GraphVersion)
            .where(GraphVersion.version <= (state.version if state else 0) - last)
            .values(at=utcnow() - 2 * DAY)
        )
    return trim.trim(database, system_call, DAY)


NAMES = st.sampled_from("abcdefg")


class Editing(RuleBasedStateMachine):
    """Educators and inference write one graph; a snapshot is asked after each of them."""

    database = call = system_call = loop = None

    def __init__(self):
        super().__init__()
        self.graphs = Graphs(self.database)
        self.ids = {}
        with self.database.unit(self.call) as unit:
            for table in ("graph_change", "graph_version", "graph_state", "concept_edge"):
                unit.connection.exec_driver_sql(f"DELETE FROM {table}")
            unit.connection.exec_driver_sql("DELETE FROM concept_name")
            unit.connection.exec_driver_sql("DELETE FROM concept")

    def run(self, function, *args, **kwargs):
        try:
            with self.database.unit(self.call) as unit:
                return function(unit, *args, **kwargs)
        except (ConflictError, NotFoundError):
            return None

    def id(self, name):
        if name not in self.ids:
            self.ids[name] = self.run(service.add_concept, name)
        return self.ids[name]

    @rule(one=NAMES, other=NAMES, kind=st.sampled_from(["prerequisite", "part_of", "related"]))
    def link(self, one, other, kind):
        if one != other:
            self.run(service.link, self.id(one), self.id(other), kind)

    @rule(one=NAMES, other=NAMES, sure=st.floats(0.1, 0.9))
    def suggest(self, one, other, sure):
        def make(unit):
            writing = Writing(unit, "suggest")
            said = {"origin": "inferred", "standing": "suggested", "confidence": sure}
            key = (self.ids[other], "prerequisite", self.ids[one])
            if writing.row(EDGE, key) is None:
                writing.put(EDGE, key, said)
                service.give_way(writing, [key[0]])
            writing.finish()

        if one != other and self.id(one) and self.id(other):
            self.run(make)

    @rule(one=NAMES, other=NAMES)
    def unlink(self, one, other):
        self.run(service.unlink, self.id(one), self.id(other))

    @rule(one=NAMES, into=NAMES)
    def merge(self, one, into):
        if one != into:
            self.run(service.merge_concepts, self.id(one), self.id(into))

    @rule(one=NAMES)
    def remove(self, one):
        self.run(service.remove_concept, self.id(one))

    @rule(one=NAMES)
    def say_it_again(self, one):
        self.ids[one] = self.run(service.add_concept, one) or self.ids.get(one)

    @rule(back=st.integers(0, 5))
    def undo(self, back):
        def last(unit):
            state = unit.session.get(GraphState, self.call.institution)
            return state.version if state else 0

        self.run(history.undo, self.run(last) - back)

    @rule(back=st.integers(0, 8))
    def forget(self, back):
        trim_all_but(self.database, self.call, self.system_call, back)

    @invariant()
    def the_snapshot_is_what_the_tables_say(self):
        graph = asyncio.run_coroutine_threadsafe(self.graphs.of(self.call), self.loop).result()
        nodes = dict(self.database.read_now(NODES, self.call))
        edges = {row[:3] for row in self.database.read_now(EDGES, self.call)}
        assert dict(graph.names) == nodes
        assert {tuple(one[:3]) for one in graph.snapshot.edges()} == edges
        before = nx.DiGraph((row[1], row[2]) for row in edges if row[0] == "prerequisite")
        assert nx.is_directed_acyclic_graph(before)
        for one in before:
            assert set(graph.snapshot.prerequisites(one)) == nx.ancestors(before, one)


async def test_a_snapshot_follows_every_edit(database, call, system_call):
    here = {
        "database": database,
        "call": call,
        "system_call": system_call,
        "loop": asyncio.get_running_loop(),
    }
    case = type("Edits", (Editing,), here).TestCase
    case.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
    await asyncio.to_thread(case().runTest)


async def test_two_processes_follow_one_another(database, call, command, concepts, chain):
    here, there = Graphs(database), Graphs(database)
    assert (await here.of(call)).version == 0
    chain("a", "b", "c")
    before = await there.of(call)
    assert before.snapshot.path([], concepts["c"]) == [concepts[name] for name in "abc"]
    command(service.link, concepts["c"], concepts["d"])
    assert concepts["d"] not in before.names
    assert (await there.of(call)).snapshot.next([concepts["c"]]) != []
    assert (await here.of(call)).version == (await there.of(call)).version


async def test_what_was_forgotten_is_not_undone_and_who_followed_it_reads_anew(
    database, call, system_call, command, concepts, chain, monkeypatch
):
    monkeypatch.setattr(trim, "ROWS_AT_ONCE", 2)
    behind = Graphs(database)
    chain("a", "b")
    assert len((await behind.of(call)).names) == 2
    chain("b", "c", "d")
    command(service.unlink, concepts["a"], concepts["b"])
    assert trim_all_but(database, call, system_call, 1) > 6
    assert trim_all_but(database, call, system_call, 1) == 0
    graph = await behind.of(call)
    assert graph.snapshot.prerequisites(concepts["d"]) == [concepts["b"], concepts["c"]]

    def left(unit):
        return [unit.session.scalar(select(func.count(one.version))) for one in TABLES]

    assert command(left) == [1, 1]
    with pytest.raises(ConflictError, match=r"version 2 .* begins with version 8"):
        command(history.undo, 2)
    with pytest.raises(NotFoundError):
        command(history.undo, 9)
    command(history.undo, 8)
    assert (await behind.of(call)).snapshot.prerequisites(concepts["b"]) == [concepts["a"]]
