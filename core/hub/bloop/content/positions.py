"""Where the partitions of streams stand, saved in the commits of the rows that they cover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

from bloop.content.changes import chunks
from bloop.content.runs import Run
from bloop.content.sync_models import SyncCursor
from bloop.store.unit import UnitOfWork
from bloop_sdk import Cursor


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition stands: in this run, or (not ``mine``) where an earlier one ended."""

    cursor: Cursor | None = None
    complete: bool = False
    mine: bool = False


BEGINNING = Position()


def positions_of(unit: UnitOfWork, run: Run) -> dict[tuple[str, str], Position]:
    """Where partitions of streams stand; those that are not in it are read from the beginning."""
    found = {}
    for row in _cursors(unit, run):
        mine = row.generation == run.generation
        cursor = None if row.value is None else Cursor(row.value, row.version)
        found[row.stream, row.partition] = Position(cursor, mine and row.complete, mine)
    return found


def _cursors(unit: UnitOfWork, run: Run, *conditions: ColumnElement[bool]) -> Sequence[SyncCursor]:
    return unit.session.scalars(
        select(SyncCursor).where(
            SyncCursor.institution_id == unit.institution,
            SyncCursor.connection_id == run.connection_id,
            *conditions,
        )
    ).all()


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a partition has been read; without a cursor the last one stays."""

    cursor: Cursor | None = None
    complete: bool = False
    whole: bool = True


def save_positions(unit: UnitOfWork, run: Run, stream: str, reached: Mapping[str, Reached]) -> None:
    """Keep where some partitions of a stream stand."""
    rows = {
        row.partition: row
        for part in chunks(reached)
        for row in _cursors(unit, run, SyncCursor.stream == stream, SyncCursor.partition.in_(part))
    }
    for partition, now in reached.items():
        row = rows.get(partition)
        if row is None:
            row = SyncCursor(
                institution_id=unit.institution,
                connection_id=run.connection_id,
                stream=stream,
                partition=partition,
                generation=run.generation,
            )
            unit.session.add(row)
        elif row.generation != run.generation and now.cursor is None and not now.complete:
            row.value = None
        row.generation, row.complete, row.whole = run.generation, now.complete, now.whole
        if now.cursor is not None:
            row.value, row.version = now.cursor.value, now.cursor.version
    unit.session.flush()
