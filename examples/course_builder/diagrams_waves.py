"""Diagrams for the modules on vibration and waves."""

from __future__ import annotations

import math
from functools import partial

from course_builder import svg
from course_builder.svg import Drawing


def course_map() -> Drawing:
    """The five modules along a wave."""
    d = Drawing("Course map", 720, 250)
    stops = [
        ("1", "Vibration", "things that", "go to and fro", svg.TEAL),
        ("2", "Waves", "how sound", "travels", svg.CORAL),
        ("3", "Harmonics", "why instruments", "sound different", svg.GOLD),
        ("4", "Tuning", "choosing", "the notes", svg.VIOLET),
        ("5", "Hearing", "ear, brain", "and machine", svg.INK),
    ]
    d.curve(lambda x: 84 - 34 * math.sin((x - 75) / 142.5 * math.pi), 20, 700, svg.EDGE, 5)
    for index, (number, name, first, second, colour) in enumerate(stops):
        x = 75 + 142.5 * index
        d.dot(x, 84, 27, svg.PAPER, colour)
        d.dot(x, 84, 22, colour)
        d.text(x, 91, number, colour="#FFFFFF", size=20, anchor="middle", bold=True)
        d.text(x, 158, name, colour=colour, size=18, anchor="middle", bold=True)
        d.text(x, 184, first, colour=svg.MUTED, size=14, anchor="middle")
        d.text(x, 203, second, colour=svg.MUTED, size=14, anchor="middle")
    return d


def sound_wave() -> Drawing:
    """Air particles bunched and spread, above the pressure graph they make."""
    d = Drawing("A sound wave in air", 720, 360)
    left, wavelength, squeeze = 90.0, 190.0, 19.0
    k = math.tau / wavelength
    d.box(60, 46, 22, 104, svg.PALE_GOLD, svg.GOLD, radius=4, stroke=2)
    d.text(71, 34, "loudspeaker", colour=svg.GOLD, anchor="middle", size=14)
    for column in range(78):
        rest = left + column * 8
        for row in range(9):
            jitter = 3.2 * math.sin(12.9898 * column + 78.233 * row)
            place = rest + jitter
            x = place - squeeze * math.sin(k * (place - left))
            if 88 <= x <= 690:
                d.dot(x, 52 + row * 11.5, 1.9, svg.INK)
    base = 260
    d.line((left, base), (690, base), svg.MUTED, 1.2)
    d.curve(lambda x: base - 46 * math.cos(k * (x - left)), left, 690, svg.CORAL, 3)
    for n in range(4):
        x = left + n * wavelength
        d.line((x, 184), (x, 212), svg.CORAL, 1.2, "4 4")
    d.text(left + wavelength, 176, "compression", anchor="middle", colour=svg.CORAL, bold=True)
    d.text(left + 2.5 * wavelength, 176, "rarefaction", anchor="middle", colour=svg.TEAL, bold=True)
    d.text(16, 218, "high", colour=svg.MUTED, size=13)
    d.text(16, 265, "normal", colour=svg.MUTED, size=13)
    d.text(16, 311, "low", colour=svg.MUTED, size=13)
    d.text(16, 194, "Pressure", size=13, bold=True)
    d.arrow((left + wavelength, 326), (left + 2 * wavelength, 326), svg.INK, both=True)
    d.text(left + 1.5 * wavelength, 346, "one wavelength, λ", anchor="middle", size=14)
    d.arrow((600, 30), (684, 30), svg.MUTED)
    d.text(592, 35, "the wave travels this way", anchor="end", size=14, colour=svg.MUTED)
    return d


