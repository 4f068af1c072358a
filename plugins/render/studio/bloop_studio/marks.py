"""What is laid over a video's time: captions and chapters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CaptionWord:
    """``text`` (a stretch of its caption, spaces and signs included) from ``starts`` (seconds)."""

    text: str
    starts: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What is shown from ``starts`` to ``ends`` (seconds).

    ``words`` joined give ``text``, in which line breaks stand.
    """

    starts: float
    ends: float
    words: tuple[CaptionWord, ...]

    @property
    def text(self) -> str:
        """One or two lines."""
        return "".join(one.text for one in self.words)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the video that starts at ``starts`` (seconds) and lasts until the next."""

    starts: float
    title: str
