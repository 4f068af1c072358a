"""How large each table is, and whose it is; all in one read of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError

from bloop.store import migrate
from bloop.store.models import Base
from bloop.tables import core_metadata

OTHER = "hub"
_AREAS = {"audit": "audit", "outbox": "events", "blob": "files", "plugin": "plugins"}
"""The ground's own tables by the first word of their name; what has none is the hub's own."""
_SMALL = frozenset({"net", "ops", "hub"})
"""Domains that have a table or two, which are counted as the hub's own."""


@dataclass(slots=True)
class Table:
    """A table with its indexes; ``bytes`` is None where the database does not tell.

    ``rows`` by institution, with "" for those of no institution.
    """

    name: str
    area: str
    plugin: bool
    bytes: int | None = None
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """All of its rows."""
        return sum(self.rows.values())


def tables(connection: Connection, institution: str | None = None) -> list[Table]:
    """Every table, with its rows; and its size, which on SQLite reads the whole file.

    With an institution its rows alone, and no sizes.
    """
    areas = _areas()
    names = {one for one in migrate.table_names(connection) if not one.startswith("sqlite_")}
    prefix = migrate.version_table("")
    plugins = sorted(
        {one.removeprefix(prefix) for one in names if one.startswith(prefix)} - {migrate.CORE},
        key=len,
        reverse=True,
    )
    sizes = _sizes(connection) if institution is None else {}
    found = []
    for name in sorted(names):
        bare = name.removeprefix(prefix)
        of = next((one for one in plugins if f"{bare}_".startswith(f"{one}_")), None)
        area = areas.get(name, OTHER) if of is None or name in areas else of
        table = Table(name, area, area == of, sizes.get(name) if sizes else None)
        table.rows = _rows(connection, name, institution)
        found.append(table)
    return found


def used(connection: Connection) -> tuple[int, int]:
    """The bytes of the database, and those of them that hold nothing (0 where nobody knows)."""
    if connection.dialect.name == "postgresql":
        size = connection.scalar(text("SELECT pg_database_size(current_database())"))
        return int(size or 0), 0
    pages, free, each = (
        int(connection.scalar(text(f"PRAGMA {name}")) or 0)
        for name in ("page_count", "freelist_count", "page_size")
    )
    return pages * each, free * each


def _areas() -> Mapping[str, str]:
    """The area of each table of the core, by the domain that declares it."""
    core_metadata()  # With every domain's models.
    found = {}
    for mapper in Base.registry.mappers:
        domain = mapper.class_.__module__.split(".")[1]
        name = str(getattr(mapper.local_table, "name", ""))
        first = name.split("_", maxsplit=1)[0]
        found[name] = OTHER if domain in _SMALL else domain
        if domain == "store":
            found[name] = _AREAS.get(first, OTHER)
    return found


def _sizes(connection: Connection) -> dict[str, int]:
    """Bytes by table, with its indexes and what it keeps aside; {} where the database can't say."""
    if connection.dialect.name == "postgresql":
        rows = connection.execute(
            text(
                "SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c "
                "JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'm')"
            )
        )
        return {name: int(size) for name, size in rows}
    try:
        rows = connection.execute(
            text(
                "SELECT coalesce(s.tbl_name, d.name), sum(d.pgsize) FROM dbstat d "
                "LEFT JOIN sqlite_schema s ON s.name = d.name WHERE d.aggregate = TRUE GROUP BY 1"
            )
        )
        return {name: int(size) for name, size in rows}
    except OperationalError:
        return {}  # SQLite is built without dbstat.


def _rows(connection: Connection, name: str, institution: str | None) -> dict[str, int]:
    quoted = connection.dialect.identifier_preparer.quote(name)
    columns = {one["name"] for one in inspect(connection).get_columns(name)}
    counted = f"count(*) FROM {quoted}"
    if "institution_id" not in columns:
        if institution is not None:
            return {}
        return {"": int(connection.scalar(text(f"SELECT {counted}")) or 0)}
    held = "" if institution is None else "WHERE institution_id = :of"
    grouped = f"SELECT institution_id, {counted} {held} GROUP BY institution_id"
    given = {} if institution is None else {"of": institution}
    return {of or "": int(number) for of, number in connection.execute(text(grouped), given)}
