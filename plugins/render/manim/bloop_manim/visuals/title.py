"""A title card."""

from __future__ import annotations

from bloop_manim.drawing.canvas import Box
from bloop_manim.drawing.recipes import card
from bloop_manim.drawing.sketch import Sketch
from bloop_sdk.storyboard import Title


def draw(sketch: Sketch, visual: Title, scale: float) -> None:
    """The title large, its subtitle below, and a mark of the institution's colour before both."""
    theme, canvas, box = sketch.theme, sketch.canvas, sketch.box
    width = box.width * (0.86 if canvas.wide else 1.0)
    # A long title is smaller from the start: a title card has air around it.
    size = canvas.hero * scale * (1.0 if len(visual.title) <= 34 else 0.82)
    title = sketch.text(
        visual.title, size, width=width, style="display", balanced=True, leading=1.16
    )
    small = canvas.body * 1.08 * min(1.0, scale * 1.1)
    subtitle = sketch.text(visual.subtitle, small, width=width, balanced=True, leading=1.4)
    gap = 0.26 if visual.subtitle else 0.0
    mark, air = 0.085, 0.36
    height = mark + air + title.height + gap + (subtitle.height if visual.subtitle else 0.0)
    top = box.y + height / 2 + 0.1
    left = box.left

    def start(width: float) -> float:
        return box.right - width if sketch.rtl else left

    long = size * 1.25
    bar = Box(start(long), top - mark, start(long) + long, top)
    sketch.add(card(bar, theme.primary, radius=mark / 2), "", motion="fade")
    title.place(start(title.width), top - mark - air)
    sketch.write(title, visual.title, theme.ink, "title")
    if visual.subtitle:
        subtitle.place(start(subtitle.width), title.box.bottom - gap)
        sketch.write(subtitle, visual.subtitle, theme.muted, "subtitle")
