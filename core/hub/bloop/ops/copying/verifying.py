"""Whether two databases hold the same: each table's rows counted and hashed on both sides.

The hash is the SHA-256 of the rows in the order of their key, each a JSON array of its columns'
values in the common form, by name. A table without a key has the sum of its rows' hashes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from bloop.ops.copying import kinds
from bloop.ops.copying.rows import common, stream, unfit
from bloop.ops.copying.shapes import Pair, Table

TOLD_ROWS = 1000
_MODULUS = 1 << 256


@dataclass(frozen=True, slots=True)
class Content:
    """What a table holds."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One table on both sides."""

    name: str
    source: Content
    target: Content

    @property
    def same(self) -> bool:
        """Whether both sides hold the same."""
        return self.source == self.target

    def as_dict(self) -> dict[str, Any]:
        """For programs; the target's numbers only where they differ."""
        found = {"table": self.name, "rows": self.source.rows, "sha256": self.source.sha256}
        if self.same:
            return {**found, "same": True}
        target = {"rows": self.target.rows, "sha256": self.target.sha256}
        return {**found, "same": False, "target": target}


def compare(
    source: Connection, target: Connection, pair: Pair, told: Callable[[int], None]
) -> Compared:
    """Read a table on both sides; ``told`` hears of rows that were read."""
    return Compared(
        pair.name, content_of(source, pair.source, told), content_of(target, pair.target, told)
    )


def content_of(connection: Connection, table: Table, told: Callable[[int], None]) -> Content:
    """Count and hash the rows of a table."""
    postgres = connection.dialect.name == "postgresql"
    # Of the table: ORDER BY would take what is selected under that name. SQLite compares bytes,
    # PostgreSQL would ask its locale.
    order = ", ".join(
        f"{table.quoted}.{column.name}"
        + (' COLLATE "C"' if postgres and column.kind == "text" else "")
        for column in table.key
    )
    selected = ", ".join(column.selected for column in table.columns)
    sql = f"SELECT {selected} FROM {table.quoted}"  # noqa: S608 - names of tables and columns, quoted
    digest, total, rows = hashlib.sha256(), 0, 0
    settled = [(at, kinds.settled(column.kind)) for at, column in enumerate(table.columns)]
    for values in stream(connection, f"{sql} ORDER BY {order}" if order else sql):
        line = _line(table, common(table, values), settled)
        if order:
            digest.update(line)
        else:
            total += int.from_bytes(hashlib.sha256(line).digest())
        rows += 1
        if rows % TOLD_ROWS == 0:
            told(TOLD_ROWS)
    told(rows % TOLD_ROWS)
    return Content(rows, digest.hexdigest() if order else f"{total % _MODULUS:064x}")


def _line(table: Table, row: list[Any], settled: list[tuple[int, kinds.Change]]) -> bytes:
    found = list(row)
    for at, settle in settled:
        if row[at] is not None:
            try:
                found[at] = settle(row[at])
            except ValueError as err:
                raise unfit(table, row, table.columns[at].name, str(err)) from err
    return json.dumps(found, separators=(",", ":")).encode() + b"\n"
