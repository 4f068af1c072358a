"""A part of the graph, small enough to be looked at: what of it is shown, and what is between that.

Concepts give way twice where there are too many: those that are a part of another one here are
folded into it, then the least important are left out. What led through them leads on without them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from bloop.graph.edges import EdgeKind
from bloop.graph.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Extract:
    """``folded`` are the concepts that each of ``shown`` stands for besides itself."""

    shown: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    folded: Mapping[str, tuple[str, ...]]
    left_out: int


def extract(
    snapshot: Snapshot,
    concepts: Iterable[str],
    *,
    most: int,
    first: Sequence[str] = (),
    whole: Collection[str] = (),
) -> Extract:
    """At most ``most`` of some concepts, with the prerequisites between them.

    ``first`` are the most important ones, in their order; after them comes what has the most edges.
    What is in ``whole`` is folded into nothing. An edge that follows from others is left away:
    who sees A before B and B before C sees that A comes before C.
    """
    given = sorted(set(concepts))
    among = set(given)
    before = {one: sorted(among.intersection(snapshot.prerequisites(one, 1))) for one in given}
    stands = {one: one for one in given}
    if len(given) > most:
        stands = {one: _whole_of(snapshot, one, among, whole) for one in given}
        stands = _important(before, stands, first, most)
    shown = sorted(set(stands.values()))
    folded: dict[str, list[str]] = {one: [] for one in shown}
    for one, other in stands.items():
        if one != other:
            folded[other].append(one)
    return Extract(
        tuple(shown),
        tuple(_between(before, stands)),
        {one: tuple(some) for one, some in folded.items() if some},
        len(given) - len(stands),
    )


def _whole_of(
    snapshot: Snapshot, concept: str, among: Collection[str], whole: Collection[str]
) -> str:
    """The widest concept here that one is a part of, or itself; of parts in a ring the first."""
    passed = [concept]
    while passed[-1] not in whole:
        wider = snapshot.targets(passed[-1], EdgeKind.PART_OF)
        onward = next((one for one in wider if one in among), None)
        if onward is None:
            break
        if onward in passed:
            return min(passed[passed.index(onward) :])
        passed.append(onward)
    return passed[-1]


def _important(
    before: Mapping[str, Sequence[str]],
    stands: Mapping[str, str],
    first: Sequence[str],
    most: int,
) -> dict[str, str]:
    """What stands for each concept, of those alone that are important enough."""
    edges = dict.fromkeys(stands.values(), 0)
    for one, others in before.items():
        for other in others:
            edges[stands[one]] += 1
            edges[stands[other]] += 1
    rank = {one: at for at, one in reversed(list(enumerate(first)))}
    order = sorted(edges, key=lambda one: (rank.get(one, len(rank)), -edges[one], one))
    kept = set(order[:most])
    return {one: other for one, other in stands.items() if other in kept}


def _between(
    before: Mapping[str, Sequence[str]], stands: Mapping[str, str]
) -> list[tuple[str, str]]:
    """The prerequisites between what is shown: those that no others imply.

    Sets are ints, a bit for each that is shown, in an order in which prerequisites come first. An
    edge of something folded that would lead back in this order is not drawn.
    """
    order = list(TopologicalSorter(before).static_order())
    wholes = [one for one in order if stands.get(one) == one]
    bit = {one: at for at, one in enumerate(wholes)}
    direct = [0] * len(wholes)
    through: dict[str, int] = {}
    for one in order:
        nearest = 0
        for other in before[one]:
            stand = stands.get(other)
            nearest |= through[other] if stand is None else 1 << bit[stand]
        if one in stands:
            at = bit[stands[one]]
            direct[at] |= nearest & ((1 << at) - 1)
        else:
            through[one] = nearest
    found: list[tuple[str, str]] = []
    behind: list[int] = []
    for at, nearest in enumerate(direct):
        covered = 0
        while left := nearest & ~covered:
            nearer = left.bit_length() - 1
            covered |= behind[nearer] | 1 << nearer
            found.append((wholes[nearer], wholes[at]))
        behind.append(covered)
    return sorted(found)
