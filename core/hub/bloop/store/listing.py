"""A condition that a registered read can have for a list: the parameter is its JSON.

    Item.id.in_(...) would need a parameter for each id, which changes the statement;
    is_one_of(Item.id, "ids") needs one, and is given ``dumps(ids)``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, String, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class is_one_of(FunctionElement[bool]):  # noqa: N801 - reads as the function that it is in SQL
    """Whether a column of text has one of the values of a JSON array, the parameter ``name``."""

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: Any, name: str) -> None:
        super().__init__(column, bindparam(name, type_=String))


@compiles(is_one_of, "sqlite")
def _sqlite(element: Any, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"


@compiles(is_one_of, "postgresql")
def _postgresql(element: Any, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} IN (SELECT jsonb_array_elements_text(CAST({values} AS jsonb)))"
