"""Which block says which piece of a page's Markdown, and where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from bloop_notion import blocks as api_blocks
from bloop_notion.blocks import CHILDREN, of_api
from bloop_notion.fields import dashed, text
from bloop_notion.inlines import Target
from bloop_notion.model import Block, Making
from bloop_notion.parsing import parse
from bloop_notion.render import pieces
from bloop_sdk.records import JSONObject

TRANSPARENT = frozenset({"column_list", "column", "synced_block", "meeting_notes"})
"""Blocks of which Markdown says only what is in them."""
OPEN = frozenset({"paragraph", "heading_1", "heading_2", "heading_3", "heading_4"})
"""Blocks whose children Markdown says beside them."""


@dataclass(slots=True)
class Owner:
    """A block with the keys of what it says itself; empty for what says nothing."""

    item: JSONObject
    parent: str
    keys: list[str] = field(default_factory=list)
    below: int = 0
    """How many of the owners after it stand in it."""

    @property
    def id(self) -> str:
        """The block's id."""
        return dashed(self.item.get("id")) or ""

    @property
    def type(self) -> str:
        """The block's type, as Notion names it."""
        return text(self.item, "type")

    @property
    def own(self) -> bool:
        """Whether the block is another page: to remove it would remove that page."""
        return self.type in api_blocks.OPAQUE_LEAVES


def owners(found: Sequence[JSONObject], parent: str, making: Making) -> list[Owner]:
    """All blocks that Markdown says apart, in their order."""
    made: list[Owner] = []
    for item in found:
        owner = Owner(item, parent)
        made.append(owner)
        inner = item.get(CHILDREN)
        children = inner if isinstance(inner, list) else []
        if owner.type in TRANSPARENT | OPEN and children:
            below = owners(children, owner.id, making)
            made += below
            owner.below = len(below)
        if owner.type not in TRANSPARENT:
            owner.keys = keys_of(item, making, alone=owner.type in OPEN)
    return made


def keys_of(item: JSONObject, making: Making, *, alone: bool) -> list[str]:
    """A block's Markdown by its pieces; ``alone`` leaves out what is in it."""
    block: Block = of_api({**item, CHILDREN: []} if alone else item, making)
    said = "\n\n".join(piece for _, piece in pieces([block], making) if piece)
    return [one.key for one in parse(said, Target())]


def located(base: Sequence[str], found: Sequence[Owner]) -> list[int | None]:
    """The owner of each piece of ``base``, by its number; None where none says it."""
    flat = [(number, key) for number, owner in enumerate(found) for key in owner.keys]
    matcher = SequenceMatcher(None, list(base), [key for _, key in flat], autojunk=False)
    where: list[int | None] = [None] * len(base)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal" or (tag == "replace" and i2 - i1 == j2 - j1):
            for offset in range(i2 - i1):
                where[i1 + offset] = flat[j1 + offset][0]
    return where
