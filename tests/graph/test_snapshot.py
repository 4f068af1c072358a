"""Every answer of a snapshot is that of a slow model over networkx, whatever led to it."""

import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bloop.graph import closure, parts
from bloop.graph.snapshot import CycleError, Edge, EdgeKind, Snapshot
from bloop.store.errors import InvalidError, NotFoundError

NEEDS, PART, RELATED = EdgeKind.PREREQUISITE, EdgeKind.PART_OF, EdgeKind.RELATED
IDS = [f"c{number}" for number in (7, 3, 11, 0, 5, 9, 1, 10, 4, 8)]
"""Ids whose order is not that of prerequisites: an edge leads from one to a later one."""
PAIRS = [(source, target) for at, source in enumerate(IDS) for target in IDS[at + 1 :]]
WEIGHTS = st.sampled_from([0.0, 0.5, 1.0, 2.0])
DAGS = st.dictionaries(st.sampled_from(PAIRS), WEIGHTS, max_size=25)
KNOWN = st.sets(st.sampled_from(IDS))


def of(weights):
    return [Edge(NEEDS, source, target, weight) for (source, target), weight in weights.items()]


class Model:
    """The same questions, asked of networkx."""

    def __init__(self, concepts, weights):
        self.graph = nx.DiGraph()
        self.graph.add_nodes_from(concepts)
        self.graph.add_weighted_edges_from((*pair, weight) for pair, weight in weights.items())
        ranks = {}
        for concept in nx.topological_sort(self.graph):
            before = [(ranks[s], w) for s, _, w in self.graph.in_edges(concept, data="weight")]
            cost = max((rank[0] + weight for rank, weight in before), default=0)
            level = max((rank[1] + 1 for rank, _ in before), default=0)
            ranks[concept] = (cost, level, concept)
        self.rank = ranks.get

    def prerequisites(self, concept):
        return sorted(nx.ancestors(self.graph, concept), key=self.rank)

    def opens(self, concept):
        return sorted(nx.descendants(self.graph, concept), key=self.rank)

    def near(self, concept, depth, *, up):
        graph = self.graph if up else self.graph.reverse()
        found = nx.single_source_shortest_path_length(graph, concept, depth)
        return sorted(found.keys() - {concept}, key=self.rank)

    def path(self, known, goal):
        if goal in known:
            return []
        unknown = self.graph.subgraph(self.graph.nodes - known)
        return sorted(nx.ancestors(unknown, goal) | {goal}, key=self.rank)

    def next(self, known, goal=None):
        missing = self.path(known, goal) if goal else sorted(self.graph.nodes - known)
        inside = self.graph.subgraph(missing)
        ready = [c for c in missing if known.issuperset(self.graph.predecessors(c))]
        return sorted(ready, key=lambda c: -len(nx.descendants(inside, c)))

    def cycle(self, source, target):
        try:
            return nx.shortest_path_length(self.graph, target, source) + 1
        except nx.NetworkXNoPath:
            return None


def agree(snapshot, weights, known, concepts=IDS):
    """Every question about every concept, both ways of saying what is known."""
    model = Model(concepts, weights)
    known &= set(concepts)
    mask = snapshot.mask(known)
    assert len(snapshot) == len(concepts)
    assert snapshot.next(mask) == snapshot.next(known) == model.next(known)
    assert snapshot.next(mask, limit=2) == model.next(known)[:2]
    for concept in concepts:
        assert snapshot.prerequisites(concept) == model.prerequisites(concept)
        assert snapshot.opens(concept) == model.opens(concept)
        for depth in (1, 2):
            assert snapshot.prerequisites(concept, depth) == model.near(concept, depth, up=False)
            assert snapshot.opens(concept, depth) == model.near(concept, depth, up=True)
        assert snapshot.path(known, concept) == snapshot.path(mask, concept)
        assert snapshot.path(mask, concept) == model.path(known, concept)
        assert snapshot.next(mask, concept) == model.next(known, concept)
        for target in concepts:
            found = snapshot.cycle(concept, target)
            assert (found and len(found)) == model.cycle(concept, target)
            assert not found or (found[0], found[-1]) == (target, concept)
            assert not found or nx.is_path(model.graph, found)


