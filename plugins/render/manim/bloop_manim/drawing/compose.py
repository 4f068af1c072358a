"""A whole picture: the frame with heading and logo, and in it the visual at a size that fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from bloop_manim.drawing.canvas import HARD_CAP, Box, Canvas
from bloop_manim.drawing.color import unseen
from bloop_manim.drawing.raster import picture
from bloop_manim.drawing.recipes import bounds, card, line
from bloop_manim.drawing.sketch import Sketch, Written
from bloop_manim.drawing.theme import Theme, themed
from bloop_manim.visuals import drawer
from bloop_sdk.providers.render import Fault, ScenePlan

_SHRINK: Final = 0.94
_POWERS: Final = 12
_SLACK: Final = 0.03
_LOGO_WIDE: Final = 2.0
_LOGO_HIGH: Final = 0.5
_LOGO_PIXELS: Final = 720
"""Twice as many as it has in the largest video."""
_LOGO_SEEN: Final = 1.6
"""The contrast on paper with which a part of a logo is told from it."""
_LOGO_LOST: Final = 0.2
"""Parts of a logo that may be lost: a white letter in a blue disc is still there."""
_ON_PLATE: Final = 0.74
_NIGHT: Final = "#161b26"
_TOUCH: Final = 0.04
"""Share of a text that may be covered by another: boxes are larger than letters."""
_RIGHT_TO_LEFT: Final = frozenset({"ar", "he", "fa", "ur", "yi", "ps", "sd", "ckb", "dv", "ug"})


@dataclass(slots=True)
class Sheet:
    """A scene's picture, as a whole."""

    theme: Theme
    canvas: Canvas
    frame: Sketch
    content: Sketch
    room: Box
    scale: float
    fits: bool
    faults: tuple[Fault, ...] = ()


def compose(plan: ScenePlan) -> Sheet:
    """The picture at the largest size that fits; at the smallest one where none does."""
    theme, faults = themed(plan.look)
    canvas = Canvas.of(plan.look)
    frame = _sketch(plan, theme, canvas, canvas.safe)
    room = _framed(plan, frame)
    content, scale, fits = _largest(plan, frame, room)
    whole = content.bounds()
    if whole is not None and not whole.within(room, _SLACK):
        _squeezed(content, whole, room)
    return Sheet(theme, canvas, frame, content, room, scale, fits, faults)


def _largest(plan: ScenePlan, frame: Sketch, room: Box) -> tuple[Sketch, float, bool]:
    """The visual as large as it fits, or as small as it is still read; found by halving."""
    visual, draw = plan.scene.visual, drawer(plan.scene.visual)
    tried: dict[int, tuple[Sketch, float, bool]] = {}

    def enough(power: int) -> bool:
        if power not in tried:
            scale = round(_SHRINK**power, 4)
            content = _sketch(plan, frame.theme, frame.canvas, room)
            draw(content, visual, scale)
            whole = content.bounds()
            fits = whole is None or whole.within(room, _SLACK)
            tried[power] = content, scale, fits and not overlaps(content)
        return tried[power][2] or _floored(tried[power][0])

    low, high = 0, _POWERS
    if enough(0):
        return tried[0]
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    enough(high)
    return tried[high]


def overlaps(sketch: Sketch) -> list[tuple[Written, Written, float]]:
    """Pairs of texts that cover each other, and the share of the smaller one that is covered."""
    found = []
    texts = [text for text in sketch.texts if text.box.width > 0 and text.box.height > 0]
    for number, one in enumerate(texts):
        for other in texts[number + 1 :]:
            shared = one.box.overlap(other.box)
            if shared:
                least = min(t.box.width * t.box.height for t in (one, other))
                if shared > _TOUCH * least:
                    found.append((one, other, shared / least))
    return found


def _floored(content: Sketch) -> bool:
    """Whether a smaller size would not be read at all."""
    hard = content.canvas.least_cap(HARD_CAP)
    return any(text.cap * _SHRINK < hard for text in content.texts)


