"""Colours as ``#rrggbb``: mixing, and contrast as WCAG 2.2 defines it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

Channels = tuple[float, float, float]


def channels(color: str) -> Channels:
    """Linear light, 0 to 1 each."""
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return _linear(red), _linear(green), _linear(blue)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _encoded(value: float) -> float:
    return value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def written(light: Channels) -> str:
    """The colour of some linear light."""
    return "#" + "".join(f"{round(_encoded(min(1, max(0, one))) * 255):02x}" for one in light)


@lru_cache(4096)
def mix(first: str, second: str, share: float) -> str:
    """``share`` of the second over the first, as an opacity would show it."""
    pairs = zip(_bytes(first), _bytes(second), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _bytes(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def luminance(color: str) -> float:
    """Relative luminance, 0 to 1."""
    red, green, blue = channels(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Contrast ratio, 1 to 21."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@lru_cache(1024)
def readable(color: str, paper: str, least: float) -> str:
    """The nearest shade of ``color`` that has a contrast of ``least`` on ``paper``.

    It goes towards black on light paper and towards white on dark, in linear light, which keeps
    the hue.
    """
    goal = (0.0, 0.0, 0.0) if luminance(paper) > 0.18 else (1.0, 1.0, 1.0)
    start = channels(color)
    for step in range(51):
        share = step / 50
        shade = written(
            (
                start[0] + (goal[0] - start[0]) * share,
                start[1] + (goal[1] - start[1]) * share,
                start[2] + (goal[2] - start[2]) * share,
            )
        )
        if contrast(shade, paper) >= least:
            return shade
    return written(goal)


def unseen(pixels: Any, paper: str, least: float) -> float:
    """The share of RGBA pixels, by their opacity, that have less contrast on ``paper``."""
    opacity = pixels[..., 3] / 255
    channel = pixels[..., :3] / 255
    light = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    own, ground = light @ np.array([0.2126, 0.7152, 0.0722]), luminance(paper)
    ratio = (np.maximum(own, ground) + 0.05) / (np.minimum(own, ground) + 0.05)
    return float(opacity[ratio < least].sum() / max(opacity.sum(), 1.0))
