"""What is done in the background: exports that somebody asked for, and tidying up."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bloop_bookmarks import tables
from bloop_sdk import Event, JobContext, Unit

EXPORTS = "export/"


async def export(ctx: JobContext, payload: dict[str, Any]) -> dict[str, int]:
    """Write somebody's bookmarks as Markdown; done again, it replaces what was written."""
    rows = await ctx.read(tables.of, payload["user"])
    lines = [f"- [{_plain(row.title)}](/lessons/{row.item_id})\n" for row in rows]
    with tempfile.TemporaryDirectory(dir=ctx.data_dir) as folder:
        source = Path(folder) / "bookmarks.md"
        await ctx.run_sync(source.write_text, "".join(lines), "utf-8")
        await ctx.files.put(name_of(payload["user"]), source, "text/markdown; charset=utf-8")
    ctx.progress(len(rows), len(rows), "bookmarks written")
    return {"bookmarks": len(rows)}


async def tidy(ctx: JobContext, _payload: dict[str, Any]) -> dict[str, int]:
    """Forget all exports: whoever wants another one asks for it. Started each night."""
    names = await ctx.files.names(EXPORTS)
    for name in names:
        await ctx.files.delete(name)
    return {"exports": len(names)}


def name_of(user: str) -> str:
    """The name of somebody's last export."""
    return f"{EXPORTS}{user}.md"


def forget_item(unit: Unit, event: Event) -> None:
    """Drop the bookmarks of an item that is gone, in the transaction that takes the event."""
    tables.drop_item(unit, event.payload["id"])


def _plain(title: str) -> str:
    return title.replace("[", "(").replace("]", ")").replace("\n", " ")
