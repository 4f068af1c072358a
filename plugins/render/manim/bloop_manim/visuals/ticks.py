"""Round numbers on an axis, and how they are written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_SUPERSCRIPTS: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Tick:
    """A value and its label."""

    at: float
    label: str


def ticks(low: float, high: float, about: int, *, circular: bool = False) -> list[Tick]:
    """About so many round values within a range; of pi, where angles are meant."""
    span = high - low
    unit = math.pi if circular and math.pi / 2 <= span <= 16 * math.pi else 1.0
    step = _pi_step(span, about) if unit > 1 else _step(span / max(1, about))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    numbers = range(first, min(last, first + 40) + 1)
    if unit > 1:
        return [Tick(n * step, _of_pi(n, round(math.pi / step, 6))) for n in numbers]
    return [Tick(n * step, written(n * step, step)) for n in numbers]


def _step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if rough <= factor * power * 1.0001)


def _pi_step(span: float, about: int) -> float:
    return min(
        (math.pi * share for share in (0.25, 0.5, 1, 2, 4)),
        key=lambda step: abs(span / step - about),
    )


def _of_pi(count: int, per_pi: float) -> str:
    """``count`` steps of which ``per_pi`` make pi."""
    if count == 0:
        return "0"
    sign, top = ("−" if count < 0 else ""), abs(count)
    if per_pi < 1:
        return f"{sign}{_times(round(top / per_pi))}π"
    below = round(per_pi)
    common = math.gcd(top, below)
    top, below = top // common, below // common
    return f"{sign}{_times(top)}π" + (f"/{below}" if below > 1 else "")


def _times(number: int) -> str:
    return "" if number == 1 else str(number)


def written(value: float, step: float) -> str:
    """A number with as many decimals as its axis needs."""
    if abs(value) < step * 1e-6:
        return "0"
    size = max(abs(value), step)
    if size >= 1e6 or step < 1e-4:
        power = math.floor(math.log10(abs(value)) + 1e-9)
        factor = f"{value / 10.0**power:.3g}".replace("-", "−")
        return f"{factor}·10{str(power).translate(_SUPERSCRIPTS)}"
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    text = f"{value:,.{decimals}f}" if size >= 1e4 else f"{value:.{decimals}f}"
    return text.replace(",", "\u2009").replace("-", "−")
