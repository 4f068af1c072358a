"""What somebody may see of lessons and videos, and the refusals that say so."""

from __future__ import annotations

from bloop_sdk import CallContext, Item, NotFoundError, Unit, UnsupportedError, gettext_noop
from bloop_studio import storyboards, videos
from bloop_studio.tables import StoryboardVersion, Video


async def require_shared(ctx: CallContext, item: Item) -> None:
    """Raise UnsupportedError for what lies in somebody's own notebook, or in the trash.

    What is made of a lesson is seen by all who make videos, and goes when the hub says that the
    lesson has gone: of what is one person's alone it says nothing to anybody.
    """
    if await ctx.read(_missing, item.id):
        raise UnsupportedError(
            gettext_noop("a video is made of a lesson of a course, and this is in none"),
            cure=gettext_noop("copy it into a course"),
        )


def _missing(unit: Unit, item: str) -> bool:
    return bool(unit.missing(items=[item]))


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
