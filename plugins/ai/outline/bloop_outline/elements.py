"""What single elements of a lesson's HTML are: open frames, tables, pictures of formulas."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from lxml.etree import _Element as Element

from bloop_outline import inline
from bloop_outline.blocks import Block, Entry, Grid, Rich

_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])", re.IGNORECASE
)
_LAYOUT_CELL = 320
"""A cell with more characters holds a part of a page, not of a table."""


@dataclass(slots=True)
class Frame:
    """An element that is open and gathers what is within it."""

    tag: str
    texts: list[Rich] = field(default_factory=list)
    inner: list[Rich] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    pairs: list[tuple[str, Rich]] = field(default_factory=list)
    rows: list[list[tuple[str, bool]]] = field(default_factory=list)
    late: list[Block] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    term: str = ""
    caption: str = ""

    def joined(self) -> Rich:
        """All its texts as one."""
        if len(self.texts) == 1:
            return inline.inlined(self.texts[0])
        text = " ".join(inline.inlined(one).text for one in self.texts)
        return Rich(text, self.texts[0].marks if self.texts else ())


def grid_of(frame: Frame) -> Grid | None:
    """A table; None where it only lays out a page, or has no two rows and columns."""
    rows = [row for row in frame.rows if any(text for text, _ in row)]
    if not rows:
        return None
    width = max(len(row) for row in rows)
    texts = [text for row in rows for text, _ in row]
    if width < 2 or len(rows) < 2 or any(len(text) > _LAYOUT_CELL for text in texts):
        return None
    even = [tuple(text for text, _ in row) + ("",) * (width - len(row)) for row in rows]
    headed = all(is_head for _, is_head in rows[0])
    header = even[0] if headed else ()
    return Grid(header, tuple(even[1:] if headed else even), frame.caption)


def equation_of(image: Element) -> str:
    """LaTeX of a picture of a formula, as Canvas and Moodle write it; nothing for others."""
    given = image.get("data-equation-content")
    alt, source = (image.get("alt") or "").strip(), image.get("src") or ""
    classes = (image.get("class") or "").split()
    if not given and alt.startswith("LaTeX:"):
        given = alt.removeprefix("LaTeX:")
    if not given and "/equation_images/" in source:
        given = unquote(unquote(source.partition("/equation_images/")[2].partition("?")[0]))
    if not given and {"equation_image", "texrender", "latex", "tex"} & set(classes):
        given = alt.strip("$")
    return inline.tidy(given or "")


def is_hidden(element: Element) -> bool:
    """Whether nobody sees it."""
    if element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return True
    return bool(_HIDDEN.search(element.get("style") or ""))
