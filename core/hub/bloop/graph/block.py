"""Concepts whose prerequisites lead to no concept outside: one or more whole programmes.

Concepts are numbered in one order, in which prerequisites come first: by cost (see
:func:`build_block`), then by level, then by id. A set of concepts is an int with their bits.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import compress
from operator import add

from bloop.graph.bits import flags, from_numbers, numbers, tally
from bloop.graph.closure import Budget, Reach
from bloop.store.errors import InvalidError

_AT_ONCE = 512


class CycleError(InvalidError):
    """Prerequisites that lead back to where they began; ``path`` holds the ids, in their order."""

    def __init__(self, path: Sequence[str]) -> None:
        around = " -> ".join([*path, path[0]])
        super().__init__(f"prerequisites form a cycle: {around}", cure="remove one of these edges")
        self.path = tuple(path)


class Block:
    """An immutable part of the graph that shares no prerequisite with the rest."""

    __slots__ = ("_after", "_open", "_weights", "before", "ids")

    def __init__(self, ids: Sequence[str], before: Reach, weights: array[float]) -> None:
        self.ids = tuple(ids)
        self.before = before
        self._after: Reach | None = None
        self._weights = weights
        self._open: list[tuple[int, int]] | None = None

    def named(self, bits: int) -> list[str]:
        """The ids of a set, prerequisites first."""
        return list(compress(self.ids, flags(bits)))

    @property
    def all(self) -> int:
        """All of its concepts."""
        return (1 << len(self.ids)) - 1

    @property
    def after(self) -> Reach:
        """What builds on each concept; made when it is first asked for."""
        if self._after is None:
            self._after = self.before.turned()
        return self._after

    @property
    def closed(self) -> bool:
        """Whether it answers from closures that are there."""
        return self.before.closed and self.after.closed

    def edges(self) -> Iterator[tuple[str, str, float]]:
        """All prerequisites, as source, target and weight."""
        ids, weights = self.ids, iter(self._weights)
        for at, target in enumerate(ids):
            for source in self.before.row(at):
                yield ids[source], target, next(weights)

    def behind(self, known: int) -> int:
        """What is not known though something known builds on it."""
        return self.before.of_all(known) & ~known if known else 0

    def path(self, goal: int, known: int, behind: int) -> int:
        """What has to be learned for ``goal``, which is the last of it; nothing if it is known."""
        if known >> goal & 1:
            return 0
        missing = self.before.of(goal) & ~known
        doubtful = missing & behind
        missing |= 1 << goal
        if not doubtful:
            return missing
        # All that builds on the rest of it is unknown too, so the rest is needed. Of the doubtful
        # some are wanted by known concepts alone; whoever has those can do without.
        needed = bytearray(flags(missing ^ doubtful).ljust(len(self.ids), b"\0"))
        spared = []
        for at in reversed(numbers(doubtful)):
            for other in self.after.row(at):
                if needed[other]:
                    needed[at] = 1
                    break
            else:
                spared.append(at)
        return missing ^ from_numbers(spared, goal)

    def ready(self, missing: int, behind: int) -> list[tuple[int, int]]:
        """Which of ``missing`` can be learned now, each after how many of them build on it.

        ``missing`` holds all unknown prerequisites of each of its concepts.
        """
        if not missing:
            return []
        found = self._first(missing, behind) if self.before.small else self._first_walked(missing)
        sure = [at for at in found if self.after.small and not behind >> at & 1]
        opened = [((self.after.of(at) & missing).bit_count(), at) for at in sure]
        if len(sure) < len(found):
            doubtful = sorted(set(found).difference(sure))
            if self.after.small:
                counts = self._needed_by(missing, missing & behind, doubtful)
            else:
                counts = self._needed_by_walked(missing, doubtful)
            opened += zip(counts, doubtful, strict=True)
        return opened

    def open(self) -> list[tuple[int, int]]:
        """What can be learned by who knows nothing here, as :meth:`ready` gives it."""
        if self._open is None:
            self._open = self.ready(self.all, 0)
        return self._open

    def _first(self, missing: int, behind: int) -> list[int]:
        """Those without a prerequisite among the others."""
        found = []
        rest, blocked = missing, 0
        while rest:
            lowest = rest & -rest
            at = lowest.bit_length() - 1
            if not blocked & lowest:
                found.append(at)
            if behind & lowest:
                rest ^= lowest
                for other in self.after.row(at):
                    blocked |= 1 << other
            else:
                # All that builds on it is unknown, step by step: none of that can be learned now.
                above = self.after.of(at)
                blocked |= above
                rest ^= (rest & above) | lowest
        return found

    def _first_walked(self, missing: int) -> list[int]:
        """The same in a block too large for a closure."""
        found, blocked = [], bytearray(len(self.ids))
        for at in numbers(missing):
            if not blocked[at]:
                found.append(at)
            for other in self.after.row(at):
                blocked[other] = 1
        return found

    def _needed_by(self, missing: int, doubtful: int, first: list[int]) -> list[int]:
        """How many of ``missing`` build on each of ``first``, over others of ``missing`` alone.

        ``doubtful`` of them something known builds on; ``first`` are some of these.
        """
        after, sure = self.after, missing ^ doubtful
        reached: dict[int, int] = {}  # What builds on each of the doubtful.
        for at in reversed(numbers(doubtful)):
            found = 0
            for other in after.row(at):
                if other in reached:
                    found |= reached[other] | 1 << other
                elif sure >> other & 1 and not found >> other & 1:
                    # All that builds on it is unknown, step by step.
                    found |= (after.of(other) & missing) | 1 << other
            reached[at] = found
        return [reached[at].bit_count() for at in first]

    def _needed_by_walked(self, missing: int, first: list[int]) -> list[int]:
        """The same in a block too large for a closure."""
        counts: list[int] = []
        inside = numbers(missing)
        for begin in range(0, len(first), _AT_ONCE):
            some = first[begin : begin + _AT_ONCE]
            marks = {at: 1 << number for number, at in enumerate(some)}
            reached = []
            for at in inside:
                mark = 0
                for other in self.before.row(at):
                    mark |= marks.get(other, 0)
                if mark:
                    marks[at] = mark
                    reached.append(mark)
            counts += tally(reached, len(some))
        return counts

    def chain(self, first: int, last: int) -> list[int]:
        """The shortest way up from ``first`` to ``last``; of equally short ones the lowest."""
        came: dict[int, int] = {first: first}
        edge = [first]
        while last not in came:
            reached: list[int] = []
            for at in edge:
                for other in self.after.row(at):
                    if other not in came and other <= last:
                        came[other] = at
                        reached.append(other)
            if not reached:
                return []
            edge = reached
        way = [last]
        while way[-1] != first:
            way.append(came[way[-1]])
        return way[::-1]


def build_block(
    group: Sequence[int], ids: Sequence[str], rows: Sequence[dict[int, float]], budget: Budget
) -> Block:
    """The block of the numbers in ``group``, ascending; ``ids`` and ``rows`` are by number.

    A row holds the weight of each prerequisite. A concept's cost is what the heaviest chain of
    prerequisites that leads to it weighs, its level the edges of the longest. Raises CycleError.
    """
    # Numbers of this block alone are a list's indices, and near each other in memory.
    inside = dict(zip(group, range(len(group)), strict=True))
    weighed = [rows[number] for number in group]
    sources = [[inside[source] for source in row] for row in weighed]
    order = _ordered(sources, weighed)
    if len(order) < len(group):
        done = {group[number] for number in order}
        raise CycleError([ids[number] for number in _cycle(rows, set(group) - done)])
    place = [0] * len(order)
    for at, number in enumerate(order):
        place[number] = at
    weights = array("d")

    def before() -> Iterator[list[int]]:
        for number in order:
            below = [place[source] for source in sources[number]]
            own: Collection[float] = weighed[number].values()
            if len(set(own)) > 1:
                own = [weight for _, weight in sorted(zip(below, own, strict=True))]
            weights.extend(own)
            below.sort()
            yield below

    reach = Reach(before(), budget)
    return Block([ids[group[number]] for number in order], reach, weights)


def _ordered(sources: Sequence[Sequence[int]], weighed: Sequence[Mapping[int, float]]) -> list[int]:
    """The numbers of the rows in the block's order, as far as they lead to no cycle.

    ``weighed`` has the weights of each row's ``sources``, in the same order.
    """
    after: list[list[int]] = [[] for _ in sources]
    for number, row in enumerate(sources):
        for source in row:
            after[source].append(number)
    waits = list(map(len, sources))
    done = [number for number, left in enumerate(waits) if not left]
    costs, levels = [0.0] * len(sources), [0] * len(sources)
    cost_of, level_of = costs.__getitem__, levels.__getitem__
    for number in done:
        if row := sources[number]:
            costs[number] = max(map(add, map(cost_of, row), weighed[number].values()))
            levels[number] = max(map(level_of, row)) + 1
        for target in after[number]:
            left = waits[target] - 1
            waits[target] = left
            if not left:
                done.append(target)
    return sorted(done, key=lambda n: (costs[n], levels[n], n))


def _cycle(rows: Sequence[dict[int, float]], waiting: set[int]) -> list[int]:
    """A cycle among the numbers that still wait for a prerequisite."""
    number = min(waiting)
    way: dict[int, None] = {}
    while number not in way:
        way[number] = None
        number = min(source for source in rows[number] if source in waiting)
    around = list(way)
    return around[around.index(number) :][::-1]
