"""What somebody may see of lessons and videos, and the refusals that say so."""

from __future__ import annotations

from bloop_sdk import CallContext, Item, NotFoundError, gettext_noop
from bloop_studio import storyboards, videos
from bloop_studio.tables import StoryboardVersion, Video


async def video_of(ctx: CallContext, id_: str) -> Video:
    """A video whose lesson the caller may read."""
    found = await ctx.read(videos.one, id_) if len(id_) <= 36 else None
    if found is None:
        raise NotFoundError(
            gettext_noop("no such video"), cure=gettext_noop("look at the lesson's page")
        )
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
        what = gettext_noop("this lesson has no storyboard")
        if number is not None:
            what = gettext_noop("this lesson's storyboard has no version {number}").format(
                number=number
            )
        raise NotFoundError(what, cure=gettext_noop("open its page again"))
    return found
