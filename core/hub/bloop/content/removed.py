"""What the sanitiser took out of HTML, for whoever pasted it: what went, and how often."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser

from bloop.content.sanitise import sanitise

MOST = 20
"""So many kinds of removed things are named."""
_SILENT = frozenset({("a", "rel"), ("a", "target")})
"""The sanitiser sets these as it likes: nothing of what was written is lost."""
_ADDRESSES = frozenset({"href", "src", "poster"})


@dataclass(frozen=True, slots=True)
class Removed:
    """``what`` is ``element``, ``attribute`` or ``address``; ``name`` says which."""

    what: str
    name: str
    count: int


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[tuple[str, str]] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found["element", f"<{tag}>"] += 1
        for name, value in attrs:
            if (tag, name) in _SILENT:
                continue
            if name in _ADDRESSES:
                self.found["address", f"{name}={(value or '').strip()[:60]}"] += 1
            elif name == "class":
                self.found.update(("attribute", f"class={one}") for one in (value or "").split())
            elif name == "style":
                parts = (part.partition(":")[0].strip() for part in (value or "").split(";"))
                self.found.update(("attribute", f"style={part}") for part in parts if part)
            else:
                self.found["attribute", name] += 1


def removed(html: str) -> list[Removed]:
    """What is in ``html`` and not in what is kept of it, the elements first; at most MOST kinds."""
    if "<" not in html:
        return []
    before, after = _read(html), _read(sanitise(html))
    gone = before - after
    # Anchors get a prefix: that the address is another one says nothing.
    kept_anchors = Counter(key for key in after.elements() if key[1].startswith("href=#"))
    for key in [key for key in gone if key[1].startswith("href=#")][: kept_anchors.total()]:
        del gone[key]
    order = {"element": 0, "address": 1, "attribute": 2}
    rows = sorted(gone.items(), key=lambda one: (order[one[0][0]], -one[1], one[0][1]))
    return [Removed(what, name, count) for (what, name), count in rows[:MOST]]


def _read(html: str) -> Counter[tuple[str, str]]:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.found
