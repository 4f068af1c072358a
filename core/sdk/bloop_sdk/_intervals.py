"""Intervals as manifests write them: ``30s``, ``15m``, ``1h``, ``7d``."""

from __future__ import annotations

import re

SHORTEST = 10
LONGEST = 366 * 86400

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_INTERVAL = re.compile(r"([1-9][0-9]{0,7})([smhd])")


def interval_seconds(text: str) -> int | None:
    """The seconds of an interval; None for what is none."""
    found = _INTERVAL.fullmatch(text)
    return int(found[1]) * _SECONDS[found[2]] if found else None
