"""From a lesson to its storyboard: by a plugin that writes storyboards, or by a language model."""

from __future__ import annotations

from dataclasses import dataclass

from bloop_sdk import BloopError, CallContext, Item, RetriableError, UnsupportedError, gettext_noop
from bloop_sdk.providers.ai import Lesson, Picture
from bloop_sdk.storyboard import Storyboard, lesson_language
from bloop_studio import writing
from bloop_studio.plain import alts_of, text_of

MODEL = "model"
"""The storyboarder that asks a language model."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A storyboard; ``note`` says what did not go as it was asked for."""

    storyboard: Storyboard
    by: str
    note: str = ""


async def draft(ctx: CallContext, item: Item, storyboarder: str) -> Draft:
    """Write a storyboard; where the language model can't, whoever else does, with a note."""
    lesson = lesson_of(item)
    if storyboarder != MODEL:
        return await _by_plugin(ctx, lesson, storyboarder or None)
    try:
        return Draft(await writing.storyboard(ctx, lesson), MODEL, writing.left_out(lesson))
    except RetriableError:
        raise
    except BloopError as err:
        other = await _by_plugin(ctx, lesson, None)
        return Draft(
            other.storyboard,
            other.by,
            gettext_noop("the language model wrote none: {why}").format(why=err.message),
        )


async def _by_plugin(ctx: CallContext, lesson: Lesson, plugin_id: str | None) -> Draft:
    if plugin_id is None:
        offers = await ctx.providers.offers("storyboarder")
        if not offers:
            raise UnsupportedError(
                gettext_noop("no plugin here writes storyboards"),
                cure=gettext_noop("enable one: bloop plugins enable outline"),
            )
        plugin_id = offers[0].plugin_id
    provider = await ctx.providers.get("storyboarder", plugin_id)
    made = await provider.storyboard(lesson)
    # Told again as data: whatever it is, from here on it is what the schema says.
    return Draft(Storyboard.model_validate(made.model_dump()), plugin_id)


def lesson_of(item: Item) -> Lesson:
    """What storyboarders are given."""
    files = item.files.items()
    alts = alts_of(item.html)
    images = [source for source, one in files if one.media_type.startswith("image/")]
    return Lesson(
        title=item.title,
        html=item.html,
        language=lesson_language(item.language, text_of(item.html)),
        pictures=tuple(
            Picture(id=f"picture-{number}", source=source, alt=alts.get(source, ""))
            for number, source in enumerate(images, 1)
        ),
    )
