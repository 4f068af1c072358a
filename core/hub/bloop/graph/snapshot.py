"""The graph of concepts in memory: built from rows, followed edit by edit, asked in microseconds.

A snapshot is immutable and may be asked by many threads at once; an edit gives another one, which
shares with it whatever the edit did not touch. Answers depend on concepts and edges alone, not on
the order in which they came or on what was asked before. What is kept is 16 bytes an edge, and,
within a bound, the closures of the programmes that were asked about.

    snapshot = Snapshot.build(7, ["a", "b", "c"], [Edge(EdgeKind.PREREQUISITE, "a", "b")])
    snapshot.path(known=[], goal="b")  # ["a", "b"]
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import compress
from typing import Any

from bloop.graph.bits import flags, from_numbers, tally
from bloop.graph.block import Block, CycleError
from bloop.graph.closure import WHOLE, Budget
from bloop.graph.edges import LINKS, AnyEdge, Edge, EdgeKind, prerequisites
from bloop.graph.links import NONE, Links
from bloop.graph.parts import PACKED, Prerequisites
from bloop.store.errors import InvalidError, NotFoundError

__all__ = ["CycleError", "Edge", "EdgeKind", "Known", "Mask", "Snapshot"]

CLOSURES = 256 * 2**20
"""Bytes that the closures of a snapshot, and of those that follow it, may take together."""
_LOW = 0xFFFF_FFFF
_UP = 32


class Mask:
    """Some concepts, such as what somebody knows, for one snapshot: see :meth:`Snapshot.mask`."""

    __slots__ = ("_behind", "bits", "snapshot")

    def __init__(self, snapshot: Snapshot, bits: dict[int, int]) -> None:
        self.snapshot = snapshot
        self.bits = bits
        """Those of each block that has any."""
        self._behind: dict[int, int] = {}

    def __contains__(self, concept: object) -> bool:
        at = self.snapshot.place_of(concept)
        return at is not None and bool(self.bits.get(at >> _UP, 0) >> (at & _LOW) & 1)

    def turned(self, concepts: Iterable[str]) -> Mask:
        """The same, but that it holds those of ``concepts`` that this does not, and no others."""
        bits = dict(self.bits)
        for concept in concepts:
            at = self.snapshot.place_of(concept)
            if at is not None:
                bits[at >> _UP] = bits.get(at >> _UP, 0) ^ 1 << (at & _LOW)
        return Mask(self.snapshot, bits)

    def behind(self, place: int, block: Block) -> int:
        """What known concepts of a block build on, as far as it is unknown."""
        found = self._behind.get(place)
        if found is None:
            found = self._behind[place] = block.behind(self.bits.get(place, 0))
        return found


Known = Collection[str] | Mask
"""Ids, of which those not in the graph don't matter; or what :meth:`Snapshot.mask` made of them."""


