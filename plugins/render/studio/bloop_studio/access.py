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
    return counting(await ctx.read(storyboards.newest, item.id), item)


def counting(newest: StoryboardVersion | None, item: Item) -> StoryboardVersion | None:
    """The newest version as far as it still counts."""
    fits = newest and (newest.made_by == "author" or newest.lesson_version == item.version)
    return newest if fits else None


async def version_of(ctx: CallContext, item: Item, number: int | None) -> StoryboardVersion:
    """A version of a lesson's storyboard, or the newest; raises NotFoundError."""
    if number is None:
        found = await ctx.read(storyboards.newest, item.id)
    else:
        found = await ctx.read(storyboards.version, item.id, number)
    if found is None:
        what = "storyboard" if number is None else f"version {number} of its storyboard"
        raise NotFoundError(f"this lesson has no {what}", cure="open its page again")
    return found
