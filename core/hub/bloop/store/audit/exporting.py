"""The audit log as JSON lines or CSV, read in batches: whoever takes it slowly holds nothing up."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, Literal

import orjson
from sqlalchemy import func, select

from bloop.store.audit.verifying import ROWS_AT_ONCE
from bloop.store.database import Database
from bloop.store.models import AuditLine, AuditPersonal
from bloop.store.spreadsheets import plain_cell
from bloop.store.types import to_text
from bloop_sdk import Call
from bloop_sdk._masking import MASK

Form = Literal["jsonl", "csv"]

COLUMNS = (
    *("seq", "at", "actor", "action", "resource", "detail"),
    *("about", "personal", "personal_hash", "trace", "hash"),
)
"""The columns of CSV; ``detail`` and ``personal`` are JSON in it."""

_lines: Any = AuditLine.__table__
_personal: Any = AuditPersonal.__table__


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines: of a time, and what their actor, action and resource begin with.

    What a line tells of a person is masked, unless ``personal`` is asked for; gone where they were
    erased.
    """

    since: datetime
    until: datetime
    beginnings: Mapping[str, str] = field(default_factory=dict)
    personal: bool = False


def batches(database: Database, call: Call, wanted: Wanted) -> Iterator[list[dict[str, Any]]]:
    """The lines of the call's institution that are there by now, the oldest first.

    Each batch is read by itself, and no transaction is open between them: lines are only added.
    """
    after, upto = 0, _last(database, call)
    while found := _batch(database, call, wanted, after, upto):
        yield found
        after = found[-1]["seq"]


def written(batch: Iterable[Mapping[str, Any]], form: Form) -> str:
    """Lines as text, each of them ended; CSV without its header."""
    if form == "jsonl":
        return "".join(f"{orjson.dumps(line).decode()}\n" for line in batch)
    out = io.StringIO(newline="")
    csv.writer(out).writerows([_cell(line.get(name)) for name in COLUMNS] for line in batch)
    return out.getvalue()


def header(form: Form) -> str:
    """What stands before the first line; of CSV with a mark, without which Excel guesses."""
    return "" if form == "jsonl" else f"\ufeff{','.join(COLUMNS)}\r\n"


def export(
    database: Database, call: Call, file: IO[str], wanted: Wanted, form: Form = "jsonl"
) -> int:
    """Write all of them to a file; how many there are."""
    number = 0
    file.write(header(form))
    for batch in batches(database, call, wanted):
        file.write(written(batch, form))
        number += len(batch)
    return number


def _last(database: Database, call: Call) -> int:
    statement = select(func.max(_lines.c.seq)).where(_lines.c.institution_id == call.institution)
    with database.reading(call) as unit:
        return unit.connection.scalar(statement) or 0


def _batch(
    database: Database, call: Call, wanted: Wanted, after: int, upto: int
) -> list[dict[str, Any]]:
    of = _lines.c.institution_id
    same = (_personal.c.institution_id == of) & (_personal.c.seq == _lines.c.seq)
    statement = (
        select(_lines, _personal.c.salt, _personal.c.value)
        .select_from(_lines.outerjoin(_personal, same))
        .where(of == call.institution, _lines.c.seq > after, _lines.c.seq <= upto)
        .where(_lines.c.at >= wanted.since, _lines.c.at < wanted.until)
        .order_by(_lines.c.seq)
        .limit(ROWS_AT_ONCE)
    )
    for name, start in wanted.beginnings.items():
        if start:
            statement = statement.where(func.substr(_lines.c[name], 1, len(start)) == start)
    with database.reading(call) as unit:
        rows = unit.connection.execute(statement).all()
    return [_line(row._asdict(), personal=wanted.personal) for row in rows]


def _line(line: dict[str, Any], *, personal: bool) -> dict[str, Any]:
    value, salt = line.pop("value"), line.pop("salt")
    if line["personal_hash"] is not None:
        line["personal"] = _shown(value, personal=personal)
        # With it, whoever holds the line could try what the personal part was.
        line["salt"] = salt if personal else None
    return line


def _shown(value: dict[str, Any] | None, *, personal: bool) -> Any:
    if value is None or personal:
        return value
    return dict.fromkeys(value, MASK)


def _cell(value: Any) -> Any:
    """A value of CSV: no text that a spreadsheet takes for a formula."""
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, Mapping | list):
        return orjson.dumps(value).decode()
    return plain_cell(value) if isinstance(value, str) else value
