"""Three texts of one note into one: what it was, what it is here, what it is there. Pure.

    merge(base, here, there) -> Text, or None where both changed the same

Blocks are compared (:mod:`bloop_sdk.markdown.blocks`), not lines. Two edits that only touch each
other are two edits: who ticks a task and who ticks the next one have not changed the same. That is
where this differs from diff3, for which they would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any, TypeVar

from bloop_sdk.between import is_between
from bloop_sdk.markdown import Block, blocks

MOST_BLOCKS = 4000
"""Of two texts that differ in more the comparison would take minutes: they are a conflict."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Text:
    """What people change of a note."""

    title: str
    markdown: str
    tags: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As rows keep it."""
        return {**asdict(self), "tags": list(self.tags)}

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Text:
        """What :meth:`as_json` gave."""
        return cls(kept["title"], kept["markdown"], tuple(kept["tags"]))

    def same(self, other: Text) -> bool:
        """Whether two differ in nothing but blanks, or the order of tags."""
        if (self.title, set(self.tags)) != (other.title, set(other.tags)):
            return False
        return self.markdown == other.markdown or _keys(self.markdown) == _keys(other.markdown)

    def is_between(self, base: Text, sent: Text) -> bool:
        """Whether it can be what a write of ``sent`` over ``base`` has left when it was cut off."""
        names = {base.title, sent.title}
        if self.title not in names or set(self.tags) not in (set(base.tags), set(sent.tags)):
            return False
        return is_between(base.markdown, sent.markdown, self.markdown)


def merge(base: Text, here: Text, there: Text) -> Text | None:
    """One text with the edits of both sides; None where they changed the same to different ends.

    Of what neither changed, and of what differs in blanks alone, it has ``there``'s.
    """
    title = _one(base.title, here.title, there.title)
    markdown = merge_markdown(base.markdown, here.markdown, there.markdown)
    if title is None or markdown is None:
        return None
    gone = set(base.tags) - set(here.tags)
    tags = [tag for tag in there.tags if tag not in gone]
    tags += [tag for tag in here.tags if tag not in base.tags and tag not in there.tags]
    return Text(title, markdown, tuple(tags))


def _one(base: T, here: T, there: T) -> T | None:
    if here in (base, there):
        return there
    return here if there == base else None


def merge_markdown(base: str, here: str, there: str) -> str | None:
    """The same of Markdown alone."""
    if here in (base, there):
        return there
    was, ours, theirs = blocks(base), blocks(here), blocks(there)
    if _key(ours) in (_key(was), _key(theirs)):
        return there
    if _key(theirs) == _key(was):
        return here
    mine, yours = _edits(was, ours), _edits(was, theirs)
    if mine is None or yours is None:
        return None
    edits = _together(mine, yours)
    return None if edits is None else _joined(_applied(was, theirs, yours, edits))


def _key(of: Sequence[Block]) -> list[str]:
    keys = [block.key for block in of]
    while keys and not keys[-1]:
        keys.pop()
    return keys


def _keys(markdown: str) -> list[str]:
    return _key(blocks(markdown))


@dataclass(frozen=True, slots=True)
class _Edit:
    """The blocks ``begin`` to ``end`` of the base become ``new``; an insertion has none of them."""

    begin: int
    end: int
    new: tuple[Block, ...]

    def same(self, other: _Edit) -> bool:
        """Whether two sides did the same."""
        mine, yours = [b.key for b in self.new], [b.key for b in other.new]
        return (self.begin, self.end, mine) == (other.begin, other.end, yours)

    def meets(self, other: _Edit) -> bool:
        """Whether they changed the same blocks, or put something into the same gap."""
        if self.begin == self.end == other.begin == other.end:
            return True
        return self.begin < other.end and other.begin < self.end


def _edits(base: Sequence[Block], changed: Sequence[Block]) -> list[_Edit] | None:
    """What became of the base; None where there is too much to compare."""
    was, now = [block.key for block in base], [block.key for block in changed]
    first = 0
    while first < min(len(was), len(now)) and was[first] == now[first]:
        first += 1
    left = min(len(was), len(now)) - first
    last = 0
    while last < left and was[-1 - last] == now[-1 - last]:
        last += 1
    was, now = was[first : len(was) - last], now[first : len(now) - last]
    if len(was) + len(now) > MOST_BLOCKS:
        return None
    # Gaps, and lines that stand everywhere, are no places to begin at: each would be compared with
    # each, and a thousand blocks take half a minute.
    matcher = SequenceMatcher(lambda key: not key, was, now)
    return [
        _Edit(i + first, j + first, tuple(changed[k + first : m + first]))
        for tag, *span in matcher.get_opcodes()
        if tag != "equal"
        for i, j, k, m in _at_gaps(was, now, *span)
    ]


def _at_gaps(
    was: Sequence[str], now: Sequence[str], i: int, j: int, k: int, m: int
) -> Iterator[tuple[int, int, int, int]]:
    """A replacement by as many blocks as its parts between the gaps that stayed."""
    upto = 0
    for at in range(j - i if j - i == m - k else 0):
        if not was[i + at] and not now[k + at]:
            if at > upto:
                yield i + upto, i + at, k + upto, k + at
            upto = at + 1
    if i + upto < j or k + upto < m:
        yield i + upto, j, k + upto, m


def _together(here: Sequence[_Edit], there: Sequence[_Edit]) -> list[_Edit] | None:
    """The edits of both sides in their order; None where two meet that are not the same."""
    mine = [one for one in here if not any(one.same(other) for other in there)]
    if any(one.meets(other) for one in mine for other in there):
        return None
    return sorted([*mine, *there], key=lambda edit: (edit.begin, edit.end))


def _applied(
    base: Sequence[Block], there: Sequence[Block], changed: Sequence[_Edit], edits: Sequence[_Edit]
) -> Iterator[Block]:
    """The base with all ``edits``; its other blocks as they stand ``there``, which ``changed``."""
    standing = list(base)
    upto = place = 0
    for edit in changed:
        standing[upto : edit.begin] = there[place : place + edit.begin - upto]
        place += edit.begin - upto + len(edit.new)
        upto = edit.end
    standing[upto:] = there[place:]
    upto = 0
    for edit in edits:
        yield from standing[upto : edit.begin]
        yield from edit.new
        upto = max(upto, edit.end)
    yield from standing[upto:]


def _joined(of: Iterator[Block]) -> str:
    """A block that was the last of its text ends no line; what follows it begins one."""
    parts: list[str] = []
    for block in of:
        if parts and not parts[-1].endswith(("\n", "\r")):
            parts.append("\n")
        parts.append(block.text)
    return "".join(parts)
