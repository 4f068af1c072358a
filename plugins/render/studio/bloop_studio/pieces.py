"""Kept pieces of videos, under names made of all that they depend on: nothing is made twice."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from bloop_sdk import CallContext, NotFoundError
from bloop_studio import videos
from bloop_studio.insisting import insist

WORK = "work-"
"""What the names of folders begin with in which something is made."""


def workshop(ctx: CallContext) -> tempfile.TemporaryDirectory[str]:
    """A folder to make something in, which goes with the work."""
    return tempfile.TemporaryDirectory(prefix=WORK, dir=ctx.data_dir)


def digest(*parts: Any) -> str:
    """A name for what is made from ``parts``, which are JSON-shaped."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


async def fetch(ctx: CallContext, name: str, target: Path) -> bool:
    """Write a kept piece to ``target``; False where there is none."""
    found = await ctx.files.get(name)
    if found is None:
        return False
    # First, so that it is not tidied away meanwhile.
    await insist(ctx, videos.use, name, found.size)
    try:
        await ctx.files.save(name, target)
    except NotFoundError:
        return False
    return True


async def use(ctx: CallContext, name: str) -> bool:
    """Whether a piece is kept; it is used now."""
    found = await ctx.files.get(name)
    if found is not None:
        await insist(ctx, videos.use, name, found.size)
    return found is not None


async def keep(ctx: CallContext, name: str, source: Path, media_type: str) -> None:
    """Keep a piece."""
    kept = await ctx.files.put(name, source, media_type)
    await insist(ctx, videos.use, name, kept.size)
