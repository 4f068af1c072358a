"""Asking for a video, whoever asks: an app, a page, a command."""

from __future__ import annotations

from bloop_sdk import (
    CallContext,
    Item,
    NotFoundError,
    PreconditionFailedError,
    UnsupportedError,
    gettext_noop,
)
from bloop_sdk.storyboard import Storyboard
from bloop_studio import logo, storyboards, videos
from bloop_studio.absent import ABSENT
from bloop_studio.access import require_shared, storyboard_of, version_of
from bloop_studio.changes import Change, onto
from bloop_studio.config import config_of
from bloop_studio.drafting import draft
from bloop_studio.insisting import TRIES, insist
from bloop_studio.options import Options
from bloop_studio.tables import StoryboardVersion, Video


async def ask(
    ctx: CallContext,
    item: Item,
    options: Options,
    *,
    number: int | None = None,
    again: bool = False,
) -> Video:
    """Ask for a lesson's video: of a version of its storyboard, or of the one that counts."""
    await require_shared(ctx, item)
    if number is None:
        version = await storyboard_of(ctx, item)
        # What was drafted is drafted alike for whoever asks, so that it is one request.
        chosen = version if version and version.made_by == "author" else None
    else:
        chosen = await ctx.read(storyboards.version, item.id, number)
        if chosen is None:
            raise UnsupportedError(
                gettext_noop("this lesson's storyboard has no version {number}").format(
                    number=number
                )
            )
    config, by = config_of(ctx), ctx.call.principal.id
    brand = [config.primary, config.accent, await logo.name_of(ctx)]
    made = await insist(ctx, videos.ask, item, options, chosen, brand=brand, by=by, again=again)
    ABSENT.forget(ctx.call.institution, item.id)
    return made


async def write(
    ctx: CallContext, item: Item, storyboard: Storyboard, over: int | None
) -> StoryboardVersion:
    """Keep a storyboard that a person wrote, made from version ``over``."""
    await require_shared(ctx, item)
    mine = storyboard.model_copy(update={"made_by": "author"})
    by = ctx.call.principal.id
    return await insist(ctx, storyboards.keep, item.id, item.version, mine, author=by, over=over)


async def change(ctx: CallContext, item: Item, wanted: Change, base: int) -> StoryboardVersion:
    """Change a storyboard as a person asks who has seen version ``base``.

    Raises :class:`PreconditionFailedError` where somebody has changed the same since.
    """
    for left in range(TRIES, 0, -1):
        newest = await ctx.read(storyboards.newest, item.id)
        seen = await ctx.read(storyboards.version, item.id, base)
        if newest is None or seen is None:
            raise NotFoundError(
                gettext_noop("this lesson's storyboard has no version {number}").format(
                    number=base
                ),
                cure=gettext_noop("open its page again"),
            )
        now = Storyboard.model_validate(newest.body)
        changed = onto(wanted, Storyboard.model_validate(seen.body), now)
        try:
            return await write(ctx, item, changed, newest.number)
        except PreconditionFailedError:
            if left == 1:  # Others were quicker each time.
                raise
    raise AssertionError("the last try has returned or raised")


async def restore(ctx: CallContext, item: Item, number: int, over: int) -> StoryboardVersion:
    """Keep an earlier version once more, over version ``over``."""
    found = await version_of(ctx, item, number)
    return await write(ctx, item, Storyboard.model_validate(found.body), over)


async def redraft(ctx: CallContext, item: Item, storyboarder: str) -> StoryboardVersion:
    """Have the lesson's storyboard written anew; the versions before stay."""
    await require_shared(ctx, item)
    made = await draft(ctx, item, storyboarder)
    by = ctx.call.principal.id
    return await insist(ctx, storyboards.keep, item.id, item.version, made.storyboard, author=by)
