"""Diagrams for the module on hearing and digital sound."""

from __future__ import annotations

import math

from course_builder import svg
from course_builder.svg import Drawing


def ear() -> Drawing:
    """The ear as a chain of parts, drawn schematically."""
    d = Drawing("The ear, simplified", 720, 400)
    zones = (
        (20, 225, svg.PALE_GOLD, svg.GOLD, "Outer ear", "air"),
        (255, 175, svg.PALE_CORAL, svg.CORAL, "Middle ear", "bone"),
        (440, 260, svg.PALE_TEAL, svg.TEAL, "Inner ear", "fluid and nerve"),
    )
    for x, width, fill, colour, name, medium in zones:
        d.box(x, 20, width, 360, fill, radius=12)
        d.text(x + width / 2, 48, name, anchor="middle", size=18, bold=True, colour=colour)
        d.text(x + width / 2, 368, medium, anchor="middle", size=14, colour=svg.MUTED)
    d.raw_path(
        "M 88 118 C 44 92 34 178 50 214 C 62 246 92 262 98 236 L 98 218 L 250 214 "
        "M 88 118 C 104 128 100 158 98 178 L 250 178",
        "none",
        svg.GOLD,
        4,
    )
    d.raw_path("M 250 170 Q 264 196 250 222", "none", svg.INK, 5)
    d.text(60, 290, "pinna", anchor="middle", size=14)
    d.text(178, 164, "ear canal, ≈ 2.5 cm", anchor="middle", size=13)
    d.text(254, 250, "eardrum", anchor="middle", size=14, bold=True)
    d.raw_path("M 258 196 L 296 152 L 316 164 L 306 190 Z", svg.PAPER, svg.INK, 2.5)
    d.raw_path("M 316 164 L 356 158 L 366 196 L 350 194 Z", svg.PAPER, svg.INK, 2.5)
    d.raw_path("M 362 196 L 438 180 L 438 214 Z", svg.PAPER, svg.INK, 2.5)
    d.text(300, 138, "hammer", anchor="middle", size=14)
    d.text(362, 146, "anvil", anchor="middle", size=14)
    d.text(384, 236, "stirrup", anchor="middle", size=14)
    _cochlea(d)
    return d


def _cochlea(d: Drawing) -> None:
    d.raw_path("M 440 170 L 680 184 Q 692 196 680 208 L 440 222 Z", svg.PAPER, svg.TEAL, 3)
    d.raw_path("M 440 196 L 664 196", "none", svg.CORAL, 4)
    d.line((440, 176), (440, 218), svg.INK, 5)
    d.text(564, 158, "cochlea (unrolled), ≈ 3.5 cm", anchor="middle", size=14, bold=True)
    d.text(564, 248, "basilar membrane", anchor="middle", size=14, colour=svg.CORAL, bold=True)
    for place, label in ((466, "20 kHz"), (532, "4 kHz"), (585, "1 kHz"), (664, "20 Hz")):
        d.line((place, 262), (place, 274), svg.INK, 1.5)
        d.text(place, 292, label, anchor="middle", size=13)
    d.line((466, 268), (664, 268), svg.INK, 1.5)
    d.text(458, 318, "stiff end", size=13, colour=svg.MUTED)
    d.text(676, 318, "floppy end", size=13, anchor="end", colour=svg.MUTED)


def hearing_ranges() -> Drawing:
    """Frequency ranges of hearers and instruments on a logarithmic axis."""
    d = Drawing("Who hears what", 720, 380)
    left, decade = 170.0, 128.0

    def place(hertz: float) -> float:
        return left + decade * (math.log10(hertz) - 1)

    rows = (
        ("person (young)", 20, 20_000, svg.TEAL),
        ("dog", 67, 45_000, svg.GOLD),
        ("cat", 48, 85_000, svg.GOLD),
        ("elephant", 17, 10_500, svg.GOLD),
        ("piano keys", 27.5, 4186, svg.CORAL),
        ("violin, open G up", 196, 3520, svg.CORAL),
        ("bass voice", 82, 330, svg.CORAL),
    )
    for hertz, label in ((10, "10"), (100, "100"), (1e3, "1 k"), (1e4, "10 k"), (1e5, "100 k")):
        d.line((place(hertz), 30), (place(hertz), 316), svg.GRID, 1.2)
        d.text(place(hertz), 336, label, anchor="middle", size=13, colour=svg.MUTED)
    for row, (name, low, high, colour) in enumerate(rows):
        y = 40 + 40 * row
        d.text(left - 18, y + 15, name, anchor="end", size=14)
        d.box(place(low), y, place(high) - place(low), 20, colour, radius=10)
    d.text(left + 2 * decade, 362, "frequency (Hz), each step × 10", anchor="middle", size=14)
    d.text(612, 56, "hearing", size=13, colour=svg.MUTED)
    d.text(540, 216, "fundamentals", size=13, colour=svg.MUTED)
    d.text(540, 233, "of notes", size=13, colour=svg.MUTED)
    return d


def sampling() -> Drawing:
    """Enough samples, and too few: aliasing."""
    d = Drawing("Sampling and aliasing", 720, 400)
    left, right = 40.0, 690.0
    span = right - left
    d.text(left, 36, "Enough: 10 samples in every cycle", bold=True, colour=svg.TEAL)
    d.line((left, 110), (right, 110), svg.GRID, 1.2)
    d.curve(
        lambda x: 110 - 48 * math.sin(math.tau * 3 * (x - left) / span), left, right, svg.EDGE, 4
    )
    for n in range(31):
        x = left + span * n / 30
        y = 110 - 48 * math.sin(math.tau * 3 * n / 30)
        d.line((x, 110), (x, y), svg.TEAL, 1.5)
        d.dot(x, y, 5, svg.TEAL)
    d.text(left, 216, "Too few: 10 samples for 9 cycles", bold=True, colour=svg.CORAL)
    d.line((left, 290), (right, 290), svg.GRID, 1.2)
    d.curve(
        lambda x: 290 - 48 * math.sin(math.tau * 9 * (x - left) / span), left, right, svg.EDGE, 3
    )
    d.curve(
        lambda x: 290 + 48 * math.sin(math.tau * (x - left) / span),
        left,
        right,
        svg.CORAL,
        2.5,
        dash="7 6",
    )
    for n in range(11):
        d.dot(left + span * n / 10, 290 - 48 * math.sin(math.tau * 9 * n / 10), 6, svg.CORAL)
    d.text(
        365,
        378,
        "The same dots fit a false, slow wave just as well: that is an alias.",
        anchor="middle",
        size=14,
        colour=svg.MUTED,
    )
    return d
