"""From edges to blocks: concepts that hang together, packed so that no block is tiny."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bloop.graph.block import Block, build_block
from bloop.graph.closure import Budget

PACKED = 1024
"""Programmes of fewer concepts share a block until it holds this many."""


class Prerequisites:
    """Prerequisites among ``ids``, ascending and each once, before they are blocks."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._ids = ids
        self._numbers = {concept: number for number, concept in enumerate(ids)}
        self._rows: list[dict[int, float]] = [{} for _ in ids]

    def add(self, edges: Iterable[tuple[str, str, float]]) -> None:
        """Add edges: source, target, weight; of the same edge twice the lower weight counts."""
        numbers, rows = self._numbers, self._rows
        last, row = None, {}  # Edges mostly come by target.
        for source, target, weight in edges:
            if target is not last:
                last, row = target, rows[numbers[target]]
            number = numbers[source]
            if row.setdefault(number, weight) > weight:
                row[number] = weight

    def blocks(self, budget: Budget) -> list[Block]:
        """All ids in blocks, which no edge leaves. Raises CycleError."""
        found = []
        for group in self._groups():
            found.append(build_block(group, self._ids, self._rows, budget))
            for number in group:
                self._rows[number] = {}  # Its memory serves the next block.
        return found

    def _groups(self) -> list[list[int]]:
        """The numbers of each block, ascending."""
        groups: list[list[int]] = []
        shared: list[int] = []
        for programme in self._programmes():
            if len(programme) >= PACKED:
                groups.append(programme)
                continue
            shared += programme
            if len(shared) >= PACKED:
                groups.append(sorted(shared))
                shared = []
        return [*groups, sorted(shared)] if shared else groups

    def _programmes(self) -> Iterable[list[int]]:
        """What hangs together, by union and find."""
        root = list(range(len(self._rows)))
        for target, row in enumerate(self._rows):
            top = target
            while root[top] != top:
                root[top] = top = root[root[top]]
            for source in row:
                other = root[source]
                if other == top:
                    continue
                while root[other] != other:
                    root[other] = other = root[root[other]]
                if other < top:
                    root[top] = top = other
                else:
                    root[other] = top
        found: dict[int, list[int]] = {}
        for number in range(len(root)):
            top = number
            while root[top] != top:
                root[top] = top = root[root[top]]
            found.setdefault(top, []).append(number)
        return found.values()