@pytest.fixture(params=["closures", "walks"])
def size(request, monkeypatch):
    """Small blocks, of which whole closures are made; or none is, and little may be kept."""
    monkeypatch.setattr(parts, "PACKED", 3)
    if request.param == "walks":
        monkeypatch.setattr(closure, "WHOLE", 0)
        monkeypatch.setattr("bloop.graph.block._AT_ONCE", 2)
    return {"closures": 600}


PATCHED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@PATCHED
@given(weights=DAGS, known=KNOWN)
def test_answers_are_those_of_the_model(size, weights, known):
    agree(Snapshot.build(1, IDS, of(weights), **size), weights, known)


@PATCHED
@given(weights=DAGS, learners=st.lists(KNOWN, max_size=4), goal=st.sampled_from(IDS))
def test_gaps_count_the_paths_that_a_concept_is_on(size, weights, learners, goal):
    snapshot, model = Snapshot.build(1, IDS, of(weights), **size), Model(IDS, weights)
    counts = Counter(concept for known in learners for concept in model.path(known, goal))
    found = snapshot.gaps({str(at): known for at, known in enumerate(learners)}, goal)
    assert list(found) == [*model.prerequisites(goal), goal]
    assert found == {concept: counts[concept] for concept in found}


EDITS = st.lists(
    st.fixed_dictionaries({"drop": KNOWN, "bring": KNOWN, "cut": DAGS, "tie": DAGS}), max_size=4
)


@PATCHED
@given(weights=DAGS, edits=EDITS, known=KNOWN)
def test_a_snapshot_that_was_followed_is_the_one_that_would_be_built(size, weights, edits, known):
    concepts, links = set(IDS[:6]), {(IDS[0], IDS[1]), (IDS[1], IDS[0])}
    weights = {pair: weight for pair, weight in weights.items() if concepts.issuperset(pair)}
    snapshot = first = Snapshot.build(0, concepts, [*of(weights), *linked(links)], **size)
    before, start = sorted(first.edges()), weights
    for version, edit in enumerate(edits, 1):
        dropped = edit["drop"] - set(IDS[:2])
        concepts = (concepts - dropped) | edit["bring"]
        cut = {pair: weight for pair, weight in weights.items() if pair in edit["cut"]}
        tied = {p: weight for p, weight in edit["tie"].items() if concepts.issuperset(p)}
        stay = {p: w for p, w in weights.items() if p not in cut and dropped.isdisjoint(p)}
        weights = stay | {p: min(weight, stay.get(p, weight)) for p, weight in tied.items()}
        links = {p for p in links if p not in edit["cut"] and dropped.isdisjoint(p)} | set(tied)
        snapshot = snapshot.apply(
            version,
            removed_concepts=dropped,
            removed_edges=[*of(edit["cut"]), *linked(edit["cut"])],
            added_concepts=edit["bring"],
            added_edges=[*of(tied), *linked(tied)],
        )
    built = Snapshot.build(len(edits), concepts, [*of(weights), *linked(links)], **size)
    assert sorted(snapshot.edges()) == sorted(built.edges())
    assert snapshot.version == len(edits)
    agree(snapshot, weights, known, sorted(concepts))
    assert sorted(first.edges()) == before
    agree(first, start, known, sorted(IDS[:6]))


def linked(pairs):
    return [Edge(RELATED, *pair) for pair in pairs]


