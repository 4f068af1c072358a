"""What the concept graph is asked, against networkx and rustworkx: 10^5 concepts, 10^6 edges.

Programmes of 2,000 concepts, each of which needs ten random ones that come earlier. A learner is
half way to a goal. Ours gives ids in their order; `next` also ranks them. Peers give sets, their
`next` has no order, and rustworkx answers `ancestors` and `next` in its own indices: that is less
work than ours. All weights are 1. Times are of the CPU. Answers are compared before anything is
measured.

`KEY_vs_PEER` is the peer's time (`load`, `memory`: of a process that loads it, ours with all
closures made) over ours. `edit_vs_rebuild`: a build over an edit of five edges. In
`worst`, one programme holds all, and over a third are ancestors: `worst_first_vs_scipy` the first
time that they are asked for, `worst_again_vs_scipy` later. `growth_...`: a question at 10^6
concepts over the same at 10^3. `--quick` takes a tenth of everything.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from _graph_peers import NetworkX, RustworkX, Scipy
from _graph_worlds import NEEDS, World, learner, networkx, ours, rustworkx
from _harness import Bench, Row

from bloop.graph.snapshot import Snapshot

QUICK = "--quick" in sys.argv
NODES = 10**4 if QUICK else 10**5
PROGRAMME = 2000
SIZES = (10**3, 10**4) if QUICK else (10**3, 10**4, 10**5, 10**6)
GOALS = 20
ROUNDS = 3 if QUICK else 11
FRESH = Path(__file__).with_name("_graph_worlds.py")


def timed(function: Callable[[], object]) -> float:
    """CPU seconds of one call.

    None of this waits for anything, and on a busy machine a long call is interrupted while a short
    one is not, which would flatter the quicker.
    """
    begin = time.process_time()
    function()
    return time.process_time() - begin


def over(cases: Collection[tuple[Any, ...]], ask: Callable[..., object]) -> Callable[[], float]:
    """A case of the bench: seconds of one question, over all of ``cases``."""
    return lambda: timed(lambda: [ask(*case) for case in cases]) / len(cases)


def in_order(path: list[str], snapshot: Snapshot) -> bool:
    """Whether no concept of a path comes before one of its prerequisites."""
    place = {concept: at for at, concept in enumerate(path)}
    return all(
        place.get(source, -1) < at
        for concept, at in place.items()
        for source in snapshot.prerequisites(concept, 1)
    )


def questions(bench: Bench, world: World) -> None:
    """Ancestors, path and next, asked of everybody."""
    ids = world.ids()
    snapshot = ours(ids, world.pairs())
    nx, rx = NetworkX(networkx(ids, world.pairs())), RustworkX(*rustworkx(ids, world.pairs()))
    goals = random.Random(4).sample(ids, GOALS)
    learners = {goal: learner(snapshot, goal) for goal in goals}
    mine = [(snapshot.mask(known), goal) for goal, known in learners.items()]
    theirs = [(set(known), goal) for goal, known in learners.items()]
    rusty = [(rx.known(known), rx.index[goal]) for goal, known in learners.items()]
    for (mask, goal), (known, _), (indices, index) in zip(mine, theirs, rusty, strict=True):
        same(snapshot.prerequisites(goal), nx.ancestors(goal), rx.names(rx.ancestors(index)))
        same(snapshot.next(mask, goal), nx.next(known, goal), rx.names(rx.next(indices, index)))
        paths = snapshot.path(mask, goal), nx.path(known, goal), rx.path(indices, index)
        same(*paths)
        assert all(in_order(path, snapshot) for path in paths)
    same(snapshot.next(mine[0][0]), nx.anywhere(theirs[0][0]))

    for name in ("ancestors", "path", "next"):
        alone = name == "ancestors"
        asked = {
            "bloop": over([(g,) for _, g in mine] if alone else mine, ask_of(snapshot, name)),
            "networkx": over([(g,) for _, g in theirs] if alone else theirs, ask_of(nx, name)),
            "rustworkx": over([(g,) for _, g in rusty] if alone else rusty, ask_of(rx, name)),
        }
        compare(bench, name, asked)
    others(bench, snapshot, mine, theirs)
    anywhere = {
        "bloop": over([(mask, None, 10) for mask, _ in mine], snapshot.next),
        "networkx": over([theirs[0][:1]], nx.anywhere),
    }
    compare(bench, "next_anywhere", anywhere)


def ask_of(peer: object, name: str) -> Callable[..., object]:
    """A question's function."""
    found: Callable[..., object] = getattr(
        peer, "prerequisites" if isinstance(peer, Snapshot) and name == "ancestors" else name
    )
    return found


def same(*answers: Collection[str]) -> None:
    """All of them hold the same, each once."""
    first, *rest = answers
    assert all(len(answer) == len(first) and set(answer) == set(first) for answer in rest)


def compare(bench: Bench, name: str, asked: dict[str, Callable[[], float]]) -> None:
    """Measure one question of all, and keep the ratios to ours."""
    rows = bench.rounds({f"{name}, {who}": case for who, case in asked.items()}, rounds=ROUNDS)
    for who in [who for who in asked if who != "bloop"]:
        bench.ratio(f"{name}_vs_{who}", rows[f"{name}, {who}"], rows[f"{name}, bloop"])


