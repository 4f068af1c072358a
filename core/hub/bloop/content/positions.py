"""Where the partitions of streams stand, saved in the commits of the rows that they cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from bloop.content.bulk import insert_rows, of_connection
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
    rows = unit.connection.execute(_OF, of_connection(unit, run.connection_id))
    for stream, partition, generation, value, version, complete in rows:
        mine = generation == run.generation
        cursor = None if value is None else Cursor(value, version)
        found[stream, partition] = Position(cursor, mine and complete, mine)
    return found


_TOLD = ("stream", "partition", "generation", "value", "version", "complete")
_OF = select(*(getattr(SyncCursor, name) for name in _TOLD)).where(
    SyncCursor.institution_id == bindparam("of_institution"),
    SyncCursor.connection_id == bindparam("of_connection"),
)


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a partition has been read; without a cursor the last one stays."""

    cursor: Cursor | None = None
    complete: bool = False
    whole: bool = True


Positions = Mapping[tuple[str, str], Position]
"""Of partitions, by stream and container."""


def save_positions(
    unit: UnitOfWork, run: Run, stream: str, reached: Mapping[str, Reached], before: Positions
) -> Positions:
    """Keep where some partitions of a stream stand; ``before`` is where this attempt knew them.

    Nobody else writes them meanwhile: a run has one attempt that may.
    """
    found = {}
    for partition, now in reached.items():
        last = before.get((stream, partition), BEGINNING)
        stays = last.mine or now.complete
        cursor = now.cursor or (last.cursor if stays else None)
        found[stream, partition] = Position(cursor, now.complete, mine=True)
    rows = [
        {
            "partition": partition,
            "value": at.cursor.value if at.cursor else None,
            "version": at.cursor.version if at.cursor else 1,
            "complete": at.complete,
            "whole": reached[partition].whole,
        }
        for (_, partition), at in found.items()
    ]
    shared = {
        "institution_id": unit.institution,
        "connection_id": run.connection_id,
        "stream": stream,
        "generation": run.generation,
    }
    insert_rows(unit, SyncCursor, rows, shared, replace=True)
    return found
