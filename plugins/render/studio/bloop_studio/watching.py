"""What stands beside a video: its chapters, and its transcript with the moment of each line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bloop_sdk import BloopError, CallContext
from bloop_sdk.captions import read_captions
from bloop_studio import pieces
from bloop_studio.tables import Video

LONGEST_PART = 420
"""Characters after which a paragraph of the transcript ends with the next sentence."""
_ENDS = (".", "!", "?", "…", "。", "！", "？", "؟")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a video: ``seconds`` from its start, and what is said or begins there."""

    seconds: float
    text: str

    @property
    def title(self) -> str:
        """As a chapter."""
        return self.text

    @property
    def clock(self) -> str:
        """Minutes and seconds, and hours where there are any."""
        minutes, seconds = divmod(int(self.seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@dataclass(slots=True)
class Told:
    """The chapters of a video, and its transcript in paragraphs."""

    chapters: list[Mark] = field(default_factory=list)
    parts: list[list[Mark]] = field(default_factory=list)


async def told(ctx: CallContext, video: Video) -> Told:
    """What is told in a video that is ready, which was read with its transcript."""
    kept = video.transcript or {}
    chapters = kept.get("chapters")
    if chapters is None:
        chapters = await chapters_of(ctx, video.files or {})
    marks = [Mark(round(seconds, 2), title) for title, seconds in chapters]
    return Told(marks, _parts(_lines(kept), [one.seconds for one in marks]))


async def chapters_of(ctx: CallContext, files: Mapping[str, str]) -> list[list[Any]]:
    """Titles of chapters and the seconds at which they start, from their file; none without one."""
    name = files.get("chapters.vtt")
    if name is None:
        return []
    try:
        with pieces.workshop(ctx) as folder:
            path = Path(folder) / "chapters.vtt"
            await ctx.files.save(name, path)
            said = read_captions(path.read_text("utf-8"))
    except BloopError:
        return []
    starts = [at for at, _ in said.moments]
    texts = [said.text[at:end].strip() for at, end in zip(starts, [*starts[1:], None], strict=True)]
    return [[text, seconds] for text, (_, seconds) in zip(texts, said.moments, strict=True)]


def _lines(kept: Mapping[str, Any]) -> list[Mark]:
    text, moments = kept.get("text", ""), kept.get("moments", [])
    ends = [*(at for at, _ in moments[1:]), len(text)]
    found = [
        Mark(round(seconds, 2), text[at:end].strip())
        for (at, seconds), end in zip(moments, ends, strict=True)
    ]
    return [one for one in found if one.text]


def _parts(lines: Iterable[Mark], chapters: list[float]) -> list[list[Mark]]:
    """Paragraphs: one ends with its chapter, or with a sentence once it is long enough."""
    parts: list[list[Mark]] = []
    left = list(chapters)
    length = LONGEST_PART
    ended = True
    for line in lines:
        begins = False
        while left and left[0] <= line.seconds + 0.01:
            left.pop(0)
            begins = True
        if not parts or begins or (ended and length >= LONGEST_PART):
            parts.append([])
            length = 0
        parts[-1].append(line)
        length += len(line.text)
        ended = line.text.endswith(_ENDS)
    return parts
