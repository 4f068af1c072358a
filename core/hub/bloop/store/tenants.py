"""The guard of a session: it sees and writes one institution's rows only.

It answers for what the code of the hub does by mistake, on every database. On PostgreSQL row-level
security stands behind it, for statements that go past the session as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, cast
from weakref import WeakKeyDictionary

from sqlalchemy import (
    ColumnClause,
    Insert,
    Select,
    Table,
    TableClause,
    TextClause,
    TextualSelect,
    Update,
    UpdateBase,
    event,
    inspect,
)
from sqlalchemy.orm import (
    FromStatement,
    ORMExecuteState,
    Session,
    UOWTransaction,
    with_loader_criteria,
)
from sqlalchemy.sql import visitors
from sqlalchemy.sql.base import ExecutableOption

from bloop.store.errors import TenantError
from bloop.store.models import EVERY_INSTITUTION, Tenant
from bloop.store.own_tables import check_own, check_own_row
from bloop_sdk import Call, PrincipalKind

_CONSTANT = re.compile(r"\*|\d+|'\w*'")


class InstitutionSession(Session):
    """An ORM session bound to the institution in ``info["institution"]``.

    With ``info["plugin"]`` it reaches the tables of that plugin alone.
    """

    def _bulk_save_mappings(self, *_given: Any, **_options: Any) -> None:
        """SQLAlchemy's bulk methods pass by every event that could hold them to an institution."""
        raise TenantError(
            "bulk operations cannot be held to their institution",
            cure="add mapped rows, or execute insert(Model) with a list of them",
        )


def check_call(call: Call) -> None:
    """Only the hub itself may act for all institutions at once."""
    if call.institution == EVERY_INSTITUTION and call.principal.kind is not PrincipalKind.SYSTEM:
        raise TenantError(
            f"{call.principal.kind}:{call.principal.id} asked for every institution's rows",
            cure="only the hub's own calls may; name one institution",
        )


def session_of_plugin(session: Session, plugin: str) -> InstitutionSession:
    """A session in the same transaction, which it cannot end, for a plugin's own tables alone."""
    own = InstitutionSession(session.connection(), expire_on_commit=False)
    own.info |= session.info | {"plugin": plugin}
    return own


@event.listens_for(InstitutionSession, "do_orm_execute")
def _guard_statement(state: ORMExecuteState) -> None:
    institution = state.session.info.get("institution", EVERY_INSTITUTION)
    plugin: str | None = state.session.info.get("plugin")
    statement: Any = state.statement
    if plugin is None and institution == EVERY_INSTITUTION:
        return
    if institution == EVERY_INSTITUTION:
        check_own(statement, visitors.iterate(statement), str(plugin))
        return
    if not _is_known(state, plugin) and not _check(state, institution, plugin):
        return
    state.statement = statement.options(_rows_of(institution))


def _is_known(state: ORMExecuteState, plugin: str | None) -> bool:
    statement = state.statement
    return isinstance(statement, Select) and plugin in _PASSED.get(statement, ())


def _check(state: ORMExecuteState, institution: str, plugin: str | None) -> bool:
    """Raise for a statement that is not in order; whether its rows are the ORM's to hold."""
    # To walk through a statement is what all of this costs: it is done once for all checks.
    statement: Any = state.statement
    elements = list(visitors.iterate(statement))
    if plugin is not None:
        check_own(statement, elements, plugin)
    if isinstance(statement, FromStatement):
        statement = statement.element
        elements = list(visitors.iterate(statement))
    if isinstance(statement, TextualSelect):
        statement = statement.element
    if isinstance(statement, TextClause):
        _check_text(statement, state.parameters, institution)
        return False
    if not (state.is_column_load or state.is_relationship_load):
        _check_parts(statement, elements)
        if state.is_orm_statement and isinstance(state.statement, Select):
            _PASSED.setdefault(state.statement, set()).add(plugin)
    if state.is_insert:
        _check_inserted(cast("Insert", statement), state.parameters, institution)
        return False
    if state.is_update:
        _check_updated(cast("Update", statement), state.parameters)
    return state.is_orm_statement


_PASSED: WeakKeyDictionary[Select[*tuple[Any, ...]], set[str | None]] = WeakKeyDictionary()
"""The statements that were found to be in order, of which plugin or of the hub.

A statement never changes, and whoever keeps it is not asked again; one that is forgotten is here as
well. Only those of the ORM are in it, whose rows are held to the institution each time.
"""