def others(
    bench: Bench, snapshot: Snapshot, mine: list[Any], theirs: list[tuple[set[str], str]]
) -> None:
    """What has no peer: other ways of saying what is known, gaps of a class."""
    draw = random.Random(5).sample
    before = {goal: snapshot.prerequisites(goal) for _, goal in mine}
    holes = [(snapshot.mask(draw(b, len(b) // 2)), goal) for goal, b in before.items()]
    goal = max(before, key=lambda goal: len(before[goal]))
    class_of_30 = {
        str(n): snapshot.mask(before[goal][: n * len(before[goal]) // 30]) for n in range(30)
    }
    bench.rounds(
        {
            "path, known as a set of ids": over(theirs, snapshot.path),
            "path, a random half is known": over(holes, snapshot.path),
            "next, a random half is known": over(holes, snapshot.next),
            "gaps of 30 learners": over([(class_of_30, goal)], snapshot.gaps),
        },
        rounds=ROUNDS,
    )


@cache
def fresh(kind: str, nodes: int, programme: int, turn: int) -> dict[str, float]:
    """What a process that loads a graph prints; ``turn`` tells one from another."""
    del turn
    command = [sys.executable, FRESH, kind, str(nodes), str(programme)]
    found: dict[str, float] = json.loads(subprocess.check_output(command))
    return found


def loads(bench: Bench, world: World) -> None:
    """Seconds and memory of a load, each in a process of its own."""
    kinds = ("bloop", "networkx", "networkx, no weights", "rustworkx")
    for what, unit in (("load", "s"), ("memory", "MB")):
        rows = bench.rounds(
            {f"{what}, {kind}": turns(kind, world, what) for kind in kinds},
            rounds=3,
            warmup=0,
            unit=unit,
            scale=1,
        )
        for peer in ("networkx", "rustworkx"):
            bench.ratio(f"{what}_vs_{peer}", rows[f"{what}, {peer}"], rows[f"{what}, bloop"])


def turns(kind: str, world: World, what: str) -> Callable[[], float]:
    """A case that takes another process each time."""
    numbers = iter(range(100))
    return lambda: fresh(kind, world.nodes, world.programme, next(numbers))[what]


def edits(bench: Bench, world: World) -> None:
    """An edit of five edges within a programme, against building all anew."""
    ids = world.ids()
    edges = [(NEEDS, ids[source], ids[target], 1.0) for source, target in world.pairs()]
    snapshot = Snapshot.build(1, ids, edges)
    few = edges[len(edges) // 2 :][:5]
    rows = bench.rounds(
        {
            "edit of 5 edges": lambda: timed(lambda: snapshot.apply(2, removed_edges=few)),
            "build": lambda: timed(lambda: Snapshot.build(2, ids, edges)),
        },
        rounds=3,
        unit="ms",
        scale=1e3,
    )
    bench.ratio("edit_vs_rebuild", rows["build"], rows["edit of 5 edges"])


def worst(bench: Bench, nodes: int) -> None:
    """One programme that holds all, and the goal nearest to half of it as ancestors."""
    world = World(nodes, nodes)
    ids = world.ids()
    snapshot = ours(ids, world.pairs())
    rx, scipy = RustworkX(*rustworkx(ids, world.pairs())), Scipy(nodes, world.pairs())
    at = min(
        range(nodes // 2, nodes, nodes // 20), key=lambda n: abs(2 * len(rx.ancestors(n)) - nodes)
    )
    same(
        snapshot.prerequisites(ids[at]),
        rx.names(rx.ancestors(at)),
        [ids[n] for n in scipy.ancestors(at)[1:]],
    )
    count = len(rx.ancestors(at))
    names = {who: f"{count:,} ancestors, {who}" for who in ("first", "again", "scipy", "rustworkx")}

    def first() -> float:
        _, block, _ = snapshot._find(ids[at])
        block.before.forget()
        return timed(lambda: snapshot.prerequisites(ids[at]))

    rows = bench.rounds(
        {
            names["first"]: first,
            names["again"]: lambda: timed(lambda: snapshot.prerequisites(ids[at])),
            names["scipy"]: lambda: timed(lambda: scipy.ancestors(at)),
            names["rustworkx"]: lambda: timed(lambda: rx.ancestors(at)),
        },
        rounds=ROUNDS,
        unit="ms",
        scale=1e3,
    )
    for turn in ("first", "again"):
        for peer in ("scipy", "rustworkx"):
            bench.ratio(f"worst_{turn}_vs_{peer}", rows[names[peer]], rows[names[turn]])


def growth(bench: Bench, sizes: Iterable[int]) -> None:
    """From few concepts to many, each size in a process of its own."""
    units = {"load": "s", "memory": "MB", "ancestors": "us", "path": "us", "next": "us"}
    found: dict[str, list[Row]] = {what: [] for what in units}
    for nodes in sizes:
        # At 10^3 the only programme is as large as those of the others would be.
        seen = [fresh("bloop", nodes, min(nodes, PROGRAMME), turn) for turn in (0, 1)]
        for what, unit in units.items():
            row = Row(f"{nodes:,} concepts, {what}", unit, tuple(one[what] for one in seen))
            bench.rows.append(row)
            found[what].append(row)
    for what in ("ancestors", "path", "next"):
        bench.ratio(f"growth_{what}", found[what][-1], found[what][0])


def main() -> None:
    """Measure and print."""
    if QUICK:
        sys.argv.remove("--quick")
    bench = Bench("graph", peers=("networkx", "rustworkx", "scipy"))
    world = World(NODES, PROGRAMME)
    questions(bench, world)
    loads(bench, world)
    edits(bench, world)
    worst(bench, NODES)
    growth(bench, SIZES)
    bench.finish()


if __name__ == "__main__":
    main()
