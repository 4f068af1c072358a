"""Diagrams for the modules on harmonics and tuning."""

from __future__ import annotations

import math

from course_builder import svg
from course_builder.svg import Drawing

COLOURS = (svg.TEAL, svg.CORAL, svg.GOLD, svg.VIOLET)
OVERSHOOT = 14.0  # degrees by which the drawn circle of fifths misses (exaggerated)


def string_modes() -> Drawing:
    """The first four modes of a string fixed at both ends."""
    d = Drawing("Modes of a string", 720, 460)
    left, right = 150.0, 560.0
    for index, colour in enumerate(COLOURS):
        mode, base = index + 1, 70 + 100 * index

        length = 2 * (right - left) / mode
        d.line((left, base), (right, base), svg.GRID, 1.2)
        d.curve(svg.sine(base, 32, left, length), left, right, colour, 3)
        d.curve(svg.sine(base, -32, left, length), left, right, colour, 1.6, dash="5 5")
        for node in range(mode + 1):
            d.dot(left + (right - left) * node / mode, base, 5, svg.PAPER, svg.INK)
        d.text(30, base + 5, f"mode {mode}", bold=True, colour=colour)
        wave = ("λ = 2L", "λ = L", "λ = 2L/3", "λ = L/2")[index]
        d.text(590, base - 5, f"f = {mode if mode > 1 else ''}f₁", bold=True)
        d.text(590, base + 16, wave, colour=svg.MUTED)
    d.dot(190, 437, 5, svg.PAPER, svg.INK)
    d.text(204, 442, "node: never moves", size=14)
    d.line((380, 437), (410, 437), svg.MUTED, 1.6, "5 5")
    d.text(420, 442, "half a period later", size=14)
    return d


def pipe_modes() -> Drawing:
    """Displacement patterns in open and stopped pipes."""
    d = Drawing("Modes of open and stopped pipes", 720, 400)
    columns = (
        (40.0, "Open at both ends", False, svg.TEAL),
        (390.0, "Stopped at one end", True, svg.CORAL),
    )
    for left, heading, stopped, colour in columns:
        d.text(left, 36, heading, bold=True, size=17, colour=colour)
        for index in range(3):
            _pipe(d, left, 90 + 100 * index, index, colour, stopped=stopped)
    d.text(
        360,
        384,
        "The curves show how far the air moves along the pipe, drawn sideways.",
        anchor="middle",
        size=14,
        colour=svg.MUTED,
    )
    return d


def _pipe(d: Drawing, left: float, base: float, index: int, colour: str, *, stopped: bool) -> None:
    length, half = 210.0, 26.0
    number = 2 * index + 1 if stopped else index + 1
    quarters = number if stopped else 2 * number
    d.line((left, base - half), (left + length, base - half), svg.INK, 3)
    d.line((left, base + half), (left + length, base + half), svg.INK, 3)
    if stopped:
        d.line((left, base - half), (left, base + half), svg.INK, 5)

    turn = 0 if stopped else 0.25
    wavelength = 4 * length / quarters
    d.curve(svg.sine(base, 19, left, wavelength, turn), left, left + length, colour, 3)
    d.curve(
        svg.sine(base, -19, left, wavelength, turn), left, left + length, colour, 1.6, dash="5 5"
    )
    prefix = "" if number == 1 else str(number)
    d.text(left + length + 18, base - 3, f"f = {prefix}f₁", bold=True)
    wave = (
        {1: "λ = 4L", 3: "λ = 4L/3", 5: "λ = 4L/5"}
        if stopped
        else {1: "λ = 2L", 2: "λ = L", 3: "λ = 2L/3"}
    )
    d.text(left + length + 18, base + 18, wave[number], colour=svg.MUTED)


def building_a_square() -> Drawing:
    """Odd harmonics adding up to a square wave, with their spectrum."""
    d = Drawing("Adding harmonics", 720, 440)
    left, right = 40.0, 430.0
    stages = (
        (1, "first harmonic alone"),
        (3, "harmonics 1 + 3"),
        (9, "harmonics 1 + 3 + 5 + 7 + 9"),
    )
    for index, (highest, label) in enumerate(stages):
        base, colour = 90 + 135 * index, COLOURS[index]

        def total(x: float, base: int = base, highest: int = highest) -> float:
            t = math.tau * 2 * (x - left) / (right - left)
            return base - 40 * sum(math.sin(n * t) / n for n in range(1, highest + 1, 2))

        d.line((left, base), (right, base), svg.GRID, 1.2)
        d.curve(total, left, right, colour, 3, step=1)
        d.text(left, base - 52, label, bold=True, size=14, colour=colour)
        floor = base + 40
        d.line((480, floor), (690, floor), svg.MUTED, 1.2)
        for n in range(1, highest + 1, 2):
            d.box(484 + (n - 1) * 24, floor - 80 / n, 14, 80 / n, colour, radius=2)
        for n in range(1, 10):
            d.text(
                491 + (n - 1) * 24, floor + 16, str(n), anchor="middle", size=12, colour=svg.MUTED
            )
    d.text(585, 26, "spectrum", anchor="middle", size=14, bold=True)
    return d


