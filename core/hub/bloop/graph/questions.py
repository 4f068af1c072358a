"""The questions of a quiz as parts that cover concepts of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from bloop.graph.models import PART_LENGTH

PART = "#"
"""Between an item's id and a part of it, where both are one text; ids have none."""


def parts_of(questions: Sequence[Mapping[str, Any]]) -> list[str]:
    """What names each question within its quiz: its id, made short and unlike the others'."""
    found: dict[str, None] = {}
    for place, question in enumerate(questions, 1):
        name = str(question["id"]) or f"#{place}"
        if len(name) > PART_LENGTH - 10:
            name = f"sha256:{sha256(name.encode()).hexdigest()}"
        while name in found:
            name = f"{name}#{place}"
        found[name] = None
    return list(found)


def texts_of(questions: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The HTML of each question with its choices, by the part."""
    return {
        part: "\n".join(
            [
                str(question.get("html") or ""),
                *(f"<p>{one.get('html') or ''}</p>" for one in question.get("choices") or ()),
            ]
        )
        for part, question in zip(parts_of(questions), questions, strict=True)
    }
