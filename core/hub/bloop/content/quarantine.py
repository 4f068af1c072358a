"""Records that could not be used: kept with their reason, until a later run can use them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import orjson
from sqlalchemy import Select, bindparam, inspect, select, update

from bloop.content.bulk import insert_rows, of_connection
from bloop.content.changes import chunks
from bloop.content.models import REMOTE_ID_LENGTH
from bloop.content.sync_models import Quarantine
from bloop.store.ids import new_id
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import Skipped

REF_LENGTH = REMOTE_ID_LENGTH + 40
RAW_LIMIT = 64 * 1024
"""The largest raw record that is kept, in bytes of JSON."""


def put_aside(
    unit: UnitOfWork, connection_id: str, run_id: str, skipped: Iterable[Skipped]
) -> None:
    """Keep one row for each ref; a known one is touched only where its reason is another now."""
    by_ref = {plain(one.ref): one for one in skipped}
    known = _known(unit, connection_id, by_ref)
    now = utcnow()
    new = []
    for ref, one in by_ref.items():
        raw, size = _bounded(one.raw)
        columns = {
            "code": plain(one.code, 60),
            "reason": plain(one.reason, 2000),
            "run_id": run_id,
            "last_at": now,
            "resolved_at": None,
            "raw": raw,
            "raw_size": size,
        }
        row = known.get(ref)
        if row is None:
            fixed = {"institution_id": unit.institution, "id": new_id(), "first_at": now}
            new.append({**columns, **fixed, "connection_id": connection_id, "ref": ref})
        elif row.resolved_at is not None or (row.code, row.reason) != (
            columns["code"],
            columns["reason"],
        ):
            for name, value in columns.items():
                setattr(row, name, value)
    insert_rows(unit, Quarantine, new)
    unit.session.flush()


def _known(unit: UnitOfWork, connection_id: str, refs: Iterable[str]) -> dict[str, Quarantine]:
    found: dict[str, Quarantine] = {}
    for part in chunks(refs):
        rows = unit.session.scalars(
            select(Quarantine).where(
                Quarantine.institution_id == unit.institution,
                Quarantine.connection_id == connection_id,
                Quarantine.ref.in_(part),
            )
        )
        found |= {row.ref: row for row in rows}
    return found


def resolve(unit: UnitOfWork, connection_id: str, refs: Iterable[str]) -> None:
    """Say that these refs, which are asked for where anything is open, could be used after all."""
    open_there = (
        Quarantine.institution_id == unit.institution,
        Quarantine.connection_id == connection_id,
        Quarantine.resolved_at.is_(None),
    )
    # Past the session, for which the statement would be made anew: it is part of each commit.
    if unit.connection.scalar(_any_open(), of_connection(unit, connection_id)) is None:
        return
    for part in chunks([*refs]):
        unit.session.execute(
            update(Quarantine)
            .where(*open_there, Quarantine.ref.in_(part))
            .values(resolved_at=utcnow())
            .execution_options(synchronize_session=False)
        )


@cache
def _any_open() -> Select[str]:
    table: Any = inspect(Quarantine).local_table
    return (
        select(table.c.id)
        .where(
            table.c.institution_id == bindparam("of_institution"),
            table.c.connection_id == bindparam("of_connection"),
            table.c.resolved_at.is_(None),
        )
        .limit(1)
    )


def _bounded(raw: Any) -> tuple[Any, int]:
    """The raw record and its size; None in place of one that is no JSON or too large."""
    try:
        text = orjson.dumps(raw, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError):
        return None, 0
    if len(text) > RAW_LIMIT or b"\\u0000" in text:
        return None, len(text)
    return (orjson.loads(text) or None), len(text)


def plain(text: str, limit: int = REF_LENGTH) -> str:
    """A ref or reason that every database takes: no NUL, no lone surrogate, not too long."""
    known = str(text).replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return known.encode("utf-8", "replace").decode()[:limit]
