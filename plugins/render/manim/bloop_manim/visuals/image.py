"""A picture of the lesson."""

from __future__ import annotations

from manim import DashedVMobject, Mobject, VMobject

from bloop_manim.drawing.canvas import Box
from bloop_manim.drawing.raster import picture
from bloop_manim.drawing.recipes import Recipe, bounds, card
from bloop_manim.drawing.sketch import Sketch
from bloop_sdk.storyboard import Image


def draw(sketch: Sketch, visual: Image, scale: float) -> None:
    """As large as it fits, its caption below; what can't be shown is told in a frame."""
    theme, canvas, box = sketch.theme, sketch.canvas, sketch.box
    size = canvas.label * scale * 1.08
    caption = sketch.text(
        visual.caption, size, width=box.width * 0.9, balanced=True, align="middle"
    )
    below = caption.height + 0.22 if visual.caption else 0.0
    room = Box(box.left, box.bottom + below, box.right, box.top)
    path = sketch.assets.get(visual.asset)
    made = picture(path, room, canvas.longer) if path else f"the asset {visual.asset!r} has no file"
    if isinstance(made, str):
        sketch.fault("asset", "image", made)
        bottom = _told(sketch, visual, room, scale)
    else:
        seen = bounds(made)
        sketch.add(made, "image", motion="fade", box=seen)
        sketch.add(card(seen, None, theme.line, radius=0.02), "image", motion="fade")
        bottom = seen.bottom
    if visual.caption:
        caption.place(box.x - caption.width / 2, bottom - 0.2)
        sketch.write(caption, visual.caption, theme.muted, "caption", label=True)


def _told(sketch: Sketch, visual: Image, room: Box, scale: float) -> float:
    """The words that stand for a picture; gives the bottom of their frame."""
    theme, canvas = sketch.theme, sketch.canvas
    words = visual.alt or "This picture can’t be shown."
    size = canvas.body * scale
    text = sketch.text(words, size, width=room.width * 0.78, balanced=True, align="middle")
    high = min(room.height, max(text.height + size * 2.4, room.height * 0.6))
    wide = min(room.width, max(text.width + size * 3, room.width * 0.6))
    frame = Box(room.x - wide / 2, room.y - high / 2, room.x + wide / 2, room.y + high / 2)
    sketch.add(card(frame, theme.card, radius=0.14), "image", motion="fade")
    edge = card(frame, None, theme.muted, radius=0.14, width=1.6)
    sketch.add(Recipe(frame, lambda: _dashed(edge)), "image", motion="fade")
    text.centre(frame.x, frame.y)
    sketch.write(text, words, theme.ink, "image", paper=theme.card)
    return frame.bottom


def _dashed(edge: Recipe) -> Mobject:
    made = edge.make()
    assert isinstance(made, VMobject)
    return DashedVMobject(made, num_dashes=90, dashed_ratio=0.55)
