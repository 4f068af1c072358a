"""What somebody may see of lessons and videos, and the refusals that say so."""

from __future__ import annotations

from bloop_sdk import CallContext, Item, NotFoundError
from bloop_studio import storyboards, videos
from bloop_studio.tables import StoryboardVersion, Video


async def video_of(ctx: CallContext, id_: str) -> Video:
    """A video whose lesson the caller may read."""
    found = await ctx.read(videos.one, id_) if len(id_) <= 36 else None
    if found is None:
        raise NotFoundError("no such video", cure="look at the lesson's page")
    await ctx.content.item(found.item_id)
    return found


async def storyboard_of(ctx: CallContext, item: Item) -> StoryboardVersion | None:
    """The storyboard that counts for a lesson as it is now.

    One that a person wrote always does; one that was drafted as long as the lesson is the same.
    """
    found = await ctx.read(storyboards.newest, item.id)
    if found and (found.made_by == "author" or found.lesson_version == item.version):
        return found
    return None
