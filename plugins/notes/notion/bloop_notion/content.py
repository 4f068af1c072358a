"""What a page says: in one request where Notion's Markdown is whole, else block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bloop_notion import blocks, enhanced, render
from bloop_notion.aliases import Aliases
from bloop_notion.api import Api, RefusedError
from bloop_notion.fields import dashed, text
from bloop_notion.model import Block, Making, settled
from bloop_sdk import MissingRecordError, UnavailableError
from bloop_sdk.records import JSONObject

MOST_SINGLE = 8
"""So many blocks that the Markdown lacks are asked for one by one; more, and the page is walked."""
DEEPEST = 40
"""Blocks within blocks, so that a circle ends."""


@dataclass(slots=True)
class Said:
    """A page's Markdown, and what it was made of; ``raw`` is the same until somebody edits."""

    markdown: str
    raw: JSONObject
    making: Making = field(repr=False)


class Contents:
    """Reads the content of pages of one connection."""

    def __init__(self, api: Api, aliases: Aliases) -> None:
        self._api = api
        self._aliases = aliases
        self._whole = True
        """Whether the site writes pages as Markdown."""

    async def of(self, page: str) -> Said:
        """The content of a page; raises MissingRecordError where it is gone."""
        making = self.making(page)
        if self._whole:
            said = await self._at_once(page, making)
            if said is not None:
                return said
            making = self.making(page)
        return of_blocks(await self.walk(page), making)

    def making(self, page: str) -> Making:
        """A page to be made."""
        return Making(page, self._aliases.of(page))

    async def _at_once(self, page: str, making: Making) -> Said | None:
        """Notion's Markdown of a page; None where it is not whole and a walk is better."""
        try:
            answer = await self._api.get(f"pages/{page}/markdown")
        except RefusedError as err:
            # An older API knows no such address; of any other reason one page is walked.
            self._whole = err.reason != "invalid_request_url"
            return None
        written = answer.get("markdown")
        if answer.get("object") != "page_markdown" or not isinstance(written, str):
            raise UnavailableError(f"pages/{page}/markdown was answered with no Markdown")
        asked = _ids(answer.get("unknown_block_ids"))
        found = enhanced.parse(written, making)
        unknown = enhanced.unknown_in(found)
        wanted = asked | {one.id for one in unknown if one.id}
        # What lies behind the cut stands nowhere in the text.
        beyond = answer.get("truncated") is True and not asked <= {one.id for one in unknown}
        nameless = any(one.id is None for one in unknown)
        if beyond or nameless or len(wanted) > MOST_SINGLE:
            return None
        raw: JSONObject = {"markdown": settled(written)}
        if wanted:
            gaps = {one: await self._gap(one) for one in sorted(wanted)}
            raw["blocks"] = {name: settled(one) for name, one in gaps.items()}
            found = enhanced.replaced(found, lambda block: _filled(block, gaps, making))
        return Said(render.document(found, making), raw, making)

    async def _gap(self, block: str) -> JSONObject | None:
        """A block that the Markdown lacks; None where the integration may not see it."""
        try:
            found = await self._api.get(f"blocks/{block}")
        except MissingRecordError:
            return None
        await self._fill([found], 0)
        return trimmed(found)

    async def walk(self, parent: str, depth: int = 0) -> list[JSONObject]:
        """The blocks of a page or a block, each with those within it."""
        found: list[JSONObject] = []
        async for answer in self._api.pages("GET", f"blocks/{parent}/children"):
            found += answer
        await self._fill(found, depth)
        return [trimmed(one) for one in found] if not depth else found

    async def _fill(self, found: Sequence[JSONObject], depth: int) -> None:
        for one in found:
            own = dashed(one.get("id"))
            if one.get("has_children") is not True or own is None or depth >= DEEPEST:
                continue
            if text(one, "type") not in blocks.OPAQUE_LEAVES:
                one[blocks.CHILDREN] = await self.walk(own, depth + 1)


def _ids(listed: Any) -> set[str]:
    given = listed if isinstance(listed, list) else []
    return {found for one in given if (found := dashed(one)) is not None}


def of_blocks(found: Sequence[JSONObject], making: Making) -> Said:
    """The content that blocks are."""
    made = [blocks.of_api(one, making) for one in found]
    if _deeper(found):
        making.lose(f"blocks within more than {DEEPEST} others")
    return Said(render.document(made, making), {"blocks": settled(list(found))}, making)


def _filled(block: Block, gaps: dict[str, JSONObject | None], making: Making) -> Block:
    item = gaps.get(block.id or "")
    if item is not None:
        return blocks.of_api(item, making)
    what = str(block.told.get("alt") or "unknown")[:60]
    making.lose(f"a block that is not shared with the integration ({what})")
    return Block("nothing")


def trimmed(item: JSONObject) -> JSONObject:
    """A block without what says who edited it when, and where it stands."""
    kind = text(item, "type")
    kept: dict[str, Any] = {"id": item.get("id"), "type": kind}
    if isinstance(item.get(kind), dict):
        kept[kind] = item[kind]
    if item.get("has_children") is True:
        kept["has_children"] = True
    children = item.get(blocks.CHILDREN)
    if isinstance(children, list):
        kept[blocks.CHILDREN] = [trimmed(one) for one in children]
    return kept


def _deeper(found: Sequence[JSONObject]) -> bool:
    """Whether children were left out; a page within a page has its own."""
    for one in found:
        children = one.get(blocks.CHILDREN)
        if isinstance(children, list):
            if _deeper(children):
                return True
        elif one.get("has_children") and text(one, "type") not in blocks.OPAQUE_LEAVES:
            return True
    return False
