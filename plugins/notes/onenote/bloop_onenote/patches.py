"""What changes on a page, from its blocks and the Markdown that it shall have: as little as can be.

A block whose Markdown stays is not named in any command, so that its colours, its ink and whatever
else Markdown has no word for stay with it.
https://learn.microsoft.com/graph/onenote-update-page#supported-elements-and-actions
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from urllib.parse import unquote

from bloop_onenote.blocks import Block, Document
from bloop_onenote.rendering import Wanted, Writing, notes_linked, wanted
from bloop_sdk import UnsupportedError
from bloop_sdk.records import JSONObject

EMPTY = "<p></p>"
"""What a block is replaced with that shall go: there is no command that removes, and OneNote keeps
no paragraph without text."""
_FILE = re.compile(r"bloop:file:([^\s)>\"]+)")


@dataclass(frozen=True, slots=True)
class _Change:
    """Blocks of the page from ``first`` up to ``last``, and what shall stand in their place."""

    first: int
    last: int
    new: list[Wanted]


def commands(document: Document, markdown: str, writing: Writing) -> list[JSONObject]:
    """The PATCH commands that give a page a Markdown; none where it has it already.

    Raises UnsupportedError where they would take a file off the page that it shall keep.
    """
    blocks = document.blocks
    # What the new text loses counts for what is written of it alone.
    units = wanted(markdown, Writing(writing.addresses, fetches=writing.fetches))
    changes = list(_changes(blocks, units))
    _expect_files(blocks, changes)
    found: list[JSONObject] = []
    for change in changes:
        text = "\n\n".join(unit.markdown for unit in change.new)
        wanted(text, writing)
        found += _of(change, document, writing)
    return found


def linked_anew(document: Document, markdown: str) -> set[str]:
    """The notes that links lead to in what is written anew, whether they were there or not."""
    changes = _changes(document.blocks, wanted(markdown, Writing({})))
    units = [unit for change in changes for unit in change.new]
    return {note for unit in units for note in notes_linked(unit.markdown)}


def _expect_files(blocks: Sequence[Block], changes: Sequence[_Change]) -> None:
    """Refuse a change that puts something else in the place of a file and means to keep it.

    Input HTML names no resource that OneNote has: its documentation knows none, and where one was
    named by its address it was seen to come back as an empty copy.
    """
    changed = {
        number
        for change in changes
        for number in range(change.first, change.last)
        if not blocks[number].fixed
    }
    kept = _files(one.markdown for place, one in enumerate(blocks) if place not in changed)
    gone = _files(blocks[number].markdown for number in changed)
    wanted_still = _files(unit.markdown for change in changes for unit in change.new)
    if gone & wanted_still - kept:
        raise UnsupportedError(
            "an image or a file stands in what was changed, and Graph would take it off the page",
            cure="change the text beside it alone, or do it in OneNote itself",
        )


def _files(texts: Iterable[str]) -> set[str]:
    return {unquote(name) for text in texts for name in _FILE.findall(text)}


def is_same(document: Document, markdown: str) -> bool:
    """Whether a page says what a Markdown says."""
    return _keys(document) == [unit.key for unit in wanted(markdown, Writing({}))]


def is_mostly(document: Document, markdown: str) -> bool:
    """Whether a page has at least half of a Markdown's blocks, whatever else it has."""
    ours = Counter(unit.key for unit in wanted(markdown, Writing({})))
    return 2 * (ours & Counter(_keys(document))).total() >= ours.total()


def _keys(document: Document) -> list[str]:
    return [unit.key for block in document.blocks for unit in wanted(block.markdown, Writing({}))]


def _changes(blocks: Sequence[Block], units: list[Wanted]) -> Iterator[_Change]:
    """Where page and text differ, in whole blocks."""
    owners: list[int] = []
    keys: list[str] = []
    for number, block in enumerate(blocks):
        for unit in wanted(block.markdown, Writing({})):
            owners.append(number)
            keys.append(unit.key)
    matcher = SequenceMatcher(None, keys, [unit.key for unit in units], autojunk=False)
    spans: list[list[int]] = []
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        if kind == "equal":
            continue
        while 0 < i1 < len(owners) and owners[i1] == owners[i1 - 1]:
            i1, j1 = i1 - 1, j1 - 1  # noqa: PLW2901 - a block changes as a whole
        while 0 < i2 < len(owners) and owners[i2] == owners[i2 - 1]:
            i2, j2 = i2 + 1, j2 + 1  # noqa: PLW2901
        if spans and i1 < spans[-1][1]:
            spans[-1][1], spans[-1][3] = max(i2, spans[-1][1]), max(j2, spans[-1][3])
        else:
            spans.append([i1, i2, j1, j2])
    for i1, i2, j1, j2 in spans:
        first = owners[i1] if i1 < len(owners) else len(blocks)
        yield _Change(first, owners[i2 - 1] + 1 if i2 > i1 else first, units[max(0, j1) : j2])


def _of(change: _Change, document: Document, writing: Writing) -> Iterator[JSONObject]:
    old = document.blocks[change.first : change.last]
    new = list(change.new)
    for block in (one for one in old if one.fixed):
        same = next((one for one in new if one.key == block.key), None)
        if same is not None:
            new.remove(same)
        else:
            writing.lost["what stands freely on the page, which Graph cannot change"] = None
    targets = [block for block in old if not block.fixed]
    if any(block.rich for block in targets):
        writing.lost["colours, fonts and tags of what was changed"] = None
    if not targets:
        yield from _inserted([one.html for one in new], change.first, document)
        return
    paired = min(len(targets), len(new)) - 1
    for block, one in zip(targets[: max(0, paired)], new, strict=False):
        yield from _replaced(block, one.html)
    rest, left = targets[max(0, paired) :], new[max(0, paired) :]
    if left:
        for one in left[:-1]:
            yield _command("insert", rest[0].ids[0], one.html, position="before")
        yield from _replaced(rest[0], left[-1].html)
        rest = rest[1:]
    for block in rest:
        yield from _replaced(block, EMPTY)


def _replaced(block: Block, html: str) -> Iterator[JSONObject]:
    yield _command("replace", block.ids[0], html)
    for more in block.ids[1:]:
        yield _command("replace", more, EMPTY)


def _inserted(parts: list[str], place: int, document: Document) -> Iterator[JSONObject]:
    """New elements before the block at ``place``: beside one that can be named."""
    blocks = document.blocks
    before = blocks[place - 1] if place else None
    after = blocks[place] if place < len(blocks) else None
    if before is not None and not before.fixed:
        for html in reversed(parts):
            yield _command("insert", before.ids[-1], html, position="after")
    elif after is not None and not after.fixed:
        for html in parts:
            yield _command("insert", after.ids[0], html, position="before")
    else:
        outline = next((one.outline for one in (before, after) if one and one.outline), "body")
        for html in parts:
            yield _command("append", outline, html)


def _command(action: str, target: str, content: str, **more: str) -> JSONObject:
    return {"target": target, "action": action, "content": content, **more}
