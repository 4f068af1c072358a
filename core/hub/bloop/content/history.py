"""Taking changes back: one row's by its author, or all of a run's at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import delete, func, select, update

from bloop.content.bulk import update_rows
from bloop.content.changes import IDS_AT_ONCE, announce_row, chunks, load
from bloop.content.changing import changed, refuse_live
from bloop.content.concealed import conceal_after_run
from bloop.content.models import Item, Node, Sourced, Version
from bloop.content.notes.undoing import forget_conflicts, refuse_edited_since
from bloop.content.notes.waiting import reconcile
from bloop.content.placing import check_place
from bloop.content.runs import drop_marks, newest_run
from bloop.content.search.models import ItemText
from bloop.content.service import RefusePublish, check_publish, check_whole
from bloop.content.standing import refuse_built_upon
from bloop.content.sync_models import Quarantine, SyncCursor, SyncRun
from bloop.content.versions import SUBJECTS, keep, restored, subject_of
from bloop.store.commands import command
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

S = TypeVar("S", bound=Sourced)


@command("content:write")
def undo(
    unit: UnitOfWork,
    model: type[S],
    id_: str,
    version: int | None,
    refuse: RefusePublish,
    *,
    to: int | None = None,
) -> S:
    """Give a row what it held before its last change, or at row version ``to``.

    The undoing is a change like any other: undoing it again brings the change back.
    """
    row = unit.get(model, id_)
    unit.expect(row, version)
    refuse_live(unit, row)
    kept = _version(unit, row, to)
    values = restored(model, kept.snapshot)
    if isinstance(row, Node):
        check_place(unit, row, values.get("parent_id"))
    if values.get("published") and not getattr(row, "published", True):
        check_publish(unit, row, refuse)
        if isinstance(row, Item):
            check_whole(row, values.get("title", row.title), values.get("data", row.data))
    was_trashed, is_trashed = row.state == "trashed", values.get("state") == "trashed"
    event = "deleted" if is_trashed else "created" if was_trashed else "updated"
    return changed(unit, row, values, "undone", event=event)


def _version(unit: UnitOfWork, row: Sourced, to: int | None) -> Version:
    query = select(Version).where(
        Version.institution_id == unit.institution,
        Version.subject == subject_of(type(row)),
        Version.subject_id == row.id,
    )
    if to is not None:
        query = query.where(Version.row_version == to)
    found = unit.session.scalar(query.order_by(Version.row_version.desc()).limit(1))
    if found is None:
        which = f"version {to}" if to is not None else "earlier version"
        raise NotFoundError(f"{subject_of(type(row))} {row.id} has no {which}")
    return found


@command("content:import")
def undo_run(unit: UnitOfWork, run_id: str) -> SyncRun:
    """Take back all that a connection's newest run wrote, and its cursors with it.

    What it added is removed, what it changed gets its version from before: also a note that was
    edited here, and merged by it. What was sent stays over there. The next run reads everything
    again. Raises :class:`ConflictError` for an older run, one that is going on, and where people
    have built on what it added, edited it, worked on it, or were let into it.
    """
    run = unit.get(SyncRun, run_id)
    if run.state not in {"succeeded", "failed"}:
        raise ConflictError(f"this run is {run.state}", cure="only a run that has ended is undone")
    newest = newest_run(unit, run.connection_id, undone=False)
    if newest is not None and newest.id != run.id:
        raise ConflictError(
            "a newer run of this connection stands on this one", cure="undo it first"
        )
    refuse_built_upon(unit, run)
    refuse_edited_since(unit, run.id)
    forget_conflicts(unit, run.id)
    for model in SUBJECTS.values():
        _take_back_changes(unit, model, run)
    for model in reversed(SUBJECTS.values()):
        _remove_added(unit, model, run)
    for table in (SyncCursor, Quarantine):
        unit.session.execute(
            delete(table)
            .where(
                table.institution_id == unit.institution, table.connection_id == run.connection_id
            )
            .execution_options(synchronize_session=False)
        )
    drop_marks(unit, run.connection_id)
    conceal_after_run(unit, run.id)
    reconcile(unit, run.connection_id)
    run = unit.get(SyncRun, run.id)  # The pages above let go of what was loaded.
    run.state, run.finished_at = "undone", utcnow()
    unit.audit.append("content.sync_undone", f"connection:{run.connection_id}", {"run": run.id})
    return run


def _take_back_changes(unit: UnitOfWork, model: type[Sourced], run: SyncRun) -> None:
    """Each row's oldest version of the run is what it held before it."""
    oldest = (
        select(Version.subject_id, func.min(Version.row_version).label("row_version"))
        .where(
            Version.institution_id == unit.institution,
            Version.run_id == run.id,
            Version.subject == subject_of(model),
        )
        .group_by(Version.subject_id)
        .order_by(Version.subject_id)
    )
    for part in chunks(unit.session.execute(oldest).all()):
        kept = _snapshots(unit, model, part)
        rows = load(unit, model, kept)
        keep(unit, rows.values(), "undone")
        update_rows(unit, model, [(row, restored(model, kept[id_])) for id_, row in rows.items()])
        for row in rows.values():
            announce_row(unit, row, "updated")
        unit.session.expunge_all()


def _snapshots(
    unit: UnitOfWork, model: type[Sourced], wanted: Iterable[Any]
) -> dict[str, dict[str, Any]]:
    versions = {row.subject_id: row.row_version for row in wanted}
    found = unit.session.execute(
        select(Version.subject_id, Version.row_version, Version.snapshot).where(
            Version.institution_id == unit.institution,
            Version.subject == subject_of(model),
            Version.subject_id.in_(versions),
        )
    )
    return {
        row.subject_id: row.snapshot for row in found if row.row_version == versions[row.subject_id]
    }


def _remove_added(unit: UnitOfWork, model: type[Sourced], run: SyncRun) -> None:
    table: Any = model
    mine = (table.institution_id == unit.institution, table.run_id == run.id)
    if model is Node:
        # Nodes hold on to their parents; without them they can go in any order.
        _loosen(unit, run)
    while True:
        rows: Sequence[Any] = unit.session.scalars(
            select(table).where(*mine).order_by(table.id).limit(IDS_AT_ONCE)
        ).all()
        if not rows:
            return
        for row in rows:
            announce_row(unit, row, "deleted")
        if model is Item:
            # What captions say of it; of what plugins say none is left here (standing).
            unit.session.execute(
                delete(ItemText)
                .where(
                    ItemText.institution_id == unit.institution,
                    ItemText.item_id.in_([r.id for r in rows]),
                )
                .execution_options(synchronize_session=False)
            )
        unit.session.execute(
            delete(table)
            .where(table.institution_id == unit.institution, table.id.in_([r.id for r in rows]))
            .execution_options(synchronize_session=False)
        )
        unit.session.expunge_all()


def _loosen(unit: UnitOfWork, run: SyncRun) -> None:
    unit.session.execute(
        update(Node)
        .where(Node.institution_id == unit.institution, Node.run_id == run.id)
        .values(parent_id=None)
        .execution_options(synchronize_session=False)
    )
