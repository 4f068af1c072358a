"""Pictures and sounds that are computed, not drawn or recorded."""

from __future__ import annotations

import array
import io
import math
import random
import struct
import sys
import wave
import zlib
from collections.abc import Callable, Sequence

Colour = tuple[float, float, float]
RATE = 16_000
INK: Colour = (28, 38, 66)
PAPER: Colour = (251, 249, 243)
TEAL: Colour = (15, 118, 128)
CORAL: Colour = (214, 84, 58)


def generated_assets() -> dict[str, bytes]:
    """Cartridge name and content of everything computed."""
    return {
        "images/chladni-figures.png": chladni_png(),
        "images/two-source-interference.png": interference_png(),
        "files/beats-440-444.wav": wav(_beats),
        "files/harmonics-of-110.wav": wav(_harmonics, 4.2),
        "files/thirds-just-then-equal.wav": wav(_thirds, 4.4),
    }


def png(width: int, rows: Sequence[bytes], palette: Sequence[Colour]) -> bytes:
    """An 8-bit palette PNG."""
    raw = b"".join(b"\0" + row for row in rows)
    header = struct.pack(">IIBBBBB", width, len(rows), 8, 3, 0, 0, 0)
    colours = bytes(round(part) for colour in palette for part in colour)
    chunks = [
        (b"IHDR", header),
        (b"PLTE", colours),
        (b"IDAT", zlib.compress(raw, 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def _ramp(*stops: Colour) -> list[Colour]:
    """256 colours running evenly through *stops*."""
    colours = []
    for index in range(256):
        place = index / 255 * (len(stops) - 1)
        low = min(int(place), len(stops) - 2)
        mix = place - low
        near, far = stops[low], stops[low + 1]
        red, green, blue = (a + (b - a) * mix for a, b in zip(near, far, strict=True))
        colours.append((red, green, blue))
    return colours


def interference_png() -> bytes:
    """Circular waves from two sources in step, as a snapshot from above."""
    width, height, wavelength = 720, 420, 30.0
    sources = ((60.0, 150.0), (60.0, 270.0))
    rows = []
    for y in range(height):
        row = bytearray(width)
        for x in range(width):
            total = 0.0
            for sx, sy in sources:
                distance = math.hypot(x - sx, y - sy)
                total += math.cos(math.tau * distance / wavelength) / (1 + distance / 500)
            row[x] = round(127.5 + 63.5 * total)
        rows.append(bytes(row))
    return png(width, rows, _ramp(TEAL, PAPER, CORAL))


def chladni_png() -> bytes:
    """Sand on six ideal square plates, lying along the lines that do not move."""
    modes = ((1, 3, 1), (2, 4, -1), (1, 4, -1), (2, 5, 1), (3, 5, -1), (4, 6, 1))
    side, gap = 220, 15
    width, height = 3 * side + 4 * gap, 2 * side + 3 * gap
    canvas = [bytearray([255]) * width for _ in range(height)]
    noise = random.Random(1787)  # noqa: S311 - grains of sand, not secrets
    for index, mode in enumerate(modes):
        left = gap + (index % 3) * (side + gap)
        top = gap + (index // 3) * (side + gap)
        for y, row in enumerate(_chladni_plate(*mode, side, noise)):
            canvas[top + y][left : left + side] = row
    palette = [*_ramp(INK, (52, 66, 102), (240, 205, 130))[:255], PAPER]
    return png(width, [bytes(row) for row in canvas], palette)


def _chladni_plate(m: int, n: int, sign: int, side: int, noise: random.Random) -> list[bytes]:
    """One plate: 0 to 127 is bare metal, 200 to 254 is sand, thick where motion is slight."""
    angles = [math.pi * (i + 0.5) / side for i in range(side)]
    cosines = {k: [math.cos(k * a) for a in angles] for k in (m, n)}
    sines = {k: [k * math.sin(k * a) for a in angles] for k in (m, n)}
    rows = []
    for y in range(side):
        row = bytearray(side)
        for x in range(side):
            motion = cosines[n][x] * cosines[m][y] + sign * cosines[m][x] * cosines[n][y]
            across = sines[n][x] * cosines[m][y] + sign * sines[m][x] * cosines[n][y]
            down = cosines[n][x] * sines[m][y] + sign * cosines[m][x] * sines[n][y]
            distance = abs(motion) / (math.hypot(across, down) + 0.3) * side / math.pi
            here = noise.random()
            grain = here < math.exp(-((distance / 2.6) ** 2)) or here < 0.006
            row[x] = 200 + int(54 * noise.random()) if grain else int(60 * abs(motion))
        rows.append(bytes(row))
    return rows


def wav(sound: Callable[[float], float], seconds: float = 3.0) -> bytes:
    """A mono 16-bit sound file of *sound*, faded in and out so that it does not click."""
    count = round(seconds * RATE)
    samples = array.array("h")
    for index in range(count):
        time = index / RATE
        fade = min(1.0, time / 0.02, (count - index) / RATE / 0.05)
        samples.append(round(26_000 * fade * sound(time)))
    if sys.byteorder == "big":
        samples.byteswap()
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    return buffer.getvalue()


def _tone(frequency: float, time: float) -> float:
    return math.sin(math.tau * frequency * time)


def _beats(time: float) -> float:
    return 0.5 * (_tone(440, time) + _tone(444, time))


def _harmonics(time: float) -> float:
    """The first harmonic of 110 Hz, joined by one more every 0.7 s until there are six."""
    present = min(6, 1 + int(time / 0.7))
    return 0.42 * sum(_tone(110 * n, time) / n for n in range(1, present + 1))


def _thirds(time: float) -> float:
    """C and E as a pure 5:4 third, then as an equal-tempered one (rich tones, so it shows)."""
    ratio = 1.25 if time < 2.2 else 2 ** (4 / 12)
    return 0.16 * sum(
        (_tone(261.626 * n, time) + _tone(261.626 * ratio * n, time)) / n for n in range(1, 7)
    )
