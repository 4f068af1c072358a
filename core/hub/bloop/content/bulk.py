"""Many rows in one statement each way; the ORM would send a statement a row for versioned ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, insert, inspect, update

from bloop.content.models import Sourced
from bloop.store.errors import ConflictError
from bloop.store.unit import UnitOfWork


def insert_rows(unit: UnitOfWork, model: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows; NULLs are written out, or rows with different ones would part the statement."""
    if rows:
        unit.session.execute(insert(model), list(rows), execution_options={"render_nulls": True})


def update_rows(
    unit: UnitOfWork, model: type[Sourced], changes: Sequence[tuple[Sourced, Mapping[str, Any]]]
) -> None:
    """Give loaded rows new values and the next row version; the objects themselves stay as read.

    Raises :class:`ConflictError` where somebody else changed one since it was loaded.
    """
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row, values in changes:
        keys = tuple(sorted(values))
        parameters = {f"new_{key}": values[key] for key in keys}
        parameters |= {"row_id": row.id, "was": row.row_version, "will_be": row.row_version + 1}
        groups[keys].append(parameters)
    table = inspect(model).local_table
    for keys, parameters_of_all in groups.items():
        statement = (
            update(table)
            .where(
                table.c.institution_id == unit.institution,
                table.c.id == bindparam("row_id"),
                table.c.row_version == bindparam("was"),
            )
            .values(
                row_version=bindparam("will_be"),
                **{key: bindparam(f"new_{key}", type_=table.c[key].type) for key in keys},
            )
        )
        # Past the session, which would refuse a bare table; the institution stands in it.
        done = unit.connection.execute(statement, parameters_of_all)
        if done.rowcount != len(parameters_of_all):
            raise ConflictError(
                f"somebody changed a {table.name} at the same time",
                cure="try again: what was committed before stays",
            )
