"""Versions of a lesson's storyboard; each function takes a unit of work of the hub."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select

from bloop_sdk import PreconditionFailedError, Unit, gettext_noop
from bloop_sdk.storyboard import Storyboard
from bloop_studio.tables import StoryboardVersion

MOST_VERSIONS = 100
"""The oldest go when there are more, but for those that a person wrote."""


def newest(unit: Unit, item: str) -> StoryboardVersion | None:
    """The version that counts."""
    return next(iter(versions(unit, item, 1)), None)


def versions(unit: Unit, item: str, limit: int = 50) -> Sequence[StoryboardVersion]:
    """The newest first."""
    of = select(StoryboardVersion).where(StoryboardVersion.item_id == item)
    return unit.session.scalars(of.order_by(StoryboardVersion.number.desc()).limit(limit)).all()


def version(unit: Unit, item: str, number: int) -> StoryboardVersion | None:
    """One version of a lesson's storyboard."""
    one = select(StoryboardVersion).where(
        StoryboardVersion.item_id == item, StoryboardVersion.number == number
    )
    return unit.session.scalar(one)


def by_id(unit: Unit, id_: str) -> StoryboardVersion | None:
    """A version by its id."""
    return unit.session.scalar(select(StoryboardVersion).where(StoryboardVersion.id == id_))


def keep(
    unit: Unit,
    item: str,
    lesson_version: int,
    storyboard: Storyboard,
    *,
    author: str,
    over: int | None = None,
) -> StoryboardVersion:
    """Add a version; what is the same as the newest is that one.

    ``over`` is the number that it was made from: raises :class:`PreconditionFailedError` where that
    is no longer the newest.
    """
    last = newest(unit, item)
    number = last.number if last else 0
    body = storyboard.model_dump(mode="json", exclude_defaults=True)
    # Also where it was sent twice, from the version before.
    if last is not None and last.body == body and last.lesson_version == lesson_version:
        return last
    if over is not None and over != number:
        raise PreconditionFailedError(
            gettext_noop(
                "this was made from version {over}, and there is version {number} meanwhile"
            ).format(over=over, number=number),
            cure=gettext_noop("open the newest version and make your change there"),
        )
    made = StoryboardVersion(
        item_id=item,
        number=number + 1,
        body=body,
        made_by=storyboard.made_by,
        author_id=author,
        lesson_version=lesson_version,
    )
    unit.session.add(made)
    unit.session.flush()
    _forget_oldest(unit, item, made.number - MOST_VERSIONS)
    unit.audit("studio.storyboard_kept", f"item:{item}", {"version": made.number})
    return made


def _forget_oldest(unit: Unit, item: str, upto: int) -> None:
    if upto > 0:
        unit.session.execute(
            delete(StoryboardVersion).where(
                StoryboardVersion.item_id == item,
                StoryboardVersion.number <= upto,
                StoryboardVersion.made_by != "author",
            )
        )
