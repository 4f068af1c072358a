"""An institution's books are changed by one at a time.

Payments are few, and what is decided of them (a number, the last seat, the last use of a coupon,
what is left of a capture) has to be decided once. So everything that changes the books begins
with :func:`open_books`: on PostgreSQL it waits for whoever holds their row, on SQLite everybody
waits for each other anyhow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from bloop_commerce.tables import Books
from bloop_sdk import Unit

INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


T = TypeVar("T")
MOST_AT_ONCE = 500
"""What one statement is asked about: SQLite takes 32,766 values in one."""


def parts(some: Sequence[T]) -> Iterator[Sequence[T]]:
    """The same in parts, each small enough for one statement."""
    for start in range(0, len(some), MOST_AT_ONCE):
        yield some[start : start + MOST_AT_ONCE]


def listed(name: str) -> BindParameter[Any]:
    """A list that a statement is asked about: ``column.in_(listed("ids"))``.

    What each call of a provider asks is written once, as a constant: to build a statement and have
    the hub check it costs as much as to execute it.
    """
    return bindparam(name, expanding=True)


def open_books(unit: Unit) -> Books:
    """The institution's books, for this transaction alone; who holds them asks nothing again."""
    kept: dict[Any, Any] = unit.session.info
    if Books not in kept:
        kept[Books] = _opened(unit)
    held: Books = kept[Books]
    return held


def _opened(unit: Unit) -> Books:
    found = _held(unit)
    if found is None:
        insert = INSERT[unit.session.get_bind().dialect.name]
        row = insert(Books).values(id=unit.institution, institution_id=unit.institution, orders=0)
        unit.session.execute(row.on_conflict_do_nothing())
        found = _held(unit)
    assert found is not None, "the row was added by this transaction or the one before"
    return found


def _held(unit: Unit) -> Books | None:
    return unit.session.scalar(_MINE, {"institution": unit.institution})


_MINE = (
    select(Books)
    .where(Books.id == bindparam("institution"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