def oscillation() -> Drawing:
    """A turning radius, and the sine curve its height draws over time."""
    d = Drawing("Circular motion and the sine curve", 720, 320)
    cx, cy, radius, left, period = 130.0, 165.0, 88.0, 280.0, 200.0
    d.line((30, cy), (700, cy), svg.GRID, 1.5)
    d.raw_path(f"M {cx - radius} {cy} a 88 88 0 1 0 176 0 a 88 88 0 1 0 -176 0", "none", svg.EDGE)
    angle = math.radians(50)
    tip = (cx + radius * math.cos(angle), cy - radius * math.sin(angle))
    d.line((cx, cy), tip, svg.TEAL, 3)
    d.raw_path("M 164 165 A 34 34 0 0 0 151.9 139", "none", svg.MUTED, 1.5)
    d.text(171, 151, "ωt", size=14, colour=svg.MUTED)
    d.line((left, 60), (left, 270), svg.MUTED, 1.2)
    d.curve(svg.sine(cy, radius, left, period), left, 640, svg.CORAL, 3)
    now = left + period * 50 / 360
    d.line(tip, (now, tip[1]), svg.MUTED, 1.2, "5 4")
    d.dot(*tip, 7, svg.TEAL)
    d.dot(now, tip[1], 6, svg.CORAL)
    crest = left + period / 4
    second = crest + period
    d.arrow((crest, 58), (second, 58), svg.INK, both=True)
    d.text((crest + second) / 2, 48, "period T", anchor="middle", bold=True)
    d.line((second, 58), (second, cy - radius), svg.MUTED, 1, "3 4")
    d.line((crest, 58), (crest, cy - radius), svg.MUTED, 1, "3 4")
    d.line((second, cy - radius), (672, cy - radius), svg.MUTED, 1, "3 4")
    d.arrow((664, cy), (664, cy - radius), svg.INK, both=True)
    d.text(700, cy - radius - 12, "amplitude A", anchor="end", bold=True)
    d.text(700, cy + 20, "time", anchor="end", size=14, colour=svg.MUTED)
    d.text(left, 292, "displacement x", anchor="middle", size=14, colour=svg.MUTED)
    d.text(cx, 292, "a steady turn …", anchor="middle", size=14, colour=svg.MUTED)
    d.text(520, 292, "… seen from the side is a sine", anchor="middle", size=14, colour=svg.MUTED)
    return d


def resonance() -> Drawing:
    """Response against driving frequency for three amounts of damping."""
    d = Drawing("Resonance curves", 720, 380)
    left, base, across = 80.0, 310.0, 290.0

    def response(quality: float, x: float) -> float:
        r = (x - left) / across
        return base - 25 / math.sqrt((1 - r * r) ** 2 + (r / quality) ** 2)

    for n in range(0, 11, 2):
        d.line((left, base - 25 * n), (680, base - 25 * n), svg.GRID, 1)
        d.text(left - 10, base - 25 * n + 5, str(n), anchor="end", size=13, colour=svg.MUTED)
    for ratio in (0, 0.5, 1, 1.5, 2):
        x = left + across * ratio
        d.line((x, base), (x, base + 6), svg.MUTED, 1.2)
        d.text(x, base + 24, f"{ratio:g}", anchor="middle", size=13, colour=svg.MUTED)
    d.line((left + across, base), (left + across, 46), svg.MUTED, 1.2, "4 4")
    curves = ((10.0, svg.CORAL), (4.0, svg.GOLD), (1.0, svg.TEAL))
    for quality, colour in curves:
        d.curve(partial(response, quality), left, 680, colour, 3, step=1)
    d.text(395, 66, "light damping, Q = 10", colour=svg.CORAL, bold=True)
    d.text(412, 196, "medium damping, Q = 4", colour=svg.GOLD, bold=True)
    d.text(480, 268, "heavy damping, Q = 1", colour=svg.TEAL, bold=True)
    d.text(left + 290, 364, "driving frequency ÷ natural frequency", anchor="middle", size=14)
    d.text(26, 190, "response (× a very slow push)", anchor="middle", size=14, turn=-90)
    return d


