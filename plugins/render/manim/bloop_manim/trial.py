"""How long encoders take here: ``python -m bloop_manim.trial``, a list of encodings in JSON.

A program of its own, so that the hub's process loads no encoder.
"""

from __future__ import annotations

import json
import sys
import time

import av
import numpy as np

from bloop_manim.encoding import Encoding
from bloop_manim.film import Film

WIDTH, HEIGHT, FPS, FRAMES = 1280, 720, 30, 30

FAILS = (OSError, ValueError, av.FFmpegError)


def seconds_of(encoding: Encoding) -> float | None:
    """How long a second of noise that moves takes; None where this machine has no such encoder."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (HEIGHT, WIDTH, 4), np.uint8)
    begin = time.perf_counter()
    try:
        film = Film(WIDTH, HEIGHT, FPS, encoding)
    except FAILS:
        return None
    try:
        for frame in range(FRAMES):
            film.show(frame, np.roll(pixels, frame * 8, 1), (0, 0, WIDTH, HEIGHT))
        film.finish(FRAMES)
    except FAILS:
        film.abandon()
        return None
    return time.perf_counter() - begin


if __name__ == "__main__":
    wanted = [Encoding(**one) for one in json.loads(sys.argv[1])]
    sys.stdout.write(json.dumps({one.codec: seconds_of(one) for one in wanted}))
