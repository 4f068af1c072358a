"""A condition that a registered read can have for a list: the parameter is its JSON.

Item.id.in_(...) would need a parameter for each id, which changes the statement;
is_one_of(Item.id, "ids") needs one, and is given ``dumps(ids)``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, String, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


def is_one_of(column: Any, name: str) -> ColumnElement[bool]:
    """Whether a column of text has one of the values of a JSON array, the parameter ``name``."""
    each = _each_text(bindparam(name, type_=String)).table_valued("value")
    found: ColumnElement[bool] = column.in_(select(each.c.value))
    return found


class _each_text(FunctionElement[str]):  # noqa: N801 - as functions of SQL are
    name = "each_text"
    inherit_cache = True


@compiles(_each_text, "sqlite")
def _sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_each_text, "postgresql")
def _postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return (
        f"jsonb_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS jsonb))"
    )
