"""The plane that scenes are drawn on: eight units high, its origin in the middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bloop_sdk.providers.render import Look

HEIGHT: Final = 8.0
BODY_CAP: Final = 0.022
"""Least height of capitals of what has to be read, as a share of the picture's height."""
LABEL_CAP: Final = 0.0155
"""The same for labels, code, captions and indices."""
HARD_CAP: Final = 0.0138
"""Below this nothing is drawn as it is: the scene is refused."""
LEAST_PIXELS: Final = 6.5
"""Below this no letter is told from another, however small the picture."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle by its sides."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From bottom to top."""
        return self.top - self.bottom

    @property
    def x(self) -> float:
        """The middle, horizontally."""
        return (self.left + self.right) / 2

    @property
    def y(self) -> float:
        """The middle, vertically."""
        return (self.top + self.bottom) / 2

    def inset(self, x: float, y: float | None = None) -> Box:
        """Smaller by ``x`` at the left and right and ``y`` (or ``x``) at the top and bottom."""
        y = x if y is None else y
        return Box(self.left + x, self.bottom + y, self.right - x, self.top - y)

    def overlap(self, other: Box) -> float:
        """The area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, width) * max(0.0, height)

    def within(self, other: Box, slack: float = 0.01) -> bool:
        """Whether it lies inside another."""
        return (
            self.left >= other.left - slack
            and self.right <= other.right + slack
            and self.bottom >= other.bottom - slack
            and self.top <= other.top + slack
        )

    def joined(self, other: Box) -> Box:
        """The smallest that holds both."""
        return Box(
            min(self.left, other.left),
            min(self.bottom, other.bottom),
            max(self.right, other.right),
            max(self.top, other.top),
        )


@dataclass(frozen=True, slots=True)
class Canvas:
    """Sizes of one picture's format."""

    width: float
    pixels: int

    @classmethod
    def of(cls, look: Look) -> Canvas:
        """For a picture of some pixels."""
        return cls(HEIGHT * look.width / look.height, look.height)

    @property
    def longer(self) -> int:
        """Pixels along the longer side."""
        return round(self.pixels * max(1.0, self.width / HEIGHT))

    @property
    def tall(self) -> bool:
        """Whether it is higher than wide."""
        return self.width < HEIGHT * 0.85

    @property
    def wide(self) -> bool:
        """Whether two columns stand beside each other well."""
        return self.width > HEIGHT * 1.15

    @property
    def margin(self) -> float:
        """At the left and the right."""
        return 0.36 if self.tall else min(0.95, 0.066 * self.width)

    @property
    def body(self) -> float:
        """Size (em) of text that is read."""
        return 0.315 if self.tall else 0.4 if self.wide else 0.37

    @property
    def label(self) -> float:
        """Size of labels and captions."""
        return self.body * 0.76

    @property
    def heading(self) -> float:
        """Size of a scene's heading."""
        return self.body * 1.12

    @property
    def hero(self) -> float:
        """Size of a title card's title."""
        return 0.52 if self.tall else 0.94 if self.wide else 0.72

    @property
    def whole(self) -> Box:
        """All of it."""
        return Box(-self.width / 2, -HEIGHT / 2, self.width / 2, HEIGHT / 2)

    @property
    def safe(self) -> Box:
        """Within the margins; below, players lay captions over a picture."""
        side = self.width / 2 - self.margin
        high = 0.75 if self.tall else 0.55
        return Box(-side, -HEIGHT / 2 + high + 0.15, side, HEIGHT / 2 - high)

    def least_cap(self, floor: float) -> float:
        """The least height of capitals in units, of a share of the height."""
        return max(floor * HEIGHT, LEAST_PIXELS * HEIGHT / self.pixels)
