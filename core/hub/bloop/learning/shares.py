"""Shares from 0 to 1, such as scores, compared and told without the last bit of a float.

Three quizzes of 0.7 have an average of 0.6999999999999998; 100 times 0.29 is 28.999999999999996.
"""

from __future__ import annotations

from math import floor

_ROUNDING = 1e-9


def reaches(share: float, bar: float) -> bool:
    """Whether a share is as much as is asked for."""
    return share >= bar - _ROUNDING


def whole_percent(share: float) -> int:
    """A share in whole per cent, rounded down: 99.9 % is not all."""
    return floor(share * 100 + _ROUNDING)