REFUSED = {
    "to itself": (Edge(NEEDS, "a", "a"), "leads to where it began"),
    "to nothing": (Edge(NEEDS, "a", "x"), "there is no concept x"),
    "from nothing": (Edge(PART, "x", "a"), "there is no concept x"),
    "of no kind": (("likes", "a", "b", 1.0), "unknown kind 'likes'"),
    "of negative weight": (Edge(NEEDS, "a", "b", -1), "-1 is not 0 or more"),
    "of no weight": (Edge(NEEDS, "a", "b", float("nan")), "nan is not 0 or more"),
    "of endless weight": (Edge(NEEDS, "a", "b", float("inf")), "inf is not 0 or more"),
    "that closes a cycle": (Edge(NEEDS, "c", "a"), "cycle: "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_edge_is_refused_and_the_snapshot_stays(case):
    edge, reason = REFUSED[case]
    edges = [Edge(NEEDS, "a", "b"), Edge(NEEDS, "b", "c"), Edge(NEEDS, "c", "d")]
    snapshot = Snapshot.build(1, "abcd", edges)
    for refused in (
        lambda: Snapshot.build(1, "abcd", [*edges, edge]),
        lambda: snapshot.apply(2, added_edges=[edge], removed_concepts=["d"]),
    ):
        with pytest.raises(InvalidError, match=reason) as caught:
            refused()
        if isinstance(caught.value, CycleError):
            path = caught.value.path
            assert path in {("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b")}
    assert snapshot.prerequisites("d") == ["a", "b", "c"]
    assert snapshot.cycle("c", "a") == ["a", "b", "c"]


def test_the_same_twice_is_once_and_the_lower_weight_counts():
    edges = [Edge(NEEDS, "a", "c", weight) for weight in (3, 1, 2)]
    snapshot = Snapshot.build(1, "abca", edges)
    assert [*snapshot.edges()] == [Edge(NEEDS, "a", "c", 1)]
    assert [*snapshot.apply(2, added_edges=edges, added_concepts="ab").edges()] == [edges[1]]
    heavier = snapshot.apply(2, added_edges=edges[:1], removed_edges=edges)
    assert [*heavier.edges()] == edges[:1]


def test_an_empty_graph_answers_and_grows():
    empty = Snapshot.build(0, [], [])
    assert (len(empty), [*empty.edges()], empty.next([])) == (0, [], [])
    with pytest.raises(NotFoundError, match="no concept a"):
        empty.path([], "a")
    grown = empty.apply(1, added_concepts="ab", added_edges=[Edge(NEEDS, "b", "a")])
    assert grown.path([], "a") == ["b", "a"]
    gone = grown.apply(2, removed_concepts="ab")
    assert (len(gone), "a" in gone, gone.next([])) == (0, False, [])


def test_other_kinds_of_edges_say_nothing_of_what_is_needed():
    edges = [Edge(PART, "a", "b"), Edge(PART, "b", "a"), Edge(RELATED, "b", "c")]
    snapshot = Snapshot.build(1, "abc", edges)
    assert snapshot.prerequisites("b") == snapshot.opens("b") == []
    assert snapshot.sources("b", PART) == ["a"] == snapshot.targets("b", PART)
    assert (snapshot.sources("c", RELATED), snapshot.targets("c", RELATED)) == (["b"], [])
    needed = snapshot.apply(2, removed_concepts="a", added_edges=[Edge(NEEDS, "c", "b")])
    assert sorted(needed.edges()) == [Edge(NEEDS, "c", "b"), Edge(RELATED, "b", "c")]
    assert (needed.sources("b", NEEDS), needed.targets("c", NEEDS)) == (["c"], ["b"])


def test_a_mask_is_for_the_snapshot_that_made_it():
    snapshot = Snapshot.build(1, "ab", [Edge(NEEDS, "a", "b")])
    mask = snapshot.mask({"a", "gone long ago"})
    assert snapshot.path(mask, "b") == ["b"]
    with pytest.raises(InvalidError, match="mask of version 1 was used on version 2"):
        snapshot.apply(2).path(mask, "b")
    with pytest.raises(InvalidError, match="depth 0"):
        snapshot.opens("a", 0)


def test_closures_stay_within_their_bound_and_are_made_again(monkeypatch):
    monkeypatch.setattr(parts, "PACKED", 1)
    chains = [[f"{chain}-{at:02}" for at in range(40)] for chain in range(30)]
    edges = [Edge(NEEDS, *pair) for chain in chains for pair in pairwise(chain)]
    limit = 6000  # The closures of three of the thirty.
    snapshot = Snapshot.build(1, [c for chain in chains for c in chain], edges, closures=limit)
    for _ in range(2):
        for chain in chains:
            assert snapshot.prerequisites(chain[-1]) == chain[:-1]
            assert 0 < snapshot._budget.held <= limit


def test_every_process_answers_in_the_same_order_and_none_imports_numpy():
    code = """
import sys
from bloop.graph.snapshot import Edge, EdgeKind, Snapshot
ids = {f"c{n}" for n in range(60)}
edges = {Edge(EdgeKind.PREREQUISITE, f"c{n}", f"c{n * m}") for n in range(1, 30) for m in (2, 3)
         if n * m < 60}
s = Snapshot.build(1, ids, edges)
print(s.next({"c1", "c2"}), s.path(set(), "c48"), s.opens("c1"), s.gaps({"x": {"c1"}}, "c36"))
print("numpy" in sys.modules)
"""
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1
    assert answers.pop().endswith("False\n")
