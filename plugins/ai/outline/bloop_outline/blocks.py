"""What a lesson is made of, once its markup is read."""

from __future__ import annotations

from dataclasses import dataclass, field


def names(text: str) -> frozenset[str]:
    """A set of the words of ``text``."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Mark:
    """``text[start:end]`` is a ``term`` (``<dfn>``) or ``bold``."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Rich:
    """A run of text in one line; ``$...$`` is LaTeX. ``linked`` is the share within links."""

    text: str
    marks: tuple[Mark, ...] = ()
    linked: float = 0.0

    def begins_with_mark(self) -> str:
        """The term that stands marked at its very beginning, or nothing."""
        for mark in self.marks:
            if mark.start == 0 and mark.end - mark.start <= 60:
                return self.text[: mark.end].strip(" :.-–—")
        return ""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of level 1 to 6."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    rich: Rich


@dataclass(frozen=True, slots=True)
class Display:
    """A formula in a line of its own, in LaTeX without delimiters."""

    latex: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list, and those of the lists within it."""

    rich: Rich
    inner: tuple[Rich, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """A list."""

    entries: tuple[Entry, ...]
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; all rows are as long as its header, which may be empty."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Program text."""

    text: str
    language: str = "text"


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture as the HTML names it."""

    source: str
    alt: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Glossary:
    """Terms and what they mean."""

    pairs: tuple[tuple[str, Rich], ...]


@dataclass(frozen=True, slots=True)
class Reveal:
    """What opens on a click: often the answer to the question before it."""

    summary: str
    blocks: tuple[Block, ...] = field(default=())


Block = Heading | Paragraph | Display | Listing | Grid | Source | Figure | Glossary | Reveal
