"""How often Notion is asked: for a page that changed, and for a workspace that did not.

The workspace stands in memory and answers as Notion's API does; requests are counted, not timed.
The pages are of five kinds: plain text, lists in lists, toggles in toggles, tables, and columns
with a bookmark. The peer is the recursive walk over `blocks.children.list`, as notion-client's
documentation of `iterate_paginated_api` and every exporter of Notion does it.

`changed_page_vs_walk`: requests for a page that changed over those of the walk, the mean of all.
`changed_row_vs_walk`: the same for a row of a database. `unchanged_beyond_list`: requests of a sync
of 1,000 unchanged pages beyond the list itself (a hundred pages a request).
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import httpx
from _harness import Bench, Row
from notion_client import AsyncClient
from notion_client.helpers import async_iterate_paginated_api

from bloop_sdk.bridges.httpx import AsyncTransport
from plugins.notes.notion.tests.conftest import Rig
from plugins.notes.notion.tests.fake_notion import FakeNotion
from plugins.notes.notion.tests.fake_workspace import block, ident, table

PAGES = 1000
DAY = 86_400


def nested(kind: str, depth: int, width: int) -> dict:
    """Blocks within blocks."""
    inner = [nested(kind, depth - 1, width) for _ in range(width)] if depth else []
    return block(kind, "Words.", children=inner)


KINDS = {
    "plain text": lambda: [block("paragraph", f"Paragraph {n}.") for n in range(30)],
    "lists in lists": lambda: [nested("bulleted_list_item", 2, 3) for _ in range(3)],
    "toggles in toggles": lambda: [nested("toggle", 3, 2) for _ in range(2)],
    "tables": lambda: [table(["a", "b"], ["1", "2"]) for _ in range(4)],
    "columns, a bookmark": lambda: [
        block(
            "column_list",
            children=[block("column", children=[block("paragraph", "p")]) for _ in range(3)],
        ),
        block("bookmark", url="https://example.org", caption=[]),
    ],
}


def workspace(pages: int = PAGES) -> FakeNotion:
    """Pages of all kinds below one another's first, and rows of a database."""
    notion = FakeNotion()
    notion.seconds = -DAY
    top = notion.page("Top")
    source = notion.source("Tasks", parent=top)
    kinds = list(KINDS.values())
    for number in range(pages - 1):
        parent = source if number % 2 else top
        notion.page(f"Page {number}", *kinds[number % len(kinds)](), parent=parent)
    notion.seconds = 0
    return notion


async def walk(client: AsyncClient, parent: str) -> int:
    """Every block of a page, by the recursive walk; how many there are."""
    count = 0
    async for one in async_iterate_paginated_api(client.blocks.children.list, block_id=parent):
        count += 1
        if one["has_children"] and one["type"] not in {"child_page", "child_database"}:
            count += await walk(client, one["id"])
    return count


async def walked(mine: Rig, page: str) -> int:
    """Requests of the walk over one page."""
    http = httpx.AsyncClient(transport=AsyncTransport(mine.ctx.http))
    before = len(mine.faults.requests)
    await walk(AsyncClient(auth="good", client=http, retry=False), page)
    return len(mine.faults.requests) - before


async def changed(mine: Rig, page: str) -> int:
    """Requests of a sync for one page that changed, beyond those of an unchanged workspace."""
    mine.notion.seconds += 600
    unchanged = len((await mine.read()).requests)
    mine.notion.touch(page)
    mine.notion.seconds += 600
    # One more tells the names of people, whatever has changed.
    return len((await mine.read()).requests) - unchanged - 1


async def main() -> None:
    """Count."""
    bench = Bench("notion", peers=("notion-client",))
    mine = Rig(workspace())
    first = await mine.read()
    assert len([ref for ref in first.records if ref.kind == "note"]) == PAGES
    again = (await mine.read()).requests
    listed = sum(one == "POST search" for one in again)
    ratios: dict[str, list[float]] = {"page": [], "row": []}
    for number, kind in enumerate(KINDS):
        for where, offset in (("page", 0), ("row", 5)):
            page = ident(f"page Page {number + (offset if number % 2 == 0 else 5 - offset)}")
            ours, theirs = await changed(mine, page), await walked(mine, page)
            bench.rows.append(Row(f"{where}, {kind}: this plugin", "requests", (ours,)))
            bench.rows.append(Row(f"{where}, {kind}: recursive walk", "requests", (theirs,)))
            ratios[where].append(ours / theirs)
    bench.rows.append(Row(f"{PAGES} unchanged pages: their list", "requests", (listed,)))
    bench.rows.append(
        Row(f"{PAGES} unchanged pages: beyond it", "requests", (len(again) - listed,))
    )
    for where, found in ratios.items():
        bench.ratios[f"changed_{where}_vs_walk"] = sum(found) / len(found)
    # A hub asks once a run whose token it is.
    bench.ratios["unchanged_beyond_list"] = len(again) - listed + 1
    bench.finish()


if __name__ == "__main__":
    asyncio.run(main())
