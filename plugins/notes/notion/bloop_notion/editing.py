"""Changes a page's blocks as little as it takes: what stays the same is not touched."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from difflib import SequenceMatcher

from bloop_notion.api import Api, RefusedError
from bloop_notion.blocks import CHILDREN, OPAQUE_LEAVES
from bloop_notion.content import of_blocks
from bloop_notion.differing import RICH, difference, loses_mentions, row_key
from bloop_notion.fields import dashed, obj, rows, text
from bloop_notion.inlines import Target
from bloop_notion.model import Making, addresses_in, key_of, settled
from bloop_notion.owners import OPEN, Owner, keys_of, located, owners
from bloop_notion.parsing import Wanted, parse
from bloop_sdk import MissingRecordError
from bloop_sdk.records import JSONObject

AT_ONCE = 100
"""Blocks that Notion takes in one list."""
MOST_BLOCKS = 1000
"""Blocks that it takes in one request, with those within them; and bytes, with room for the rest:
https://developers.notion.com/reference/request-limits."""
MOST_BYTES = 450_000
_TRASHED = re.compile(r"archived|in (?:the )?trash", re.IGNORECASE)
"""What Notion says of a block that lies in its trash, or within one that does."""
Attached = Callable[[str], Awaitable[JSONObject | None]]
"""What a block holds that shows a file, by the file's remote id; None where it cannot be had."""


