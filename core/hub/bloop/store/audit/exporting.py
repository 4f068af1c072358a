"""The audit log as JSON lines, streamed."""

from __future__ import annotations

from datetime import datetime
from typing import IO, Any

import orjson
from sqlalchemy import func, select

from bloop.store.audit.verifying import ROWS_AT_ONCE
from bloop.store.database import Database
from bloop.store.models import AuditLine, AuditPersonal
from bloop_sdk import Call
from bloop_sdk._masking import MASK

_lines: Any = AuditLine.__table__
_personal: Any = AuditPersonal.__table__


def export(
    database: Database,
    call: Call,
    file: IO[str],
    *,
    since: datetime,
    until: datetime,
    personal: bool = False,
    **beginnings: str,
) -> int:
    """Write the lines of the call's institution, the oldest first; how many there are.

    ``beginnings`` are what actor, action and resource begin with. What a line tells of a person is
    masked, unless ``personal`` is asked for; gone where they were erased.
    """
    of, number = _lines.c.institution_id, 0
    same = (_personal.c.institution_id == of) & (_personal.c.seq == _lines.c.seq)
    statement = (
        select(_lines, _personal.c.salt, _personal.c.value)
        .select_from(_lines.outerjoin(_personal, same))
        .where(of == call.institution, _lines.c.at >= since, _lines.c.at < until)
        .order_by(_lines.c.seq)
    )
    for name, start in beginnings.items():
        if start:
            statement = statement.where(func.substr(_lines.c[name], 1, len(start)) == start)
    with database.reading(call) as unit:
        options = {"yield_per": ROWS_AT_ONCE}
        for row in unit.connection.execute(statement, execution_options=options):
            line = row._asdict()
            value, salt = line.pop("value"), line.pop("salt")
            if row.personal_hash is not None:
                line["personal"] = _shown(value, personal=personal)
                # With it, whoever holds the line could try what the personal part was.
                line["salt"] = salt if personal else None
            file.write(orjson.dumps(line).decode() + "\n")
            number += 1
    return number


def _shown(value: dict[str, Any] | None, *, personal: bool) -> Any:
    if value is None or personal:
        return value
    return dict.fromkeys(value, MASK)
