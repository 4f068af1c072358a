"""Two forms of one record, told apart in words."""

from __future__ import annotations

import dataclasses
from typing import Any


def shown(found: Any, expected: Any) -> str:
    """How what is held of one record is another than it should be: state, bytes or fields."""
    if isinstance(found, str):
        return f"{found!r} and not {expected!r}"
    if found[0] != expected[0]:
        return f"{found[0]} and not {expected[0]}"
    if found[2] != expected[2]:
        return "there with other bytes"
    blind = " although its raw is the same" if found[1].raw == expected[1].raw else ""
    names = [
        each.name
        for each in dataclasses.fields(found[1])
        if each.compare and getattr(found[1], each.name) != getattr(expected[1], each.name, None)
    ]
    return f"another in {', '.join(names)}{blind}"
