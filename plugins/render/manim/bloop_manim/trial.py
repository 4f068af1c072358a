"""Whether a GPU encodes faster than the processor here: both are timed, once a process."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import numpy as np

from bloop_manim.encoding import Encoding
from bloop_manim.film import Film

WIDTH, HEIGHT, FPS, FRAMES = 1280, 720, 30, 30


def chosen(setting: str, cpu: Encoding, timed: Callable[[Encoding], float | None]) -> Encoding:
    """The encoding for a setting (``auto``, ``cpu``, ``nvenc``).

    ``timed`` gives the seconds that a trial takes, None where it cannot be done.
    """
    gpu = Encoding(codec="h264_nvenc", preset=cpu.preset, crf=cpu.crf, threads=cpu.threads)
    if setting == "cpu":
        return cpu
    with_gpu = timed(gpu)
    if with_gpu is None or setting == "nvenc":
        return cpu if with_gpu is None else gpu
    with_cpu = timed(cpu)
    return gpu if with_cpu is None or with_gpu < with_cpu else cpu


@functools.cache
def seconds_of(encoding: Encoding) -> float | None:
    """How long a second of noise that moves takes; None where this machine has no such encoder."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (HEIGHT, WIDTH, 4), np.uint8)
    begin = time.perf_counter()
    try:
        film = Film(WIDTH, HEIGHT, FPS, encoding)
    except (OSError, ValueError):
        return None
    try:
        for frame in range(FRAMES):
            film.show(frame, np.roll(pixels, frame * 8, 1), (0, 0, WIDTH, HEIGHT))
        film.finish(FRAMES)
    except (OSError, ValueError):
        film.abandon()
        return None
    return time.perf_counter() - begin
