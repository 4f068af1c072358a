"""A text in pieces that are spoken one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LENGTH = 200
"""Characters of a piece; Piper finds the sentences in it by itself."""

# Where a piece may end: behind a full stop it takes a whole word before it and a new beginning
# after it, so that "Dr. Smith" and "e.g. this" stay together.
_END = re.compile(
    r"(?<=[a-zß-öø-ÿа-я]{4}\.)[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[^\W\d_a-z])"
    r"|(?<=[!?…])[\"'”’)\]]*\s+"
    r"|(?<=[。！？।؟])"
    r"|\n\s*"
)
_GAP = re.compile(r"(?<=[,;:、，；])\s*|\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """``text[start:end]``; ``whole`` where a sentence ends with it."""

    start: int
    end: int
    whole: bool


def pieces(text: str) -> Iterator[Piece]:
    """All of a text, in order: as many sentences at once as fit, and long ones cut at commas."""
    start = 0
    while len(text) - start > LENGTH:
        window = start, start + LENGTH
        ends = [found.end() for found in _END.finditer(text, *window) if found.end() > start]
        gaps = [found.end() for found in _GAP.finditer(text, *window) if found.end() > start]
        far = [gap for gap in gaps if not text[gap - 1].isspace() or text[gap - 2] in ",;:"]
        end = (ends or far or gaps or [window[1]])[-1]
        yield Piece(start, end, bool(ends))
        start = end
    yield Piece(start, len(text), whole=True)
