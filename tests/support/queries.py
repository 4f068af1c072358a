"""Counting what is asked of a database: statements of units, and registered reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from bloop.store.database import Database
from bloop.store.statements import Row, Statement


@contextmanager
def counted(database: Database) -> Iterator[Counter[str]]:
    """How often each statement ran meanwhile: those of units by their SQL, reads by their name.

    BEGIN and COMMIT are not counted.
    """
    found: Counter[str] = Counter()
    reader: Any = database._reader
    read = reader.rows

    def written(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if not sql.startswith("BEGIN"):
            found[sql] += 1

    async def rows(
        statement: Statement, institution: str, parameters: Mapping[str, Any]
    ) -> Sequence[Row]:
        found[statement.name] += 1
        answer: Sequence[Row] = await read(statement, institution, parameters)
        return answer

    engines = (database.engine, database._readers)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", written)
    reader.rows = rows
    try:
        yield found
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", written)
        del reader.rows
