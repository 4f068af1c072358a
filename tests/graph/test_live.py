"""The snapshot that answers is what the tables say, after whatever was done to them."""

from __future__ import annotations

import asyncio

import networkx as nx
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bloop.graph import history, service
from bloop.graph.live import Graphs
from bloop.graph.models import GraphState
from bloop.graph.queries import EDGES, NODES
from bloop.graph.writing import EDGE, Writing
from bloop.store.errors import ConflictError, NotFoundError

NAMES = st.sampled_from("abcdefg")


class Editing(RuleBasedStateMachine):
    """Educators and inference write one graph; a snapshot is asked after each of them."""

    database = call = loop = None

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


async def test_a_snapshot_follows_every_edit(database, call):
    here = {"database": database, "call": call, "loop": asyncio.get_running_loop()}
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
