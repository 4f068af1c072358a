"""What is reached from each node of an acyclic graph whose edges all lead up in number.

A graph of up to ``WHOLE`` nodes answers from its transitive closure, one bitset a node, made when
it is first asked. In a larger one, whose closure would take gigabytes, the edges are walked, and
what was found is kept for those asked lately; a walk that meets one of them takes its answer over.
"""

from __future__ import annotations

import threading
import weakref
from array import array
from collections.abc import Iterable, Sequence
from sys import getsizeof

from bloop.graph.bits import flags, from_flags, numbers

WHOLE = 8192
"""Nodes of the largest graph whose whole closure is made: 4 MB in each direction."""
SHARE = 8
"""A graph that is walked may keep answers in this part of the budget."""


class Budget:
    """A bound, in bytes, on the closures that many graphs keep; those not used lately go first."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: weakref.WeakKeyDictionary[Reach, int] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """Bytes kept now."""
        with self._lock:
            return sum(self._held.values())

    def hold(self, reach: Reach, size: int) -> None:
        """Note that ``reach`` keeps ``size`` bytes, and let others forget theirs if need be."""
        with self._lock:
            self._held[reach] = size
            over = sum(self._held.values()) - self.limit
            for last in (False, True):
                for other in list(self._held):
                    if over <= 0:
                        return
                    if other is reach:
                        continue
                    if other.used and not last:
                        other.used = False
                        continue
                    over -= self._held.pop(other)
                    other.forget()


class Reach:
    """One direction of a graph: ``rows[starts[n]:starts[n + 1]]`` are the neighbours of node n.

    Neighbours are ascending; those of a node are all lower than it, or, ``upward``, all higher.
    Two threads that make the same closure at once make equal ones; either may stay.
    """

    __slots__ = (
        "__weakref__",
        "_budget",
        "_closure",
        "_lately",
        "_rows",
        "_starts",
        "upward",
        "used",
    )

    def __init__(
        self, rows: Iterable[Sequence[int]], budget: Budget, *, upward: bool = False
    ) -> None:
        self._starts = array("I", [0])
        self._rows = array("I")
        for row in rows:
            self._rows.extend(row)
            self._starts.append(len(self._rows))
        self.upward = upward
        self.used = False
        self._budget = budget
        self._closure: list[int] | None = None
        self._lately: dict[int, int] = {}

    def turned(self) -> Reach:
        """The same edges the other way, of a downward one."""
        rows: list[list[int]] = [[] for _ in self._starts[1:]]
        for node in range(len(rows)):
            for other in self.row(node):
                rows[other].append(node)
        return Reach(rows, self._budget, upward=True)

    @property
    def small(self) -> bool:
        """Whether it answers from a closure."""
        return len(self._starts) <= WHOLE + 1

    @property
    def closed(self) -> bool:
        """Whether its closure is there."""
        return self._closure is not None

    def row(self, node: int) -> array[int]:
        """The neighbours of a node, ascending."""
        return self._rows[self._starts[node] : self._starts[node + 1]]

    def of(self, node: int) -> int:
        """All that is reached from ``node``, which itself is not in it, as bits."""
        self.used = True
        if not self.small:
            return self._walked(node)
        closure = self._closure
        if closure is None:
            closure = self._close()
        # Upwards a bitset begins at its node, which halves what all of them take.
        return closure[node] << node if self.upward else closure[node]

    def of_all(self, nodes: int) -> int:
        """All that is reached from any of ``nodes`` (bits), downward."""
        if not self.small:
            return from_flags(self._walk(numbers(nodes)))
        found = 0
        while nodes:
            top = nodes.bit_length() - 1
            below = self.of(top)
            found |= below
            nodes ^= (nodes & below) | 1 << top
        return found

    def within(self, node: int, depth: int) -> list[int]:
        """What is reached in at most ``depth`` steps, ascending."""
        found: set[int] = set()
        edge = {node}
        for _ in range(depth):
            edge = set().union(*map(self.row, edge)) - found
            if not edge:
                break
            found |= edge
        return sorted(found)

    def forget(self) -> None:
        """Let go of what can be made again."""
        self._closure = None
        self._lately = {}

    def _close(self) -> list[int]:
        closure = self._closed_upward() if self.upward else self._closed_downward()
        self._closure = closure
        self._budget.hold(self, sum(map(getsizeof, closure)) + getsizeof(closure))
        return closure

    def _closed_downward(self) -> list[int]:
        closure: list[int] = []
        own: list[int] = []  # With the node itself.
        for node in range(len(self._starts) - 1):
            found = 0
            for below in self.row(node):
                found |= own[below]
            closure.append(found)
            own.append(found | 1 << node)
        return closure

    def _closed_upward(self) -> list[int]:
        closure = [0] * (len(self._starts) - 1)
        for node in reversed(range(len(closure))):
            found = 0
            for above in self.row(node):
                found |= (closure[above] | 1) << above - node
            closure[node] = found
        return closure

    def _walked(self, node: int) -> int:
        found = self._lately.get(node)
        if found is None:
            found = from_flags(self._walk([node]))
            size = getsizeof(found)
            lately = dict(self._lately)
            while lately and (len(lately) + 1) * size > self._budget.limit // SHARE:
                del lately[next(iter(lately))]
            lately[node] = found
            self._lately = lately
            self._budget.hold(self, sum(map(getsizeof, lately.values())))
        return found

    def _walk(self, nodes: list[int]) -> bytearray:
        """Flags of what is reached from any of ``nodes``."""
        lately, starts, rows = self._lately, self._starts, self._rows
        seen = bytearray(len(starts) - 1)
        todo = list(nodes)
        while todo:
            node = todo.pop()
            if node in lately:
                both = from_flags(seen) | lately[node]
                seen = bytearray(flags(both).ljust(len(seen), b"\0"))
                continue
            for other in rows[starts[node] : starts[node + 1]]:
                if not seen[other]:
                    seen[other] = 1
                    todo.append(other)
        return seen