def _squeezed(content: Sketch, whole: Box, room: Box) -> None:
    """Never off the canvas: the picture as a whole is made smaller, and the check says so."""
    factor = min(room.width / whole.width, room.height / whole.height, 1.0)
    content.squeeze((whole.x, whole.y), factor, (room.x - whole.x, room.y - whole.y))


def _sketch(plan: ScenePlan, theme: Theme, canvas: Canvas, box: Box) -> Sketch:
    rtl = plan.language.split("-")[0].lower() in _RIGHT_TO_LEFT
    return Sketch(theme, canvas, box, plan.language, rtl=rtl, assets=plan.assets)


def _framed(plan: ScenePlan, frame: Sketch) -> Box:
    """Draw heading, rule and logo; gives the room that is left."""
    safe, canvas, theme = frame.box, frame.canvas, frame.theme
    logo = _logo(plan, frame)
    visual = plan.scene.visual
    heading = visual.title or plan.scene.title
    if visual.kind == "title" or not heading:
        return (
            safe
            if logo is None or visual.kind == "title"
            else Box(safe.left, safe.bottom, safe.right, logo.bottom - 0.2)
        )
    beside = logo is not None and not canvas.tall
    room = safe.width - (logo.width + 0.4 if logo and beside else 0.0)
    size = canvas.heading
    words = frame.text(
        heading, size, width=room, style="display", balanced=canvas.tall, leading=1.24
    )
    while words.lines > 2 and size > canvas.body * 0.85:
        size *= 0.93
        words = frame.text(heading, size, width=room, style="display", leading=1.24)
    top = safe.top + (0.08 if logo is None or beside else -0.1)
    words.place(safe.right - words.width if frame.rtl else safe.left, top)
    part = "title" if visual.title else ""
    frame.write(words, heading, theme.ink, part, marks=(), motion="fade")
    y = min(words.box.bottom, logo.bottom + 0.06 if logo else safe.top) - 0.14
    frame.add(
        line((safe.left, y), (safe.right, y), theme.line, 1.5 * theme.stroke), "", motion="fade"
    )
    length = min(0.9, safe.width / 5)
    start = safe.right - length if frame.rtl else safe.left
    frame.add(line((start, y), (start + length, y), theme.primary, 4), "", motion="fade")
    return Box(safe.left, safe.bottom, safe.right, y - 0.34)


def _logo(plan: ScenePlan, frame: Sketch) -> Box | None:
    """In the upper corner, on a plate where it would not be told from the paper."""
    if plan.look.logo is None:
        return None
    safe, theme = frame.box, frame.theme
    largest = Box(0, 0, min(_LOGO_WIDE, safe.width * 0.3), _LOGO_HIGH)
    made = picture(plan.look.logo, largest, _LOGO_PIXELS)
    if isinstance(made, str):
        frame.fault("asset", "logo", made)
        return None
    plate = _plate(made.get_pixel_array(), theme)
    if plate:
        made.scale(_ON_PLATE)
    air = _LOGO_HIGH * (1 - _ON_PLATE) / 2 if plate else 0.0
    half = made.width / 2 + air
    x = safe.left + half if frame.rtl else safe.right - half
    # Beside the heading's first line; above it where there is no room beside.
    up = _LOGO_HIGH / 2 if frame.canvas.tall else -0.2
    made.move_to((x, safe.top + up, 0.0))
    seen = bounds(made).inset(-air)
    if plate:
        frame.add(card(seen, plate, radius=0.1), "", motion="fade")
    frame.add(made, "", motion="fade")
    return seen


def _plate(logo: Any, theme: Theme) -> str | None:
    """The ground on which most of a logo is seen; None where the paper is good enough."""
    share = {one: unseen(logo, one, _LOGO_SEEN) for one in (theme.paper, "#ffffff", _NIGHT)}
    best = min(share, key=share.__getitem__)
    return None if best == theme.paper or share[theme.paper] < _LOGO_LOST else best
