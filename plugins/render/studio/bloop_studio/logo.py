"""The institution's logo: where it comes from, who judges it, and how scenes get it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bloop_sdk import CallContext, HostileInputError, NotFoundError, UnsupportedError, gettext_noop
from bloop_sdk.providers.render import Look, ScenePlan
from bloop_sdk.storyboard import Scene
from bloop_studio import pieces
from bloop_studio.config import LARGEST_LOGO, config_of
from bloop_studio.renderers import open_renderer

KEPT = "logo"
"""Under which an institution's own is kept; each picture of it that scenes use is a piece."""
MEDIA_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_CARD = {"id": "logo", "title": "Logo", "visual": {"kind": "title", "title": "Logo"}}


async def name_of(ctx: CallContext) -> str | None:
    """The piece that holds the logo as it is now: the institution's own, or that of hub.toml."""
    own, source = await ctx.files.get(KEPT), config_of(ctx).logo
    if own is None and source is None:
        return None
    with pieces.workshop(ctx) as folder:
        copy = Path(folder, KEPT)
        if own is not None:
            await ctx.files.save(KEPT, copy)
        elif source is not None:
            await ctx.run_sync(_copy, source, copy)
        name = f"{KEPT}/{await ctx.run_sync(_digest, copy)}"
        if not await pieces.use(ctx, name):
            await pieces.keep(ctx, name, copy, "application/octet-stream")
    return name


def _copy(source: Path, target: Path) -> None:
    try:
        target.write_bytes(source.read_bytes())
    except OSError as err:
        raise UnsupportedError(
            f"the logo {source} can't be read: {err.strerror}",
            cure="put it back, or correct `logo` in [plugins.studio] of hub.toml",
        ) from err


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def fetch(ctx: CallContext, name: str | None, folder: Path) -> Path | None:
    """The file of a logo in ``folder``, by the name of its piece."""
    if name is None:
        return None
    target = folder / KEPT
    if not await pieces.fetch(ctx, name, target):
        raise NotFoundError(
            gettext_noop("the logo of this video is gone"),
            cure=gettext_noop("have the video made again"),
        )
    return target


async def keep(ctx: CallContext, data: bytes) -> None:
    """Make a picture the institution's logo, if a renderer can draw it; raises a BloopError."""
    if len(data) > LARGEST_LOGO:
        raise HostileInputError(
            f"a logo has {LARGEST_LOGO} bytes at most, this one {len(data)}", cure="make it smaller"
        )
    with pieces.workshop(ctx) as folder:
        source = Path(folder, KEPT)
        await ctx.run_sync(source.write_bytes, data)
        await judge(ctx, source)
        await ctx.files.put(KEPT, source, media_type(data))


async def judge(ctx: CallContext, source: Path) -> None:
    """Have it measured on a title card; raises UnsupportedError with what the renderer says."""
    opened = await open_renderer(ctx)
    plan = ScenePlan(scene=Scene.model_validate(_CARD), seconds=1.0, look=Look(logo=source))
    for fault in (await opened.renderer.check(plan)).faults:
        if fault.target == KEPT:
            raise UnsupportedError(f"this logo can't be shown: {fault.message}")


async def forget(ctx: CallContext) -> None:
    """Go back to that of hub.toml, or to none."""
    await ctx.files.delete(KEPT)


def media_type(data: bytes) -> str:
    """By its first bytes; what is no PNG or JPEG has to be SVG, or is refused."""
    for start, kind in MEDIA_TYPES.items():
        if data.startswith(start):
            return kind
    if b"<svg" in data[:4096]:
        return "image/svg+xml"
    raise UnsupportedError("a logo is a PNG, a JPEG or an SVG", cure="save it as one of those")