def spectra() -> Drawing:
    """Idealised spectra of three kinds of sound on the same note."""
    d = Drawing("Three timbres", 720, 300)
    panels = (
        ("flute-like", (1, 0.35, 0.12, 0.05), svg.TEAL, False),
        (
            "clarinet-like (low note)",
            (1, 0.05, 0.7, 0.08, 0.45, 0.12, 0.25, 0.15),
            svg.CORAL,
            False,
        ),
        ("bell-like (inharmonic)", (0.6, 0.9, 0.55, 0.3, 0.7), svg.VIOLET, True),
    )
    for index, (name, strengths, colour, bell) in enumerate(panels):
        left = 40 + 228 * index
        d.text(left, 40, name, bold=True, colour=colour, size=14)
        d.line((left, 230), (left + 196, 230), svg.MUTED, 1.2)
        places = (0.5, 1, 1.2, 1.5, 2) if bell else tuple(range(1, len(strengths) + 1))
        scale = 84 if bell else 23
        for place, strength in zip(places, strengths, strict=True):
            x = left + place * scale
            d.box(x - 6, 230 - 160 * strength, 12, 160 * strength, colour, radius=2)
            label = f"{place:g}"
            d.text(x, 248, label, anchor="middle", size=12, colour=svg.MUTED)
    d.text(360, 282, "frequency, as a multiple of the named pitch", anchor="middle", size=14)
    return d


def keyboard() -> Drawing:
    """One octave of a keyboard with ratios and frequencies."""
    d = Drawing("A scale of simple ratios", 720, 320)
    names = "CDEFGABC"
    ratios = ("1/1", "9/8", "5/4", "4/3", "3/2", "5/3", "15/8", "2/1")
    hertz = ("264", "297", "330", "352", "396", "440", "495", "528")
    width, left, top = 78.0, 48.0, 30.0
    for index in range(8):
        x = left + width * index
        fill = svg.PALE_GOLD if index in (0, 2, 4, 7) else "#FFFFFF"
        d.box(x, top, width, 210, fill, svg.INK, radius=5, stroke=1.5)
        d.text(x + width / 2, top + 156, names[index], anchor="middle", size=20, bold=True)
        d.text(
            x + width / 2, top + 184, ratios[index], anchor="middle", colour=svg.CORAL, bold=True
        )
        d.text(x + width / 2, top + 232, f"{hertz[index]} Hz", anchor="middle", size=14)
    for gap in (1, 2, 4, 5, 6):
        d.box(left + width * gap - 23, top, 46, 124, svg.INK, radius=4)
    d.text(
        360,
        304,
        "Shaded: the major chord C – E – G, whose frequencies are as 4 : 5 : 6.",
        anchor="middle",
        size=14,
        colour=svg.MUTED,
    )
    return d


def comma() -> Drawing:
    """Twelve pure fifths, overshooting seven octaves."""
    d = Drawing("The circle of fifths that does not close", 720, 470)
    cx, cy = 250.0, 235.0
    names = ("C", "G", "D", "A", "E", "B", "F♯", "C♯", "G♯", "D♯", "A♯", "E♯", "B♯")

    def spot(step: float) -> svg.Point:
        angle = math.radians(step * (30 + OVERSHOOT / 12) - 90)
        radius = 150 + 3.4 * step
        return cx + radius * math.cos(angle), cy + radius * math.sin(angle)

    d.path([spot(step / 10) for step in range(121)], svg.EDGE, 4)
    for step, name in enumerate(names):
        x, y = spot(step)
        edge = svg.CORAL if step in (0, 12) else svg.TEAL
        d.dot(x, y, 19, svg.PALE_CORAL if step in (0, 12) else svg.PALE_TEAL, edge)
        d.text(x, y + 6, name, anchor="middle", bold=True)
    d.text(cx, cy - 4, "each step:", anchor="middle", colour=svg.MUTED)
    d.text(cx, cy + 20, "a pure fifth, 3 : 2", anchor="middle", bold=True)
    lines = (
        ("Twelve fifths up", svg.INK, True),
        ("(3/2)¹² ≈ 129.746", svg.INK, False),
        ("Seven octaves up", svg.INK, True),
        ("2⁷ = 128", svg.INK, False),
        ("The gap between B♯ and C", svg.CORAL, True),
        ("129.746 ÷ 128 ≈ 1.0136", svg.CORAL, False),
        ("≈ 23.5 cents,", svg.CORAL, False),
        ("about a quarter of a semitone", svg.CORAL, False),
    )
    for row, (words, colour, bold) in enumerate(lines):
        d.text(
            480, 130 + 28 * row + 14 * (row > 1) + 14 * (row > 3), words, colour=colour, bold=bold
        )
    return d


def temperaments() -> Drawing:
    """Where three tunings put the notes of a major scale, in cents."""
    d = Drawing("Three tunings compared", 720, 330)
    left, scale = 150.0, 0.44
    tunings = (
        ("just", (0, 204, 386, 498, 702, 884, 1088, 1200), svg.CORAL),
        ("equal", (0, 200, 400, 500, 700, 900, 1100, 1200), svg.INK),
        ("Pythagorean", (0, 204, 408, 498, 702, 906, 1110, 1200), svg.TEAL),
    )
    for note, cents in zip("CDEFGABC", tunings[1][1], strict=True):
        x = left + cents * scale
        d.line((x, 58), (x, 262), svg.GRID, 1.2)
        d.text(x, 44, note, anchor="middle", bold=True, size=17)
    for row, (name, cents_list, colour) in enumerate(tunings):
        y = 92 + 70 * row
        d.text(left - 22, y + 5, name, anchor="end", bold=True, colour=colour)
        d.line((left, y), (left + 1200 * scale, y), svg.EDGE, 2)
        for cents in cents_list:
            d.line((left + cents * scale, y - 14), (left + cents * scale, y + 14), colour, 4)
            d.text(
                left + cents * scale, y + 33, str(cents), anchor="middle", size=12, colour=svg.MUTED
            )
    d.text(
        left + 600 * scale,
        306,
        "cents above C (100 cents = one equal semitone)",
        anchor="middle",
        size=14,
    )
    return d
