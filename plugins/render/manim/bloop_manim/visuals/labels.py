"""Where labels go so that they cover neither each other nor what they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bloop_manim.drawing.canvas import Box
from bloop_manim.drawing.text import Block

_DIRECTIONS: Final = (
    *((1, 1), (-1, 1), (1, -1), (-1, -1)),
    *((1, 0), (0, 1), (0, -1), (-1, 0)),
)


def beside(
    spot: tuple[float, float],
    block: Block,
    distance: float,
    taken: Sequence[Box],
    path: Sequence[tuple[float, float]],
    within: Box,
    *,
    towards: tuple[float, float] | None = None,
) -> Box:
    """The best place around a spot; ``towards`` is where it would best be."""
    best, least = None, float("inf")
    for rank, (dx, dy) in enumerate(_around(towards)):
        for far in (1.0, 1.8):
            place = _at(spot, block, distance * far, dx, dy)
            cost = rank * 0.02 + (far - 1) * 0.25
            cost += sum(40 * place.overlap(one) / (block.width * block.height) for one in taken)
            near = place.inset(-0.04)
            cost += 0.35 * sum(
                near.left < x < near.right and near.bottom < y < near.top for x, y in path
            )
            if not place.within(within):
                cost += 60
            if cost < least:
                best, least = place, cost
    assert best is not None
    return best


def _around(towards: tuple[float, float] | None) -> list[tuple[float, float]]:
    if towards is None:
        return [(float(x), float(y)) for x, y in _DIRECTIONS]
    return sorted(
        ((float(x), float(y)) for x, y in _DIRECTIONS),
        key=lambda d: -(d[0] * towards[0] + d[1] * towards[1]) / (abs(d[0]) + abs(d[1])) ** 0.5,
    )


def _at(spot: tuple[float, float], block: Block, distance: float, dx: float, dy: float) -> Box:
    reach = distance * (0.72 if dx and dy else 1.0)
    # Blocks have leading above and below; the eye sees the letters.
    high = block.height * 0.78
    x = spot[0] + dx * (reach + block.width / 2)
    y = spot[1] + dy * (reach + high / 2)
    return Box(x - block.width / 2, y - block.height / 2, x + block.width / 2, y + block.height / 2)


@dataclass(frozen=True, slots=True)
class Spread:
    """Places one above the other between two heights."""

    bottom: float
    top: float

    def of(self, wanted: Sequence[tuple[float, float, int]]) -> list[tuple[float, int]]:
        """Of (middle, height, name): middles that don't overlap, near to those wanted."""
        placed: list[list[float]] = []
        for y, height, name in sorted(wanted):
            low = placed[-1][0] + placed[-1][1] / 2 + height / 2 if placed else -1e9
            placed.append([max(y, low), height, name])
        ceiling = self.top + (placed[-1][1] / 2 if placed else 0.0)
        for one in reversed(placed):
            one[0] = min(one[0], ceiling - one[1] / 2)
            ceiling = one[0] - one[1] / 2
        return [(y, int(name)) for y, _, name in placed]
