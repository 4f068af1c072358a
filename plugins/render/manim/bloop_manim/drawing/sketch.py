"""What a visual draws: elements, each belonging to parts that cues name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from manim import Mobject

from bloop_manim.drawing.canvas import BODY_CAP, LABEL_CAP, Box, Canvas
from bloop_manim.drawing.color import contrast
from bloop_manim.drawing.fonts import Style
from bloop_manim.drawing.recipes import Recipe, bounds, outline
from bloop_manim.drawing.text import Align, Block, block
from bloop_manim.drawing.theme import Theme
from bloop_sdk.providers.render import Fault

Motion = Literal["rise", "fade", "draw"]


@dataclass(slots=True, eq=False)
class Element:
    """Something drawn at once.

    It is there while all of ``needs`` are shown, and stays bright while one of ``marks`` is
    highlighted. ``glow`` elements are there only while one of ``marks`` is.
    """

    recipe: Recipe
    level: int
    needs: frozenset[str]
    marks: frozenset[str]
    glow: bool = False
    motion: Motion = "rise"
    factor: float = 1.0
    about: tuple[float, float] = (0.0, 0.0)
    by: tuple[float, float] = (0.0, 0.0)
    made: Mobject | None = None

    @property
    def box(self) -> Box:
        """Where it is."""
        return moved(scaled(self.recipe.box, self.about, self.factor), *self.by)

    @property
    def mobject(self) -> Mobject:
        """What is drawn; made once."""
        if self.made is None:
            self.made = self.recipe.make()
            self.made.set_z_index(self.level)
            if self.factor != 1.0:
                self.made.scale(self.factor, about_point=np.array([*self.about, 0.0]))
            if any(self.by):
                self.made.shift(np.array([*self.by, 0.0]))
        return self.made


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
        if halo:
            under = outline(words.ink, self.theme.paper, self.theme.paper, 7)
            self.add(under, part, needs=needs, marks=(), motion="fade")
        made = outline(words.ink, color)
        return self.add(made, part, needs=needs, marks=marks, glow=glow, motion=motion)

    def add(
        self,
        drawn: Recipe | Mobject,
        part: str,
        *,
        needs: Iterable[str] | None = None,
        marks: Iterable[str] | None = None,
        box: Box | None = None,
        glow: bool = False,
        motion: Motion = "rise",
    ) -> Element:
        """Put a shape on the picture, above what was put before; ``box`` is what counts of it."""
        own = frozenset([part]) if part else frozenset()
        recipe = drawn if isinstance(drawn, Recipe) else ready(drawn)
        element = Element(
            recipe if box is None else Recipe(box, recipe.make),
            len(self.elements) + 1,
            own if needs is None else frozenset(needs),
            own if marks is None else frozenset(marks),
            glow,
            motion,
        )
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

    def squeeze(self, about: tuple[float, float], factor: float, by: tuple[float, float]) -> None:
        """Make everything smaller about a spot, and move it."""
        for element in self.elements:
            element.about, element.factor, element.by = about, factor, by
        self.texts = [
            replace(t, box=moved(scaled(t.box, about, factor), *by), cap=t.cap * factor)
            for t in self.texts
        ]

    def contrast_of(self, written: Written) -> float:
        """A text's contrast on what is below it."""
        return contrast(written.ink, written.paper)


def moved(box: Box, x: float, y: float) -> Box:
    """A box elsewhere."""
    return Box(box.left + x, box.bottom + y, box.right + x, box.top + y)


def scaled(box: Box, about: tuple[float, float], factor: float) -> Box:
    """A box made larger or smaller about a spot."""
    x, y = about
    return Box(
        x + (box.left - x) * factor,
        y + (box.bottom - y) * factor,
        x + (box.right - x) * factor,
        y + (box.top - y) * factor,
    )


def ready(mobject: Mobject) -> Recipe:
    """A mobject that is made already."""
    return Recipe(bounds(mobject), lambda: mobject)