class Editing:
    """Edits of one page. ``made`` are blocks that show files, by what they were asked to show."""

    def __init__(self, api: Api, making: Making, target: Target, attached: Attached) -> None:
        self._api = api
        self._making = making
        self._page = making.page
        self._target = target
        self._attached = attached
        self._not_had: set[str] = set()
        """Files that could not be shown anew: where they stand they stay."""
        self.made: list[tuple[str, JSONObject]] = []

    async def change(
        self, found: Sequence[JSONObject], base: str, markdown: str, *, adding: bool = False
    ) -> None:
        """Bring blocks from what ``base`` says of them to what ``markdown`` says.

        ``adding`` puts in what is missing, and leaves all that is there.
        """
        before = [one.key for one in parse(base, Target())]
        wanted = parse(markdown, self._target)
        mine = owners(found, self._page, self._making)
        where = located(before, mine)
        matcher = SequenceMatcher(None, before, [one.key for one in wanted], autojunk=False)
        removed: list[int] = []
        for tag, i1, i2, j1, j2 in reversed(matcher.get_opcodes()):
            # From the end, so that what stands before keeps its place.
            if tag == "equal":
                continue
            olds = sorted({one for one in where[i1:i2] if one is not None})
            # A block of several pieces that are not all in here stays as it is.
            olds = [one for one in olds if not adding and _whole(one, where, i1, i2)]
            anchor = _anchor(mine, where, i1)
            removed += await self._hunk(mine, olds, wanted[j1:j2], anchor)
        await self._remove(mine, removed)

    async def _hunk(
        self,
        mine: Sequence[Owner],
        olds: Sequence[int],
        news: Sequence[Wanted],
        anchor: Owner | None,
    ) -> list[int]:
        """Update what pairs up, insert what is new; what is to be removed."""
        types = SequenceMatcher(
            None, [_family(mine[one]) for one in olds], [one.type for one in news], autojunk=False
        )
        removed: list[int] = []
        steps = types.get_opcodes()
        for tag, i1, i2, j1, j2 in reversed(steps):
            if tag == "equal":
                for old, new in zip(olds[i1:i2], news[j1:j2], strict=True):
                    if not await self._update(mine[old], new):
                        await self._insert([new], mine[old].parent, mine[old].id)
                        removed.append(old)
                continue
            removed += olds[i1:i2]
            behind = mine[olds[i1 - 1]] if i1 else anchor
            if j2 > j1:
                parent = behind.parent if behind else self._page
                await self._insert(news[j1:j2], parent, behind.id if behind else None)
        return removed

    # -- one block

    async def _update(self, owner: Owner, new: Wanted) -> bool:
        """Change a block in its place; False where it has to be another block."""
        if owner.own:
            self._target.lose("another text for a link to a page below: it is the page's title")
            return True
        kind = owner.type
        body = obj(owner.item, kind)
        if new.file is not None or kind in {"image", "video", "audio", "file", "pdf"}:
            return False
        if kind == "table":
            return await self._table(owner, new)
        change = difference(kind, body, new)
        if loses_mentions(body, change):
            self._target.lose("mentions of people and dates in a changed text, kept as words")
        if change:
            await self._api.send("PATCH", f"blocks/{owner.id}", body={kind: change})
        if kind not in OPEN:
            await self._within(owner, new)
        return True

    async def _within(self, owner: Owner, new: Wanted) -> None:
        """What is in a block that is kept."""
        inner = rows(owner.item, CHILDREN)
        olds = [Owner(item, owner.id, [_shape(item, self._making)]) for item in inner]
        matcher = SequenceMatcher(
            None,
            [one.keys[0] for one in olds],
            [_wanted_shape(one) for one in new.children],
            autojunk=False,
        )
        removed: list[int] = []
        for tag, i1, i2, j1, j2 in reversed(matcher.get_opcodes()):
            if tag == "equal":
                continue
            anchor = olds[i1 - 1] if i1 else None
            if anchor is None and j2 > j1 and not (i2 > i1):
                await self._insert(new.children[j1:j2], owner.id, None)
                continue
            removed += await self._hunk(
                olds,
                list(range(i1, i2)),
                new.children[j1:j2],
                anchor or Owner({"id": None}, owner.id),
            )
        await self._remove(olds, removed)

    async def _table(self, owner: Owner, new: Wanted) -> bool:
        body = obj(owner.item, "table")
        if body.get("table_width") != new.body["table_width"]:
            return False
        if body.get("has_column_header") is not new.body["has_column_header"]:
            await self._api.send(
                "PATCH",
                f"blocks/{owner.id}",
                body={"table": {"has_column_header": new.body["has_column_header"]}},
            )
        olds = [Owner(item, owner.id) for item in rows(owner.item, CHILDREN)]
        keys = [row_key(obj(one.item, "table_row")) for one in olds]
        matcher = SequenceMatcher(
            None, keys, [row_key(one.body) for one in new.children], autojunk=False
        )
        removed: list[int] = []
        for tag, i1, i2, j1, j2 in reversed(matcher.get_opcodes()):
            if tag == "equal":
                continue
            anchor = olds[i1 - 1] if i1 else Owner({"id": None}, owner.id)
            removed += await self._hunk(olds, list(range(i1, i2)), new.children[j1:j2], anchor)
        await self._remove(olds, removed)
        return True

    async def _remove(self, mine: Sequence[Owner], removed: Sequence[int]) -> None:
        gone, within = set(removed), set[int]()
        for number in sorted(gone):
            owner = mine[number]
            inner = range(number + 1, number + 1 + owner.below)
            if number in within:
                continue  # It went with the block that it stood in.
            if owner.own:
                self._target.lose("that a page below is not linked to: it stands in this one")
            elif self._not_had & self._files_of(owner):
                self._target.lose("that a file stands elsewhere: Notion's API takes no copy of it")
            elif owner.below and not gone.issuperset(inner):
                await self._empty(owner)
            elif holds_page(owner.item):
                self._target.lose("that a block is gone: a page or a database stands in it")
                await self._empty(owner)
                if not owner.below:
                    kept = [Owner(one, owner.id) for one in _inner(owner.item)]
                    await self._remove(kept, range(len(kept)))
            else:
                within.update(inner)
                await self._delete(owner.id)

    async def _empty(self, owner: Owner) -> None:
        """Take away what a block says itself, and leave what is in it."""
        if owner.type in RICH:
            empty: JSONObject = {owner.type: {"rich_text": []}}
            await self._api.send("PATCH", f"blocks/{owner.id}", body=empty)

    async def _delete(self, block: str) -> None:
        try:
            await self._api.send("DELETE", f"blocks/{block}")
        except MissingRecordError:
            return
        except RefusedError as err:
            # It is gone: by a try whose answer was lost, or by somebody else.
            if not _TRASHED.search(err.message):
                raise

    def _files_of(self, owner: Owner) -> set[str]:
        keys = map(key_of, addresses_in(owner.item))
        return {self._making.files[key].id for key in keys if key in self._making.files}

    # -- new blocks

    async def append(self, wanted: Sequence[Wanted], parent: str) -> None:
        """Add blocks at the end of a page or a block."""
        await self._insert(wanted, parent, None, begin=False)

    async def _insert(
        self, wanted: Sequence[Wanted], parent: str, after: str | None, *, begin: bool = True
    ) -> None:
        """Add blocks behind another one, or at the beginning."""
        ready = [(one, item) for one in wanted if (item := await self._payload(one)) is not None]
        for number, some in enumerate(_portions(ready)):
            body: JSONObject = {"children": [item for _, item in some]}
            if after:
                body |= self._behind(after)
            elif begin and number == 0:
                body |= await self._first(parent)
            answer = await self._api.send("PATCH", f"blocks/{parent}/children", body=body)
            made = rows(answer, "results")
            for (one, item), block in zip(some, made, strict=False):
                after = dashed(block.get("id")) or after
                if one.file is not None:
                    self.made.append((one.file, block))
                rest = one.children[len(item[one.type].get(CHILDREN, ())) :]
                if rest:
                    await self.append(rest, dashed(block.get("id")) or "")

    def _behind(self, block: str) -> JSONObject:
        if self._api.newest:
            return {"position": {"type": "after_block", "after_block": {"id": block}}}
        return {"after": block}

    async def _first(self, parent: str) -> JSONObject:
        """The beginning of a page; older versions know only places behind a block."""
        if self._api.newest:
            return {"position": {"type": "start"}}
        answer = await self._api.get(f"blocks/{parent}/children", page_size=1)
        if rows(answer, "results"):
            self._target.lose("the first place: this version of Notion's API puts it second")
            return {"after": rows(answer, "results")[0].get("id")}
        return {}

    async def _payload(self, one: Wanted) -> JSONObject | None:
        """A block as Notion takes it; deeper ones than two levels follow in requests of theirs."""
        body = dict(one.body)
        if one.file is not None:
            shown = await self._attached(one.file)
            if shown is None:
                self._not_had.add(one.file)
                self._target.lose(f"a file that is not to be had: {one.file[:100]}")
                return None
            body |= shown
        if one.children and not any(inner.children or inner.file for inner in one.children):
            # A table has to come with rows; those beyond follow, as all children beyond do.
            inner = [await self._payload(child) for child in one.children[:AT_ONCE]]
            body[CHILDREN] = [item for item in inner if item is not None]
        return {"object": "block", "type": one.type, one.type: body}


