"""Tables as a copy sees them: their columns of one kind on both sides, and their key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, inspect
from sqlalchemy.types import TypeEngine

from bloop.ops.copying import kinds
from bloop.ops.copying.kinds import Change
from bloop.store.errors import MigrationError


@dataclass(frozen=True, slots=True)
class Column:
    """A column in one database; ``name`` is quoted for it."""

    name: str
    kind: str
    selected: str
    read: Change
    write: Change
    type: TypeEngine[Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table in one database. Without a ``key`` its rows are told apart by where they lie."""

    name: str
    quoted: str
    columns: tuple[Column, ...]
    key: tuple[Column, ...]
    key_at: tuple[int, ...]

    def key_of(self, row: Iterable[Any]) -> str:
        """Which row, for a message; ``row`` is in the common form."""
        values = list(row)
        found = zip(self.key, self.key_at, strict=True)
        return ", ".join(f"{column.name}={values[at]}" for column, at in found) or "(no key)"


@dataclass(frozen=True, slots=True)
class Pair:
    """One table in both databases, its columns in the same order."""

    source: Table
    target: Table

    @property
    def name(self) -> str:
        """The table's name."""
        return self.source.name


def pairs_of(source: Connection, target: Connection, names: Iterable[str]) -> list[Pair]:
    """The tables in both databases; raises MigrationError where they have not the same columns."""
    sides = [(side, inspect(side)) for side in (source, target)]
    pairs = []
    for name in sorted(names):
        types = [_types(inspector, name) for _, inspector in sides]
        if types[0].keys() != types[1].keys():
            differ = ", ".join(sorted(types[0].keys() ^ types[1].keys()))
            raise MigrationError(
                f"the table {name} has not the same columns on both sides: {differ}",
                cure="the versions that made it have been edited since: mend it in the source",
            )
        found = {column: _kind(sides, name, column, types) for column in sorted(types[0])}
        key = inspect(source).get_pk_constraint(name)["constrained_columns"]
        pairs.append(
            Pair(
                *(
                    _table(side, name, found, own, key)
                    for (side, _), own in zip(sides, types, strict=True)
                )
            )
        )
    return pairs


def _types(inspector: Any, name: str) -> dict[str, TypeEngine[Any]]:
    columns = inspector.get_columns(name)
    return {one["name"]: one["type"] for one in columns if not one.get("computed")}


def _kind(sides: Any, table: str, column: str, types: list[dict[str, TypeEngine[Any]]]) -> str:
    for (side, _), own in zip(sides, types, strict=True):
        if side.dialect.name == "postgresql":
            return kinds.kind_of(table, column, own[column])
    return "raw"


def _table(
    side: Connection,
    name: str,
    found: dict[str, str],
    types: dict[str, TypeEngine[Any]],
    key: list[str],
) -> Table:
    dialect, quote = side.dialect.name, side.dialect.identifier_preparer.quote
    columns = {
        column: Column(
            quote(column),
            kind,
            kinds.selected(dialect, kind, quote(column)),
            kinds.reader(dialect, kind),
            kinds.writer(dialect, kind, types[column]),
            types[column],
        )
        for column, kind in found.items()
    }
    order = list(columns)
    return Table(
        name,
        quote(name),
        tuple(columns.values()),
        tuple(columns[one] for one in key),
        tuple(order.index(one) for one in key),
    )
