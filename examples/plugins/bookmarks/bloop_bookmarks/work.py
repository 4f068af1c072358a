"""What is done in the background: exports that somebody asked for, and tidying up."""

from __future__ import annotations

from typing import Any

from bloop_bookmarks import tables
from bloop_sdk import Event, JobContext, Unit
from bloop_sdk.plugin import KeyValueStore

EXPORTS = "export/"
AT_ONCE = 50
"""Bookmarks in one value of the store, which holds 64 KiB."""


async def export(ctx: JobContext, payload: dict[str, Any]) -> dict[str, int]:
    """Write somebody's bookmarks as Markdown; done again, it gives the same."""
    user = payload["user"]
    rows = await ctx.read(tables.of, user)
    for key in await ctx.run_sync(ctx.store.keys, prefix(user)):
        await ctx.run_sync(ctx.store.delete, key)
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        text = "".join(f"- [{_plain(row.title)}](/lessons/{row.item_id})\n" for row in part)
        await ctx.run_sync(ctx.store.set, f"{prefix(user)}{start:06}", text)
        ctx.progress(start + len(part), len(rows), "bookmarks written")
    return {"bookmarks": len(rows)}


async def tidy(ctx: JobContext, _payload: dict[str, Any]) -> dict[str, int]:
    """Forget all exports: whoever wants another one asks for it. Started each night."""
    keys = await ctx.run_sync(ctx.store.keys, EXPORTS)
    for key in keys:
        await ctx.run_sync(ctx.store.delete, key)
    return {"parts": len(keys)}


def written(store: KeyValueStore, user: str) -> str:
    """What the last export wrote."""
    return "".join(store.get(key) for key in store.keys(prefix(user)))


def prefix(user: str) -> str:
    """Where the parts of somebody's export lie in the store."""
    return f"{EXPORTS}{user}/"


def forget_item(unit: Unit, event: Event) -> None:
    """Drop the bookmarks of an item that is gone, in the transaction that takes the event."""
    tables.drop_item(unit, event.payload["id"])


def _plain(title: str) -> str:
    return title.replace("[", "(").replace("]", ")").replace("\n", " ")
