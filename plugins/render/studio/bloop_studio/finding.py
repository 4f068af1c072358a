"""What search finds a lesson by: what is said in its video, read from the captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from bloop_sdk import BloopError, CallContext, Unit
from bloop_sdk.captions import read_captions
from bloop_studio import pieces, videos
from bloop_studio.tables import Video
from bloop_studio.watching import chapters_of

AT_ONCE = 200
"""So many videos of an earlier version are read each time."""


async def transcript(
    ctx: CallContext, files: Mapping[str, str], language: str | None
) -> dict[str, Any]:
    """What is said in a video and when, from its captions as they are kept."""
    if "captions.vtt" not in files:
        return {"text": ""}
    with pieces.workshop(ctx) as name:
        path = Path(name) / "captions.vtt"
        await ctx.files.save(files["captions.vtt"], path)
        said = read_captions(path.read_text("utf-8"))
    return {
        "text": said.text,
        "language": language,
        "moments": [*map(list, said.moments)],
        "chapters": await chapters_of(ctx, files),
    }


async def catch_up(ctx: CallContext) -> int:
    """Have videos found that were made before search knew of them; how many."""
    found = await ctx.read(_unread)
    for video, files, language in found:
        try:
            said = await transcript(ctx, files, language)
        except BloopError as err:
            ctx.log.warning("the captions of a video can't be read", video=video, error=err)
            said = {"text": ""}
        await ctx.transaction(_keep, video, said)
    return len(found)


def _unread(unit: Unit) -> Sequence[tuple[str, dict[str, str], str | None]]:
    some = select(Video.id, Video.files, Video.report).where(
        Video.state == "ready", Video.transcript.is_(None)
    )
    rows = unit.session.execute(some.order_by(Video.id).limit(AT_ONCE))
    return [(id_, files or {}, (report or {}).get("language")) for id_, files, report in rows]


def _keep(unit: Unit, video: str, said: dict[str, Any]) -> None:
    row = update(Video).where(Video.id == video, Video.state == "ready").values(transcript=said)
    item = unit.session.scalar(row.returning(Video.item_id))
    if item is not None:
        videos.tell(unit, item)
