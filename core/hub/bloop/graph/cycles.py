"""Cycles among prerequisites: finding one, and which edges give way so that there is none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bloop.store.errors import ConflictError


class CycleError(ConflictError):
    """Edges that somebody stands for would make a concept its own prerequisite.

    ``cycle`` holds the concepts' ids in order, the first once more at the end.
    """

    code = "prerequisite_cycle"

    def __init__(self, cycle: Sequence[str], names: Mapping[str, str] | None = None) -> None:
        told = " -> ".join((names or {}).get(one, one) for one in cycle)
        super().__init__(
            f"a concept would come before itself: {told}",
            cure="take one of these prerequisites away, or turn it round",
        )
        self.cycle = tuple(cycle)


@dataclass(frozen=True, slots=True)
class Arc:
    """A prerequisite ``source`` of ``target``; the weaker of two gives way, a ``fixed`` one never.

    ``strength`` is compared with that of other arcs only.
    """

    source: str
    target: str
    strength: float = 0.0
    fixed: bool = False


def find_cycle(arcs: Iterable[Arc]) -> list[Arc]:
    """The arcs of a cycle in their order, or nothing; the same for the same arcs in any order."""
    leaving: dict[str, list[Arc]] = defaultdict(list)
    for arc in sorted(arcs, key=lambda one: (one.source, one.target)):
        leaving[arc.source].append(arc)
    done: set[str] = set()
    for start in list(leaving):
        if start not in done and (found := _walk(start, leaving, done)):
            return found
    return []


def _walk(start: str, leaving: dict[str, list[Arc]], done: set[str]) -> list[Arc]:
    """Depth first without recursion: a chain of prerequisites may be longer than Python's stack."""
    trail: list[Arc] = []
    on_trail = {start}
    stack = [iter(leaving[start])]
    while stack:
        arc = next(stack[-1], None)
        if arc is None:
            stack.pop()
            here = trail.pop().target if trail else start
            on_trail.discard(here)
            done.add(here)
        elif arc.target in on_trail:
            trail.append(arc)
            return trail[next(i for i, one in enumerate(trail) if one.source == arc.target) :]
        elif arc.target not in done:
            trail.append(arc)
            on_trail.add(arc.target)
            stack.append(iter(leaving.get(arc.target, ())))
    return []


def giving_way(arcs: Sequence[Arc]) -> list[Arc]:
    """The arcs without which there is no cycle: of each cycle the weakest that is not fixed.

    Raises CycleError with the arcs of the cycle, as ``cycle``, where all of one are fixed.
    """
    gone: list[Arc] = []
    left = set(arcs)
    while left:
        left = _knotted(left)
        cycle = find_cycle(left)
        if not cycle:
            break
        loose = [arc for arc in cycle if not arc.fixed]
        if not loose:
            raise CycleError(_ids(cycle))
        weakest = min(loose, key=lambda one: (one.strength, one.source, one.target))
        gone.append(weakest)
        left.discard(weakest)
    return gone


def _ids(cycle: Sequence[Arc]) -> list[str]:
    return [arc.source for arc in cycle] + [cycle[-1].target]


def _knotted(arcs: set[Arc]) -> set[Arc]:
    """The arcs between concepts that neither begin nor end: only among those can cycles be."""
    for forward in (True, False):
        entering: dict[str, int] = defaultdict(int)
        leaving: dict[str, list[Arc]] = defaultdict(list)
        for arc in arcs:
            source, target = (arc.source, arc.target) if forward else (arc.target, arc.source)
            entering[target] += 1
            leaving[source].append(arc)
        free = [one for one in leaving if not entering[one]]
        cut: set[Arc] = set()
        while free:
            for arc in leaving.pop(free.pop(), ()):
                cut.add(arc)
                target = arc.target if forward else arc.source
                entering[target] -= 1
                if not entering[target]:
                    free.append(target)
        arcs = arcs - cut
    return arcs