def _portions(
    ready: Sequence[tuple[Wanted, JSONObject]],
) -> Iterator[list[tuple[Wanted, JSONObject]]]:
    """Blocks by requests: as many as Notion takes of a list, in all, and in bytes."""
    some: list[tuple[Wanted, JSONObject]] = []
    blocks = size = 0
    for one, item in ready:
        count, length = 1 + len(item[one.type].get(CHILDREN, ())), len(json.dumps(item))
        full = len(some) == AT_ONCE or blocks + count > MOST_BLOCKS or size + length > MOST_BYTES
        if some and full:
            yield some
            some, blocks, size = [], 0, 0
        some.append((one, item))
        blocks, size = blocks + count, size + length
    if some:
        yield some


def _inner(item: JSONObject) -> list[JSONObject]:
    """What is in a block, but for what stands in another place as well."""
    return [] if text(item, "type") == "synced_block" else rows(item, CHILDREN)


def holds_page(item: JSONObject) -> bool:
    """Whether a page or a database stands in a block: it would go into the trash with it."""
    return any(
        text(one, "type") in OPAQUE_LEAVES or holds_page(one) for one in rows(item, CHILDREN)
    )


def _family(owner: Owner) -> str:
    return owner.type


def _whole(number: int, where: Sequence[int | None], begin: int, end: int) -> bool:
    """Whether all that a block says lies between two places."""
    return all(begin <= place < end for place, one in enumerate(where) if one == number)


def _anchor(mine: Sequence[Owner], where: Sequence[int | None], place: int) -> Owner | None:
    """The block behind which something new stands; None at the beginning."""
    before = next((one for one in reversed(where[:place]) if one is not None), None)
    if before is None:
        return None
    return mine[before]


def _shape(item: JSONObject, making: Making) -> str:
    """What a block within another says, so that it can be compared with what is wanted."""
    return "\n".join(keys_of(item, making, alone=False))


def _wanted_shape(one: Wanted) -> str:
    return "\n".join(part.key for part in parse(_shown([one]), Target()))


def shown(markdown: str, target: Target) -> str:
    """What a page says to which a text was written."""
    return _shown(parse(markdown, target))


def _shown(wanted: Sequence[Wanted]) -> str:
    return of_blocks([as_block(one) for one in wanted], Making("")).markdown


def as_block(one: Wanted) -> JSONObject:
    """A wanted block as the API would answer it."""
    shown: JSONObject = {"type": one.type, one.type: settled(one.body)}
    shown[CHILDREN] = [as_block(inner) for inner in one.children]
    return shown
