"""What a visual draws: elements, each belonging to parts that cues name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from manim import ImageMobject, Line, Mobject, Polygon, RoundedRectangle, VMobject

from bloop_manim.drawing.canvas import BODY_CAP, LABEL_CAP, Box, Canvas
from bloop_manim.drawing.color import contrast
from bloop_manim.drawing.fonts import Style
from bloop_manim.drawing.text import Align, Block, block, shape
from bloop_manim.drawing.theme import Theme
from bloop_sdk.providers.render import Fault

Motion = Literal["rise", "fade", "draw"]


@dataclass(slots=True, eq=False)
class Element:
    """Something drawn at once.

    It is there while all of ``needs`` are shown, and stays bright while one of ``marks`` is
    highlighted. ``glow`` elements are there only while one of ``marks`` is.
    """

    mobject: Mobject
    needs: frozenset[str]
    marks: frozenset[str]
    box: Box
    glow: bool = False
    motion: Motion = "rise"


@dataclass(frozen=True, slots=True)
class Written:
    """A text as it was drawn, for the layout check."""

    part: str
    text: str
    box: Box
    cap: float
    least: float
    ink: str
    paper: str


@dataclass(slots=True)
class Sketch:
    """A picture in the making, within ``box``."""

    theme: Theme
    canvas: Canvas
    box: Box
    language: str
    rtl: bool = False
    assets: Mapping[str, Path] = field(default_factory=dict)
    elements: list[Element] = field(default_factory=list)
    texts: list[Written] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    letters: int = 0
    missing: int = 0

    def text(
        self,
        text: str,
        size: float,
        *,
        width: float = 1e9,
        style: Style = "body",
        align: Align = "start",
        balanced: bool = False,
        leading: float = 1.36,
        rtl: bool | None = None,
    ) -> Block:
        """A block of text, not yet placed; see :meth:`write`."""
        return block(
            text,
            size,
            width=width,
            style=style,
            language=self.language,
            align=align,
            balanced=balanced,
            leading=leading,
            rtl=self.rtl if rtl is None else rtl,
        )

    def write(
        self,
        words: Block,
        text: str,
        color: str,
        part: str,
        *,
        needs: Iterable[str] | None = None,
        marks: Iterable[str] | None = None,
        paper: str | None = None,
        label: bool = False,
        glow: bool = False,
        motion: Motion = "rise",
        halo: bool = False,
    ) -> Element:
        """Draw a placed block for a part (the empty name: for none).

        A ``halo`` of the paper's colour keeps it readable over lines.
        """
        self.letters += words.letters
        self.missing += words.missing
        for trouble in words.troubles:
            self.fault(trouble.code, part, trouble.message)
        self.texts.append(
            Written(
                part,
                text,
                words.inked,
                words.cap,
                self.canvas.least_cap(LABEL_CAP if label else BODY_CAP),
                color,
                paper or self.theme.paper,
            )
        )
        mobject = shape(words.ink, color)
        box = words.inked
        if halo:
            under = shape(words.ink, self.theme.paper).set_stroke(self.theme.paper, 7)
            self.add(under, part, needs=needs, marks=(), box=box, motion="fade")
        return self.add(
            mobject, part, needs=needs, marks=marks, box=box, glow=glow, motion=motion
        )

    def add(
        self,
        mobject: Mobject,
        part: str,
        *,
        needs: Iterable[str] | None = None,
        marks: Iterable[str] | None = None,
        box: Box | None = None,
        glow: bool = False,
        motion: Motion = "rise",
    ) -> Element:
        """Put a mobject on the picture, above what was put before."""
        own = frozenset([part]) if part else frozenset()
        element = Element(
            mobject,
            own if needs is None else frozenset(needs),
            own if marks is None else frozenset(marks),
            box or bounds(mobject),
            glow,
            motion,
        )
        mobject.set_z_index(len(self.elements) + 1)
        self.elements.append(element)
        return element

    def fault(self, code: str, part: str, message: str, *, mended: bool = False) -> None:
        """Note what is wrong."""
        self.faults.append(Fault(code=code, target=part, message=message, mended=mended))

    def bounds(self) -> Box | None:
        """The box of all that was drawn."""
        boxes = [element.box for element in self.elements]
        if not boxes:
            return None
        whole = boxes[0]
        for one in boxes[1:]:
            whole = whole.joined(one)
        return whole

    def shift(self, x: float, y: float) -> None:
        """Move everything."""
        for element in self.elements:
            element.mobject.shift(np.array([x, y, 0.0]))
            element.box = moved(element.box, x, y)
        self.texts = [
            Written(t.part, t.text, moved(t.box, x, y), t.cap, t.least, t.ink, t.paper)
            for t in self.texts
        ]

    def contrast_of(self, written: Written) -> float:
        """A text's contrast on what is below it."""
        return contrast(written.ink, written.paper)


def moved(box: Box, x: float, y: float) -> Box:
    """A box elsewhere."""
    return Box(box.left + x, box.bottom + y, box.right + x, box.top + y)


def bounds(mobject: Mobject) -> Box:
    """The box of a mobject."""
    if isinstance(mobject, ImageMobject):
        low, high = mobject.points.min(axis=0), mobject.points.max(axis=0)
    else:
        points = mobject.get_all_points()
        if not len(points):
            return Box(0, 0, 0, 0)
        low, high = points.min(axis=0), points.max(axis=0)
    return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def card(
    box: Box,
    fill: str,
    line: str | None = None,
    *,
    radius: float = 0.12,
    stroke: float = 1.5,
) -> VMobject:
    """A rounded rectangle."""
    radius = min(radius, box.width / 2, box.height / 2)
    made = RoundedRectangle(corner_radius=radius, width=box.width, height=box.height)
    made.set_fill(fill, 1.0)
    made.set_stroke(line or fill, stroke if line else 0.0)
    made.move_to([box.x, box.y, 0])
    return made


def line(a: tuple[float, float], b: tuple[float, float], color: str, width: float) -> VMobject:
    """A straight stroke."""
    made = Line([*a, 0], [*b, 0], stroke_color=color, stroke_width=width)
    return made


def triangle(corners: Iterable[tuple[float, float]], color: str) -> VMobject:
    """A filled polygon without an edge."""
    made = Polygon(*([x, y, 0] for x, y in corners))
    made.set_fill(color, 1.0)
    made.set_stroke(color, 0)
    return made
