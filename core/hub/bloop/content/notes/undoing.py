"""Notes in the undoing of a run: what it merged is what it was, and waits to be sent again."""

from __future__ import annotations

from sqlalchemy import delete, exists, func, or_, select
from sqlalchemy.orm import aliased

from bloop.content.models import Item, Version
from bloop.content.notes.models import Conflict, Unsent
from bloop.store.errors import ConflictError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind

_Later = aliased(Version)


def refuse_edited_since(unit: UnitOfWork, run_id: str) -> None:
    """Raise ConflictError where an edit that nobody else has stands on what the run wrote."""
    edited = exists().where(
        _Later.institution_id == unit.institution,
        _Later.subject == "item",
        _Later.subject_id == Item.id,
        _Later.run_id.is_(None),
        _Later.row_version >= Version.row_version,
    )
    merged = (
        select(func.count(func.distinct(Item.id)))
        .join(Version, (Version.institution_id == Item.institution_id))
        .where(
            Item.institution_id == unit.institution,
            Item.kind == Kind.NOTE,
            Item.theirs.is_not(None),
            Version.subject == "item",
            Version.subject_id == Item.id,
            Version.run_id == run_id,
            edited,
        )
    )
    copied = (
        select(func.count())
        .select_from(Item)
        .where(
            Item.institution_id == unit.institution,
            Item.kind == Kind.NOTE,
            Item.run_id == run_id,
            Item.row_version > 1,
            or_(Item.connection_id.is_(None), Item.theirs.is_not(None)),
            exists().where(
                Version.institution_id == unit.institution,
                Version.subject == "item",
                Version.subject_id == Item.id,
                Version.change.in_(["edited", "undone"]),
                Version.run_id.is_(None),
            ),
        )
    )
    count = (unit.session.scalar(merged) or 0) + (unit.session.scalar(copied) or 0)
    if count:
        raise ConflictError(
            f"{count} notes were edited here since",
            cure="send what waits, or take those edits back, first",
        )


def forget_conflicts(unit: UnitOfWork, run_id: str) -> None:
    """Of what the run could not put together nothing is left: both texts are as they were."""
    for table, condition in (
        (Conflict, Conflict.run_id == run_id),
        (Unsent, Unsent.item_id.in_(select(Item.id).where(Item.run_id == run_id))),
    ):
        unit.session.execute(
            delete(table)
            .where(table.institution_id == unit.institution, condition)
            .execution_options(synchronize_session="fetch")
        )
