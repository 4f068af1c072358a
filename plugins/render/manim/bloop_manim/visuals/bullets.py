"""A list."""

from __future__ import annotations

from bloop_manim.drawing.canvas import Box
from bloop_manim.drawing.recipes import card, disc
from bloop_manim.drawing.sketch import Sketch
from bloop_sdk.storyboard import Bullets


def draw(sketch: Sketch, visual: Bullets, scale: float) -> None:
    """Items below each other, a dot or a number before each; a band lies under the bright one."""
    theme, canvas, box = sketch.theme, sketch.canvas, sketch.box
    count, letters = len(visual.items), sum(map(len, visual.items))
    airy = count <= 4 and letters <= 60 * count
    size = canvas.body * scale * (1.12 if airy else 1.0)
    indent = size * (1.35 if visual.ordered else 1.0)
    width = box.width - indent
    blocks = [sketch.text(item, size, width=width) for item in visual.items]
    gap = size * (0.8 if airy else 0.52)
    height = sum(block.height for block in blocks) + gap * (count - 1)
    spare = box.height - height
    # Little text is opened up, but the eye still reads it as one list.
    more = min(max(0.0, spare * 0.35 / max(1, count - 1)), size * 0.55) if count > 1 else 0.0
    height += more * (count - 1)
    top = box.top - max(0.0, (box.height - height) * 0.42)
    for number, (item, block) in enumerate(zip(visual.items, blocks, strict=True), 1):
        part = f"item-{number}"
        pad = min(gap * 0.42, 0.16)
        band = Box(box.left - 0.22, top - block.height - pad, box.right + 0.22, top + pad)
        glow = card(band, theme.tint(theme.primary, 0.1), _edge(sketch), radius=0.1)
        sketch.add(
            glow,
            part,
            glow=True,
            motion="fade",
            box=Box(box.left, band.bottom + pad, box.right, band.top - pad),
        )
        x = box.right - indent - block.width if sketch.rtl else box.left + indent
        block.place(x, top)
        _mark(sketch, visual, number, block.at[1] + block.base + block.cap / 2, size)
        sketch.write(block, item, theme.ink, part)
        top -= block.height + gap + more


def _edge(sketch: Sketch) -> str | None:
    return sketch.theme.primary if sketch.theme.name == "contrast" else None


def _mark(sketch: Sketch, visual: Bullets, number: int, y: float, size: float) -> None:
    theme, box, part = sketch.theme, sketch.box, f"item-{number}"
    if visual.ordered:
        figure = sketch.text(f"{number}", size, style="bold")
        x = box.right - figure.width if sketch.rtl else box.left
        figure.place(x, y - figure.cap / 2 - figure.base)
        sketch.write(figure, f"{number}", theme.primary, part)
        return
    radius = size * 0.13
    x = box.right - radius if sketch.rtl else box.left + radius
    sketch.add(disc(x, y, radius, theme.primary), part)