@lru_cache(maxsize=1024)
def _rows_of(institution: str) -> ExecutableOption:
    """The criteria of an institution's rows, made once: that costs as much as a small query."""
    return with_loader_criteria(
        Tenant, lambda cls: cls.institution_id == institution, include_aliases=True
    )


def _check_text(statement: TextClause, parameters: Any, institution: str) -> None:
    given = parameters.get("institution") if isinstance(parameters, dict) else None
    bound = statement._bindparams.get("institution")  # noqa: SLF001 - it has no public name
    if given is None and bound is not None:
        given = bound.value
    if bound is None or given != institution:
        raise TenantError(
            f"SQL without its institution: {str(statement)[:60]!r}",
            cure="compare institution_id with :institution, or write it with a mapped class",
        )


def _check_parts(statement: Any, elements: Iterable[Any]) -> None:
    """Criteria reach mapped classes alone: a bare table would show all institutions' rows."""
    tables: dict[str, Table] = {}
    mapped: set[str] = set()
    for element in elements:
        entity = element._annotations.get("parententity")  # noqa: SLF001 - it has no public name
        if entity is not None:
            mapped.add(entity.mapper.local_table.name)
        if isinstance(element, Table):
            tables[element.name] = element
        elif isinstance(element, TextClause | TableClause) or _is_literal(element):
            raise TenantError(
                f"a statement holds SQL as text: {str(element)[:60]!r}",
                cure="write it with mapped classes, or all of it as text with :institution",
            )
        elif isinstance(element, UpdateBase) and element is not statement:
            raise TenantError(
                "a statement that writes stands inside another one",
                cure="execute it by itself, so that it is held to its institution",
            )
    for name in tables.keys() - mapped:
        if "institution_id" in tables[name].c:
            raise TenantError(
                f"a statement uses the table {name} as such",
                cure="write it with the mapped class, which is bound to the institution",
            )


def _is_literal(element: Any) -> bool:
    """Whether an element is SQL as text, and not only a constant or the star of ``count(*)``."""
    literal = isinstance(element, ColumnClause) and element.is_literal
    return literal and not _CONSTANT.fullmatch(element.name)


def _check_inserted(statement: Insert, parameters: Any, institution: str) -> None:
    if "institution_id" not in statement.table.c:
        return
    if statement.select is not None:
        raise TenantError("INSERT from SELECT cannot be checked for its institution")
    rows = parameters if isinstance(parameters, list) else [parameters or {}]
    given = [row["institution_id"] for row in rows if "institution_id" in row]
    for value in given or _stated(statement):
        if value != institution:
            raise TenantError(
                f"{statement.table.name} of institution {value} in a unit of work of {institution}"
            )


def _check_updated(statement: Update, parameters: Any) -> None:
    if isinstance(parameters, list):
        raise TenantError(
            "an UPDATE of many rows by their keys cannot be held to its institution",
            cure="write one UPDATE with its condition, or change the mapped rows",
        )
    # Of ``ordered_values`` as well; it has no public name.
    given = (*(statement._values or ()), *(parameters or ()))  # noqa: SLF001
    if any(getattr(key, "key", key) == "institution_id" for key in given):
        raise TenantError(
            f"an UPDATE of {statement.table} would give rows to another institution",
            cure="rows stay where they are",
        )


def _stated(statement: Insert) -> Iterator[Any]:
    """The institutions that ``insert(...).values(...)`` itself names."""
    for name, value in statement.compile().params.items():
        if name == "institution_id" or name.startswith("institution_id_m"):
            yield value


@event.listens_for(InstitutionSession, "before_flush")
def _guard_flush(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    institution = session.info.get("institution", EVERY_INSTITUTION)
    plugin: str | None = session.info.get("plugin")
    if plugin is not None:
        for row in (*session.new, *session.dirty, *session.deleted):
            check_own_row(row, plugin)
    if institution == EVERY_INSTITUTION:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(row, Tenant):
            continue
        if not row.institution_id and row in session.new:
            row.institution_id = institution
        before = inspect(row).attrs.institution_id.history.deleted
        for owner in (row.institution_id, *before):
            if owner != institution:
                raise TenantError(
                    f"{type(row).__name__} of institution {owner} in a unit of work "
                    f"of {institution}"
                )
