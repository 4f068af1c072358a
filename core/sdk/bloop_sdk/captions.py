"""What captions say and when: WebVTT and SubRip, read for :meth:`bloop_sdk.Unit.describe`.

said = read_captions(path.read_text("utf-8"))
unit.describe(item, said.text, language="en", moments=said.moments)
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

__all__ = ["SpokenText", "read_captions"]

_TIMES = re.compile(
    r"^[ \t]*(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})[ \t]+-->[ \t]+\d[\d:.,]*[^\n]*$"
)
_TAG = re.compile(r"<[^<>\n]{0,200}>|\{\\[^{}\n]{0,80}\}")
_NO_SPEECH = re.compile(r"^(?:NOTE|STYLE|REGION)(?:\s|$)")


@dataclass(frozen=True, slots=True)
class SpokenText:
    """Text that is spoken; ``moments`` are places in it in characters, and seconds, both rising."""

    text: str
    moments: tuple[tuple[int, float], ...]


def read_captions(captions: str) -> SpokenText:
    """The words of a WebVTT or SubRip file with the times of its cues, without their markup.

    What is neither is no error: there are no words in it. A cue that says what the one before it
    said, as rolling captions do, is left out.
    """
    parts: list[str] = []
    moments: list[tuple[int, float]] = []
    at, latest, last = 0, 0.0, ""
    lines = captions.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    for block in re.split(r"\n[ \t]*\n", lines):
        found = _cue(block)
        if found is None:
            continue
        starts, words = found
        if not words or words == last:
            continue
        last, latest = words, max(latest, starts)
        moments.append((at, latest))
        parts.append(words)
        at += len(words) + 1
    return SpokenText("\n".join(parts), tuple(moments))


def _cue(block: str) -> tuple[float, str] | None:
    """When a cue begins, and its words in one line; None for a block that is none."""
    lines = block.strip("\n").split("\n")
    if _NO_SPEECH.match(lines[0]):
        return None
    # Its number or name may stand before its times.
    for number, line in enumerate(lines[:2]):
        if match := _TIMES.match(line):
            hours, minutes, seconds = (int(part or 0) for part in match.groups()[:3])
            starts = (hours * 60 + minutes) * 60 + seconds + int(match[4].ljust(3, "0")) / 1000
            words = html.unescape(_TAG.sub("", " ".join(lines[number + 1 :])))
            return starts, " ".join(words.split())
    return None
