"""What is removed each night: videos that others have replaced, and pieces that nobody uses.

The rule stands in docs/admin/videos.md.
"""

from __future__ import annotations

import json
import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bloop_sdk import CallContext, Unit
from bloop_studio import pieces, previews, videos
from bloop_studio.config import config_of
from bloop_studio.tables import Piece, Video, now

PREVIEWS_STAY = timedelta(days=1)
"""Pictures and sounds of scenes: each edit makes some, and they are made again in a moment."""
ABANDONED_SECONDS = 24 * 3600.0
"""A job's folder in which nothing has happened for so long is a dead one's."""


async def tidy(ctx: CallContext, _payload: dict[str, Any]) -> dict[str, int]:
    """Remove what is old. Started each night."""
    before = now() - timedelta(days=config_of(ctx).keep_days)
    replaced = await ctx.read(videos_replaced, before)
    for id_ in replaced:
        await ctx.transaction(videos.remove, id_)
    await _adopt(ctx)
    removed = await _forget(ctx, before)
    removed += await _forget(ctx, now() - PREVIEWS_STAY, previews.KEPT)
    left = await ctx.run_sync(_remove_folders, ctx.data_dir)
    return {"videos": len(replaced), "removed": removed, "folders": left}


async def _forget(ctx: CallContext, before: datetime, kind: str = "") -> int:
    removed = 0
    for name in await ctx.read(videos.unused, before, kind):
        # Since they were listed, a video may have come to use it.
        if await ctx.transaction(videos.forget_piece, name, before):
            await ctx.files.delete(name)
            removed += 1
    return removed


def videos_replaced(unit: Unit, before: datetime) -> list[str]:
    """Videos in whose place another one of the same lesson and options was ready by then."""
    rows = unit.session.execute(
        select(Video.id, Video.item_id, Video.options, Video.state, Video.finished_at)
        .where(Video.finished_at < before)
        .order_by(Video.finished_at.desc(), Video.id)
    )
    newer: set[tuple[str, str]] = set()
    found = []
    for id_, item, options, state, _ in rows:
        kind = (item, json.dumps(options, sort_keys=True))
        if kind in newer:
            found.append(id_)
        elif state == "ready":
            newer.add(kind)
    return found


async def _adopt(ctx: CallContext) -> None:
    """Pieces that were kept by a job that was killed before it noted so are unused from now on."""
    known = await ctx.read(_known)
    for name in await ctx.files.names():
        # What is no piece, as an institution's logo, is named by one word.
        if "/" in name and name not in known:
            await pieces.use(ctx, name)


def _known(unit: Unit) -> set[str]:
    return set(unit.session.scalars(select(Piece.name)))


def _remove_folders(folder: Path) -> int:
    """Remove what jobs that were killed have left on this machine."""
    old = time.time() - ABANDONED_SECONDS
    left = [one for one in folder.glob(f"{pieces.WORK}*") if one.stat().st_mtime < old]
    for one in left:
        shutil.rmtree(one, ignore_errors=True)
    return len(left)
