"""Which columns hold sealed values: declared beside the column, found by whoever rotates keys.

    secret: Mapped[bytes] = mapped_column(LargeBinary, info=sealed())

A value may be sealed for a declared column only: one that nobody knows of would be lost when its
master key is retired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, MetaData

from bloop.store.sealing import Place

_MARK = "sealed"


@dataclass(frozen=True, slots=True)
class _Mark:
    row: tuple[str, ...]
    plugin: str | None


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed values; ``row`` are the columns that name a row in its place."""

    column: Column[Any]
    row: tuple[str, ...]
    plugin: str | None

    @property
    def name(self) -> str:
        """``table.column``."""
        return f"{self.column.table.name}.{self.column.name}"

    def place(self, values: Mapping[Any, Any]) -> Place:
        """Where the value of a row stands, from the row's columns."""
        plugin = str(values[self.plugin]) if self.plugin else ""
        row = "/".join(str(values[name]) for name in self.row)
        return Place(self.column.table.name, self.column.name, row, plugin)


def sealed(*row: str, plugin: str | None = None) -> dict[str, Any]:
    """Column info: the values are sealed.

    Their :class:`Place` names the row by the columns ``row`` (``id``), several joined by ``/``,
    and the plugin by the column ``plugin``.
    """
    return {_MARK: _Mark(row or ("id",), plugin)}


def sealed_columns(metadata: MetaData) -> Iterator[SealedColumn]:
    """All that are declared, by table and column."""
    for table in sorted(metadata.tables.values(), key=lambda table: table.name):
        for column in table.c:
            if (mark := column.info.get(_MARK)) is not None:
                yield SealedColumn(column, mark.row, mark.plugin)


def check_place(metadata: MetaData, place: Place) -> None:
    """Raise ValueError for a place in a column that is not declared."""
    table = metadata.tables.get(place.table)
    column = None if table is None else table.c.get(place.column)
    if column is None or _MARK not in column.info:
        raise ValueError(
            f"{place.table}.{place.column} is not declared as sealed: give its column "
            "info=sealed(), or the value is lost with its master key"
        )
