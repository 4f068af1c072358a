"""A ledger of very many lines, written past the hub, and their sums by plain SQL without an index.

The lines are what purchases and refunds come to: three of each entry, in ten accounts.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
from _databases import Urls
from _payments import LONG_AGO
from psycopg import sql
from sqlalchemy.engine import make_url

ENTRY = (
    "id", "institution_id", "order_id", "provider", "kind", "fact_id", "number",
    "occurred_at", "booked_at",
)  # fmt: skip
LINE = ("id", "institution_id", "entry_id", "account", "currency", "amount")
PER_ENTRY = 3
SUMS = (
    "SELECT account, currency, SUM(amount) FROM commerce_line {hint}"
    " WHERE institution_id = {mark} GROUP BY account, currency"
)
Row = tuple[Any, ...]


def _id(kind: int, number: int) -> str:
    return f"00000000-0000-7{kind:03}-8000-{number:012x}"


def entries(institution: str, order: str, number: int) -> Iterator[Row]:
    """So many bookings."""
    at = LONG_AGO.isoformat(sep=" ")
    for n in range(number):
        yield _id(1, n), institution, order, "till", "captured", f"cap-{n}", 1, at, at


def lines(institution: str, number: int) -> Iterator[Row]:
    """Three lines of each, which come to zero."""
    for n in range(number):
        provider, currency = f"till{n % 2}", ("EUR", "JPY")[n % 5 // 4]
        amount, tax = 4900 + n % 1000, 782 + n % 19
        account = ("sales", "refunds")[n % 7 // 6]
        parts = ((f"cash:{provider}", amount), (account, tax - amount), ("tax", -tax))
        for place, (name, sum_) in enumerate(parts):
            yield _id(2, PER_ENTRY * n + place), institution, _id(1, n), name, currency, sum_


def fill(urls: Urls, institution: str, order: str, number: int) -> None:
    """Write as many lines, and their entries."""
    bookings = number // PER_ENTRY
    made = {
        ("commerce_entry", ENTRY): entries(institution, order, bookings),
        ("commerce_line", LINE): lines(institution, bookings),
    }
    write = _sqlite if urls.app.startswith("sqlite") else _postgresql
    for (table, columns), rows in made.items():
        write(urls.admin, table, columns, rows)


def _sqlite(url: str, table: str, columns: Sequence[str], rows: Iterator[Row]) -> None:
    with contextlib.closing(sqlite3.connect(make_url(url).database or "")) as connection:
        # Indexes of a million rows are larger than the cache that a connection has by default.
        connection.execute("PRAGMA cache_size = -500000")
        connection.execute("PRAGMA synchronous = OFF")
        marks = ", ".join("?" * len(columns))
        named = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # nosec B608
        connection.executemany(named, rows)
        connection.commit()


def _postgresql(url: str, table: str, columns: Sequence[str], rows: Iterator[Row]) -> None:
    # As a superuser, for COPY knows no row-level security.
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        named = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with connection.cursor() as cursor, cursor.copy(named) as copy:
            for row in rows:
                copy.write_row(row)
        # As autovacuum does after a while.
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextlib.contextmanager
def without_index(urls: Urls, institution: str) -> Iterator[Callable[[], list[Row]]]:
    """What sums the lines as if there was no index of them, by plain SQL and with all rights."""
    if urls.app.startswith("sqlite"):
        plain = sqlite3.connect(make_url(urls.app).database or "", check_same_thread=False)
        with contextlib.closing(plain):
            text = SUMS.format(hint="NOT INDEXED", mark="?")
            yield lambda: plain.execute(text, [institution]).fetchall()
    else:
        with psycopg.connect(_plain(urls.admin), autocommit=True) as connection:
            for name in ("indexscan", "indexonlyscan", "bitmapscan"):
                connection.execute(f"SET enable_{name} = off")  # type: ignore[arg-type]
            text = SUMS.format(hint="", mark="%s")
            yield lambda: connection.execute(text, [institution]).fetchall()  # type: ignore[arg-type]