def wave_anatomy() -> Drawing:
    """The same wave as a snapshot in space and as a record in time."""
    d = Drawing("Wavelength and period", 720, 300)
    panels = (
        (40.0, "A snapshot: everywhere, one instant", "distance", "wavelength λ", svg.TEAL),
        (390.0, "A recording: one place, over time", "time", "period T", svg.CORAL),
    )
    for left, heading, axis, span, colour in panels:
        d.text(left, 34, heading, bold=True, colour=colour)
        d.line((left, 160), (left + 318, 160), svg.MUTED, 1.2)
        d.line((left, 80), (left, 240), svg.MUTED, 1.2)
        d.curve(svg.sine(160, 58, left, 140), left, left + 270, colour, 3)
        d.arrow((left + 35, 78), (left + 175, 78), svg.INK, both=True)
        d.line((left + 35, 78), (left + 35, 102), svg.MUTED, 1, "3 4")
        d.line((left + 175, 78), (left + 175, 102), svg.MUTED, 1, "3 4")
        d.text(left + 105, 68, span, anchor="middle", bold=True)
        d.arrow((left + 245, 160), (left + 245, 105), svg.INK, both=True)
        d.text(left + 253, 98, "A", bold=True)
        d.text(left + 318, 152, axis, anchor="end", size=14, colour=svg.MUTED)
    d.text(
        360,
        278,
        "speed = one wavelength per period:  v = λ / T = f λ",
        anchor="middle",
        size=16,
        bold=True,
    )
    return d


def beats() -> Drawing:
    """Two close frequencies, and the slowly pulsing sum."""
    d = Drawing("Beats", 720, 400)
    left, right = 110.0, 690.0

    def phase(x: float) -> float:
        return math.tau * (x - left) / (right - left)

    rows = ((60.0, 20, svg.TEAL, "20 cycles"), (125.0, 22, svg.GOLD, "22 cycles"))
    for base, cycles, colour, label in rows:
        length = (right - left) / cycles
        d.curve(svg.sine(base, 22, left, length, 0.25), left, right, colour, 2)
        d.text(24, base + 5, label, colour=colour, bold=True, size=14)
    for height in (72, -72):
        d.curve(svg.sine(260, height, left, right - left, 0.25), left, right, svg.EDGE, 2)
    d.curve(
        lambda x: 260 - 36 * (math.cos(20 * phase(x)) + math.cos(22 * phase(x))),
        left,
        right,
        svg.CORAL,
        2.2,
        step=1,
    )
    d.text(24, 265, "their sum", colour=svg.CORAL, bold=True, size=14)
    quarter = (right - left) / 4
    for place, word in ((0.0, "loud"), (1, "quiet"), (2, "loud"), (3, "quiet"), (4, "loud")):
        anchor = {0.0: "start", 4: "end"}.get(place, "middle")
        d.text(left + place * quarter, 362, word, anchor=anchor, size=14, colour=svg.MUTED)
    d.text(400, 386, "22 − 20 = 2 beats in the same time", anchor="middle", size=14)
    return d


def decibels() -> Drawing:
    """A ladder of everyday sound levels."""
    d = Drawing("Everyday sound levels", 720, 420)
    left, scale = 240.0, 3.15
    levels = (
        ("threshold of hearing", 0, svg.TEAL),
        ("rustling leaves", 20, svg.TEAL),
        ("quiet library", 40, svg.TEAL),
        ("conversation, 1 m away", 60, svg.TEAL),
        ("busy street", 80, svg.GOLD),
        ("food blender at arm’s length", 90, svg.GOLD),
        ("loud concert", 110, svg.CORAL),
        ("threshold of pain", 130, svg.CORAL),
    )
    for mark in range(0, 141, 20):
        x = left + mark * scale
        d.line((x, 34), (x, 350), svg.GRID, 1)
        d.text(x, 372, str(mark), anchor="middle", size=13, colour=svg.MUTED)
    risk = left + 85 * scale
    d.line((risk, 26), (risk, 350), svg.CORAL, 1.5, "5 4")
    for row, (name, level, colour) in enumerate(levels):
        y = 50 + row * 38
        d.text(left - 14, y + 15, name, anchor="end", size=14)
        d.box(left, y, max(4, level * scale), 20, colour, radius=4)
        if level:
            end = left + level * scale - 8
            d.text(end, y + 15, str(level), size=14, bold=True, anchor="end", colour="#FFFFFF")
        else:
            d.text(left + 12, y + 15, "0", size=14, bold=True)
    d.text(risk + 6, 30, "85 dB: limit your time", size=13, colour=svg.CORAL, bold=True)
    d.text(left + 70 * scale, 400, "typical sound level (dB)", anchor="middle", size=14)
    return d
