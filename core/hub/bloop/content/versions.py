"""What rows held before: kept on every change, so that a person and a run can be undone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import inspect

from bloop.content.bulk import insert_rows
from bloop.content.models import (
    CalendarEvent,
    Completion,
    Container,
    Enrolment,
    Item,
    Node,
    Outcome,
    Person,
    Section,
    Sourced,
    Submission,
    Version,
)
from bloop.store.ids import new_id
from bloop.store.types import UtcDateTime, to_text, utcnow
from bloop.store.unit import UnitOfWork, actor_of

SUBJECTS: dict[str, type[Sourced]] = {
    "container": Container,
    "person": Person,
    "item": Item,
    "node": Node,
    "enrolment": Enrolment,
    "outcome": Outcome,
    "section": Section,
    "submission": Submission,
    "completion": Completion,
    "calendar_event": CalendarEvent,
}
"""The tables that have versions, in an order in which rows may be added."""

_FIXED = frozenset(
    {
        "institution_id",
        "id",
        "connection_id",
        "run_id",
        "row_version",
        "created_at",
        "tree_version",
        "owner_id",
        "audience",  # Undoing a change of its text opens a course to nobody.
        "concealed",  # What the tree says of an item, not what somebody changed in it.
    }
)


def subject_of(model: type[Sourced]) -> str:
    """The name under which a table's versions are kept."""
    return str(inspect(model).local_table.name)


def columns_of_model(model: type[Sourced]) -> list[str]:
    """The columns that a version keeps."""
    return [column.key for column in inspect(model).columns if column.key not in _FIXED]


def snapshot(row: Sourced) -> dict[str, Any]:
    """A row's changeable columns in JSON's types."""
    values = {name: getattr(row, name) for name in columns_of_model(type(row))}
    return {
        name: to_text(value) if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def restored(model: type[Sourced], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that a snapshot stands for; columns that it does not know are left out."""
    columns = inspect(model).columns
    return {
        name: datetime.fromisoformat(value)
        if value is not None and isinstance(columns[name].type, UtcDateTime)
        else value
        for name, value in kept.items()
        if name in columns
    }


def keep(unit: UnitOfWork, rows: Iterable[Sourced], change: str, run_id: str | None = None) -> None:
    """Keep what ``rows`` hold now, before ``change`` replaces it."""
    now = utcnow()
    kept = [
        {
            "institution_id": row.institution_id,
            "id": new_id(),
            "subject": subject_of(type(row)),
            "subject_id": row.id,
            "row_version": row.row_version,
            "change": change,
            "actor": actor_of(unit.call),
            "run_id": run_id,
            "at": now,
            "snapshot": snapshot(row),
        }
        for row in rows
    ]
    insert_rows(unit, Version, kept)
