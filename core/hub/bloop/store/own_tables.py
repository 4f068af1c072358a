"""Holds a plugin's session to the plugin's own tables.

Nothing else of the database is a plugin's to read or to change, whoever it acts for: what the hub
offers of its own goes through actions. Like the guard of institutions it answers for what code
does by mistake; what goes past the session is trusted code's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Table, TableClause, TextClause, inspect

from bloop.store.errors import ForeignTableError

_TEXT = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_RELATION = re.compile(
    r"""\b(?:FROM|JOIN|INTO|UPDATE|USING|TABLE|,)\s*[(\s]*(?:ONLY\s+)?
        (?:["`\[]?\w+["`\]]?\s*\.\s*)?["`\[]?(\w+)""",
    re.IGNORECASE | re.VERBOSE,
)


def check_own(statement: Any, elements: Iterable[Any], plugin: str) -> None:
    """Raise ForeignTableError for a statement that names a table that is not the plugin's.

    ``elements`` are all that the statement is made of, as ``visitors.iterate`` gives them.
    """
    for element in elements:
        if isinstance(element, Table | TableClause):
            _check_name(element.name, plugin)
        elif isinstance(element, TextClause):
            for name in named_in(element.text):
                if name in _known():
                    _check_name(name, plugin)
    table = getattr(statement, "table", None)
    if isinstance(table, Table):
        _check_name(table.name, plugin)


def check_own_row(row: Any, plugin: str) -> None:
    """The same for a mapped object that would be written."""
    for table in inspect(row).mapper.tables:
        _check_name(table.name, plugin)


def named_in(sql: str) -> set[str]:
    """What stands where a relation does, in lower case: tables, and some names besides."""
    return {found.lower() for found in _RELATION.findall(_TEXT.sub(" ", sql))}


def _known() -> frozenset[str]:
    """The hub's own tables: in a text, other names may be columns or parts of the query."""
    from bloop.store.models import Base

    return frozenset(Base.metadata.tables)


def _check_name(name: str, plugin: str) -> None:
    if not name.startswith(f"{plugin}_"):
        raise ForeignTableError(
            f"plugin {plugin} reaches for the table {name}, which is not its own",
            cure="a plugin reads and writes its own tables; of the hub it learns from events",
        )