class Snapshot:
    """All concepts and edges at one ``version``; made by :meth:`build` and :meth:`apply`.

    A concept that is asked about and not there is a NotFoundError. In answers prerequisites come
    first, among others the cheaper (to which the heaviest chain of prerequisites weighs less), then
    those with the shorter chain, then the lower id.
    """

    __slots__ = ("_blocks", "_budget", "_links", "_places", "version")

    def __init__(
        self,
        version: int,
        places: dict[str, int],
        blocks: list[Block | None],
        links: Mapping[EdgeKind, Links],
        budget: Budget,
    ) -> None:
        self.version = version
        self._places = places
        self._blocks = blocks
        self._links = links
        self._budget = budget

    @classmethod
    def build(
        cls,
        version: int,
        concepts: Iterable[str],
        edges: Iterable[AnyEdge],
        *,
        closures: int = CLOSURES,
    ) -> Snapshot:
        """A snapshot of everything; ``closures`` bounds the bytes that closures may take.

        The same concept or edge twice is one; of two weights the lower counts. An edge from a
        concept to itself or to one that is not there, of an unknown kind or with a weight that is
        negative or not finite is an InvalidError, a cycle of prerequisites a CycleError.
        """
        ids = set(concepts)
        made = Prerequisites(sorted(ids))
        links: dict[EdgeKind, set[tuple[str, str]]] = {kind: set() for kind in LINKS}
        made.add(prerequisites(edges, ids, links))
        budget = Budget(closures)
        linked = {kind: NONE.changed((), links[kind]) for kind in LINKS}
        empty = cls(version, {}, [], linked, budget)
        return empty._with(version, made.blocks(budget), linked)

    def apply(
        self,
        version: int,
        *,
        added_concepts: Iterable[str] = (),
        removed_concepts: Iterable[str] = (),
        added_edges: Iterable[AnyEdge] = (),
        removed_edges: Iterable[AnyEdge] = (),
    ) -> Snapshot:
        """The snapshot after an edit: what is removed goes first, a concept with all its edges.

        What is there already, or is not there to be removed, is no error, so that an edit may come
        twice. An edge's new weight counts if it is lower, or if the edge is removed as well. Errors
        are those of :meth:`build`. The blocks that the edit touches are made anew, which costs
        their share of a whole build.
        """
        gone = self._places.keys() & set(removed_concepts)
        fresh = set(added_concepts) - (self._places.keys() - gone)
        after = _Either(fresh, self._places, gone)
        new: dict[EdgeKind, set[tuple[str, str]]] = {kind: set() for kind in LINKS}
        old: dict[EdgeKind, set[tuple[str, str]]] = {kind: set() for kind in LINKS}
        added = list(prerequisites(added_edges, after, new))
        # Only those between concepts that are there can have been in the graph.
        there = (edge for edge in removed_edges if {*edge[1:3]} <= self._places.keys())
        removed = {
            (source, target) for source, target, _ in prerequisites(there, self._places, old)
        }
        named = {concept for source, target, _ in added for concept in (source, target)}
        named.update(*removed)

        touched = {self._places[concept] >> _UP for concept in gone | named - fresh}
        if fresh:
            touched |= self._smallest()
        made = self._made(touched, gone, fresh, removed)
        made.add(added)
        links = {}
        for kind, linked in self._links.items():
            links[kind] = linked.changed(old[kind] | linked.of(gone), new[kind])
        return self._with(version, made.blocks(self._budget), links, touched=touched, gone=gone)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, concept: object) -> bool:
        return concept in self._places

    def place_of(self, concept: Any) -> int | None:
        """Where a concept is, for a :class:`Mask`: its block, and below that its number there."""
        return self._places.get(concept)

    def edges(self) -> Iterator[Edge]:
        """All edges, in no order to rely on; of other kinds than prerequisites without a weight."""
        for block in filter(None, self._blocks):
            for source, target, weight in block.edges():
                yield Edge(EdgeKind.PREREQUISITE, source, target, weight)
        for kind, links in self._links.items():
            for source, targets in links.targets.items():
                yield from (Edge(kind, source, target) for target in targets)

    def mask(self, known: Collection[str]) -> Mask:
        """What is known, prepared: worth it for whoever asks more than once."""
        found: dict[int, list[int]] = {}
        places = self._places
        for concept in known:
            at = places.get(concept)
            if at is not None:
                found.setdefault(at >> _UP, []).append(at & _LOW)
        bits = {}
        for place, numbers in found.items():
            bits[place] = from_numbers(numbers, len(self._block(place).ids))
        return Mask(self, bits)

    def prerequisites(self, concept: str, depth: int | None = None) -> list[str]:
        """What has to be known before ``concept``: all of it, or what ``depth`` steps lead to."""
        _, block, at = self._find(concept)
        if depth is None:
            return block.named(block.before.of(at))
        return [block.ids[number] for number in block.before.within(at, _steps(depth))]

    def way_to(self, goals: Iterable[str]) -> Mask:
        """The goals and all their prerequisites; a goal that is not there has none."""
        bits: dict[int, int] = {}
        for place, block, at in map(self._find, filter(self.__contains__, goals)):
            bits[place] = bits.get(place, 0) | block.before.of(at) | 1 << at
        return Mask(self, bits)

    def at_hand(self, goal: str | None) -> bool:
        """Whether ``next`` is answered from what is there, without a closure or a long walk."""
        if goal is not None:
            return self._find(goal)[1].closed
        return len(self) <= WHOLE and all(block is None or block.closed for block in self._blocks)

    def opens(self, concept: str, depth: int | None = None) -> list[str]:
        """What builds on ``concept``: all of it, or what ``depth`` steps lead to."""
        _, block, at = self._find(concept)
        if depth is None:
            return block.named(block.after.of(at))
        return [block.ids[number] for number in block.after.within(at, _steps(depth))]

    def sources(self, concept: str, kind: EdgeKind) -> list[str]:
        """Where edges of one kind that lead to ``concept`` come from, by id."""
        self._find(concept)
        if kind == EdgeKind.PREREQUISITE:
            return sorted(self.prerequisites(concept, 1))
        return list(self._links[kind].sources.get(concept, ()))

    def targets(self, concept: str, kind: EdgeKind) -> list[str]:
        """Where edges of one kind that leave ``concept`` lead to, by id."""
        self._find(concept)
        if kind == EdgeKind.PREREQUISITE:
            return sorted(self.opens(concept, 1))
        return list(self._links[kind].targets.get(concept, ()))

    def path(self, known: Known, goal: str) -> list[str]:
        """What to learn, in this order, to get to ``goal``, which comes last; nothing if known.

        It holds the unknown prerequisites of all that is on it, and no more: what only leads to
        ``goal`` through something known has been done without.
        """
        place, block, at = self._find(goal)
        return block.named(self._missing(place, block, at, self._mask(known)))

    def next(self, known: Known, goal: str | None = None, limit: int | None = None) -> list[str]:
        """What can be learned now: unknown, and each direct prerequisite known; best first.

        With a goal, those on the path to it, first what most of the path builds on, then in the
        path's order. Without one, first what most unknown concepts build on, by way of unknown ones
        alone, then by id.
        """
        mask = self._mask(known)
        if goal is None:
            return self._next_anywhere(mask, limit)
        place, block, at = self._find(goal)
        missing = self._missing(place, block, at, mask)
        ready = [(-opened, at) for opened, at in block.ready(missing, mask.behind(place, block))]
        return [block.ids[at] for _, at in sorted(ready)[:limit]]

    def gaps(self, known_by_learner: Mapping[str, Known], goal: str) -> dict[str, int]:
        """On how many learners' paths each prerequisite of ``goal``, and itself, stands."""
        place, block, at = self._find(goal)
        masks = map(self._mask, known_by_learner.values())
        counts = tally((self._missing(place, block, at, mask) for mask in masks), at + 1)
        wanted = flags(block.before.of(at) | 1 << at)
        return dict(zip(compress(block.ids, wanted), compress(counts, wanted), strict=True))

    def cycle(self, source: str, target: str) -> list[str] | None:
        """The path from ``target`` to ``source`` that a prerequisite source -> target would close.

        The shortest one; None if it may be added.
        """
        place, block, last = self._find(source)
        other, _, first = self._find(target)
        if place != other or first > last:
            return None
        return [block.ids[at] for at in block.chain(first, last)] or None

    def _find(self, concept: str) -> tuple[int, Block, int]:
        at = self._places.get(concept)
        if at is None:
            raise NotFoundError(f"no concept {concept} in version {self.version} of the graph")
        return at >> _UP, self._block(at >> _UP), at & _LOW

    def _block(self, place: int) -> Block:
        block = self._blocks[place]
        assert block is not None
        return block

    def _mask(self, known: Known) -> Mask:
        if not isinstance(known, Mask):
            return self.mask(known)
        if known.snapshot is not self:
            raise InvalidError(
                f"a mask of version {known.snapshot.version} was used on version {self.version}",
                cure="make it with the mask() of the snapshot that is asked",
            )
        return known

    def _missing(self, place: int, block: Block, goal: int, mask: Mask) -> int:
        return block.path(goal, mask.bits.get(place, 0), mask.behind(place, block))

    def _next_anywhere(self, mask: Mask, limit: int | None) -> list[str]:
        found: list[tuple[int, str]] = []
        for place, block in enumerate(self._blocks):
            if block is None:
                continue
            ready = block.open()
            if known := mask.bits.get(place):
                missing = block.all ^ known
                ready = block.ready(missing, mask.behind(place, block))
            found += [(-opened, block.ids[at]) for opened, at in ready]
        best = sorted(found) if limit is None else heapq.nsmallest(limit, found)
        return [concept for _, concept in best]

    def _smallest(self) -> set[int]:
        """The block to which new concepts go: without one, each edit would leave a tiny block."""
        sizes = [(len(block.ids), at) for at, block in enumerate(self._blocks) if block]
        size, place = min(sizes, default=(PACKED, 0))
        return {place} if size < PACKED else set()

    def _made(
        self,
        touched: Collection[int],
        gone: Collection[str],
        fresh: Collection[str],
        removed: Collection[tuple[str, str]],
    ) -> Prerequisites:
        """What stays of the touched blocks, with new concepts."""
        blocks = [self._block(place) for place in touched]
        ids = {concept for block in blocks for concept in block.ids}
        made = Prerequisites(sorted(ids.difference(gone).union(fresh)))
        for block in blocks:
            made.add(
                edge
                for edge in block.edges()
                if edge[:2] not in removed and edge[0] not in gone and edge[1] not in gone
            )
        return made

    def _with(
        self,
        version: int,
        made: Iterable[Block],
        links: Mapping[EdgeKind, Links],
        *,
        touched: Collection[int] = (),
        gone: Collection[str] = (),
    ) -> Snapshot:
        """A copy with other blocks in place of the touched ones."""
        places, blocks = dict(self._places), list(self._blocks)
        for concept in gone:
            del places[concept]
        for place in touched:
            blocks[place] = None
        free = [place for place, block in enumerate(blocks) if block is None]
        for block in made:
            place = free.pop() if free else len(blocks)
            blocks[place : place + 1] = [block]
            for at, concept in enumerate(block.ids):
                places[concept] = place << _UP | at
        return Snapshot(version, places, blocks, links, self._budget)


def _steps(depth: int) -> int:
    if depth < 1:
        raise InvalidError(f"depth {depth} is not 1 or more", field="depth")
    return depth


class _Either:
    """The concepts that there are after an edit."""

    def __init__(
        self, fresh: Collection[str], places: Mapping[str, int], gone: Collection[str]
    ) -> None:
        self._fresh = fresh
        self._places = places
        self._gone = gone

    def __contains__(self, concept: object) -> bool:
        if concept in self._fresh:
            return True
        return concept in self._places and concept not in self._gone
