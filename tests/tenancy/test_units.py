"""Statements of every kind in units of work, for every table: refused, or the own rows alone."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import (
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
    table,
    text,
    update,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import aliased

from bloop.accounts.models import User
from bloop.store.models import Tenant
from bloop.tables import core_metadata
from bloop_sdk import BloopError
from tests.support.database import HOME, OTHER
from tests.support.tenants import see_all, seed, snapshot, tenant_tables

READS: dict[str, Any] = {
    "entity": lambda m, _: select(m),
    "columns": lambda m, _: select(m.institution_id),
    "where the other's": lambda m, _: select(m.institution_id).where(m.institution_id == OTHER),
    "or": lambda m, _: select(m.institution_id).where((m.institution_id == OTHER) | literal(True)),
    "alias": lambda m, _: select(aliased(m).institution_id),
    "join of aliases": lambda m, _: _joined(m),
    "subquery": lambda m, _: select(select(m.institution_id).subquery().c.institution_id),
    "aliased subquery": lambda m, _: select(aliased(m, select(m).subquery()).institution_id),
    "cte": lambda m, _: select(select(m.institution_id).cte().c.institution_id),
    "recursive cte": lambda m, _: _recursive(m),
    "union": lambda m, _: select(m.institution_id).union_all(select(aliased(m).institution_id)),
    "scalar subquery": lambda m, _: select(
        select(func.max(m.institution_id)).where(m.institution_id == OTHER).scalar_subquery()
    ),
    "exists": lambda m, _: select(literal(OTHER).label("institution_id")).where(
        exists(select(m.institution_id).where(m.institution_id == OTHER))
    ),
    "lateral": lambda m, _: select(select(m.institution_id).lateral().c.institution_id),
    "aggregate": lambda m, _: select(func.max(m.institution_id)),
    "text in from": lambda _, t: select(text("institution_id")).select_from(text(t.name)),
    "text in where": lambda m, _: select(m.institution_id).where(text("1=1) OR (1=1")),
    "literal column": lambda m, t: select(
        literal_column(f"(SELECT max(institution_id) FROM {t.name})")
    ).select_from(m),
    "table without metadata": lambda _, t: select(table(t.name, column("institution_id"))),
    "core": lambda _, t: select(t.c.institution_id),
    "core alias": lambda _, t: select(t.alias().c.institution_id),
    "core in a mapped select": lambda m, t: select(m.institution_id).where(
        exists(select(t.c.institution_id).where(t.c.institution_id == OTHER))
    ),
    "core beside the mapped class": lambda m, t: select(t.alias().c.institution_id).select_from(
        m.__table__.join(t.alias(), literal(1) == 1)
    ),
    "text": lambda _, t: text(f"SELECT institution_id FROM {t.name}"),
    "text with columns": lambda _, t: text(f"SELECT institution_id FROM {t.name}").columns(
        column("institution_id")
    ),
    "entities from text": lambda m, t: select(m).from_statement(text(f"SELECT * FROM {t.name}")),
    "text within a cte": lambda _, t: select(
        text(f"SELECT institution_id FROM {t.name}")
        .columns(column("institution_id"))
        .cte()
        .c.institution_id
    ),
}


def _joined(m: Any) -> Any:
    first, second = aliased(m), aliased(m)
    return select(second.institution_id).join_from(first, second, literal(1) == 1)


def _recursive(m: Any) -> Any:
    base = select(m.institution_id).cte(recursive=True)
    return select(base.union(select(aliased(m).institution_id)).c.institution_id)


def _any(t: Any) -> Any:
    """A column that may be written without breaking a key."""
    plain = [one for one in t.c if not one.primary_key and not one.foreign_keys]
    return next((one for one in plain if one.name != "institution_id"), t.c.institution_id)


GIVEN = {"institution": HOME}
WRITES: dict[str, Any] = {
    "update": lambda m, t: update(m).values({_any(t).name: _any(t)}),
    "update of the other's": lambda m, t: (
        update(m).where(m.institution_id == OTHER).values({_any(t).name: None})
    ),
    "giving away": lambda m, _: update(m).values(institution_id=OTHER),
    "taking": lambda m, _: update(m).where(m.institution_id == OTHER).values(institution_id=HOME),
    "update from": lambda m, t: (
        update(m)
        .where(m.institution_id == select(aliased(m).institution_id).limit(1).scalar_subquery())
        .values({_any(t).name: _any(t)})
    ),
    "delete": lambda m, _: delete(m).where(m.institution_id == OTHER),
    "delete by a subquery": lambda m, _: delete(m).where(
        m.institution_id.in_(select(aliased(m).institution_id).where(literal(1) == 1))
        & (m.institution_id != HOME)
    ),
    "core update": lambda _, t: update(t).values({_any(t).name: _any(t)}),
    "core delete": lambda _, t: delete(t),
    "text": lambda _, t: text(f"DELETE FROM {t.name}"),
    "text that only mentions": lambda _, t: text(f"DELETE FROM {t.name}").bindparams(),
    "insert from select": lambda m, t: insert(m).from_select(
        [one.name for one in t.c], select(*t.c)
    ),
    "insert": lambda m, t: insert(m).values(_row(t)),
    "insert of many": lambda m, t: insert(m).values([_row(t), _row(t)]),
    "core insert": lambda _, t: insert(t).values(_row(t)),
    "update in a cte": lambda m, t: select(
        update(m).values({_any(t).name: _any(t)}).returning(m.institution_id).cte().c[0]
    ),
    "delete beside a select": lambda m, _: select(User.id).add_cte(delete(m).cte("gone")),
    "core delete in a cte": lambda _, t: select(User.id).add_cte(delete(t).cte("gone")),
}


def _row(t: Any) -> dict[str, Any]:
    return {"institution_id": OTHER} | {
        one.name: None for one in t.c if one.name != "institution_id" and one.identity is None
    }


def tried(database) -> dict[str, Any]:
    """All of them; some on PostgreSQL, where the same guard stands before row-level security."""
    found = sorted(models().items())
    return dict(found if database.dialect == "sqlite" else found[::5])


def models() -> dict[str, Any]:
    core_metadata()
    found = (mapper.class_ for mapper in User.registry.mappers)
    return {one.__tablename__: one for one in found if issubclass(one, Tenant)}


@pytest.fixture
def two(database):
    seed(database, (HOME, "zqhome"), (OTHER, "zqother"))
    return database


def attempted(unit, work):
    """What it gives, or None where it was refused; everything it did is undone."""
    nested = unit.session.begin_nested()
    try:
        return work(unit.session)
    except (BloopError, SQLAlchemyError):
        return None
    finally:
        if nested.is_active:
            nested.rollback()
        unit.session.expunge_all()


def test_there_is_a_model_for_every_table_of_institutions():
    assert set(models()) == {one.name for one in tenant_tables()}


def test_no_select_shows_another_institutions_row(two, call):
    seen, leaks = 0, []
    for name, model in tried(two).items():
        with two.unit(call) as unit:
            for how, make in READS.items():
                statement = make(model, model.__table__)
                found = attempted(
                    unit, lambda s, one=statement: [_shown(r) for r in s.execute(one)]
                )
                seen += bool(found)
                if any(OTHER in row or "zqother" in row for row in found or ()):
                    leaks.append((name, how))
    assert leaks == []
    assert seen >= 8 * len(tried(two))  # Or the test would see nothing whatever there is.


def _shown(row):
    first = row[0]
    return repr(vars(first) if isinstance(first, Tenant) else tuple(row))


def test_a_text_is_not_let_in_by_a_parameter_that_it_does_not_use(two, call):
    with two.unit(call) as unit:
        for name in models():
            statement = text(f"SELECT institution_id FROM {name}")
            found = attempted(unit, lambda s, one=statement: s.execute(one, GIVEN).all())
            assert found is None, name


def test_no_statement_changes_another_institutions_row(two, call):
    before = snapshot(two, OTHER)
    changed, done = [], 0
    for name, model in tried(two).items():
        with two.unit(call) as unit:
            for how, make in WRITES.items():
                statement = make(model, model.__table__)
                after = attempted(unit, lambda s, one=statement: _after(s, one, model.__table__))  # noqa: B023 - called at once
                done += after is not None
                if after not in {None, repr(before[name])}:
                    changed.append((name, how))
    assert changed == []
    assert done >= 2 * len(tried(two))


def _after(session, statement, one):
    """The other's rows of a table once a statement has been executed, past the session."""
    session.execute(statement)
    return _of_other(session, one)


def _of_other(session, one):
    connection = session.connection()
    see_all(connection)
    rows = connection.execute(select(one).where(one.c.institution_id == OTHER)).all()
    return repr(sorted(map(repr, rows)))


BULK = {
    "bulk_save_objects": lambda s, m, row: s.bulk_save_objects([m(**row)]),
    "bulk_insert_mappings": lambda s, m, row: s.bulk_insert_mappings(m, [row]),
    "bulk_update_mappings": lambda s, m, row: s.bulk_update_mappings(m, [row]),
    "update by keys": lambda s, m, row: s.execute(update(m), [row]),
    "insert": lambda s, m, row: s.execute(insert(m), [row]),
    "merge": lambda s, m, row: s.merge(m(**row)),
    "add": lambda s, m, row: s.add(m(**row)),
}


@pytest.mark.parametrize("how", BULK)
def test_no_bulk_operation_writes_another_institutions_row(database, call, how):
    _, other = seed(database, (HOME, "zqhome"), (OTHER, "zqother"))
    before = repr(snapshot(database, OTHER)["account_user"])
    row = other.rows["account_user"]
    for changed in ({**row, "name": "changed"}, {**row, "id": "new", "email": "new"}):

        def work(session, changed=changed):
            BULK[how](session, User, changed)
            session.flush()
            return _of_other(session, User.__table__)

        with database.unit(call) as unit:
            assert attempted(unit, work) in {None, before}


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
class TestPastTheSession:
    """What the role that serves reaches on a connection, where only PostgreSQL guards."""

    def test_it_is_no_superuser_and_owns_nothing(self, database):
        with database.engine.connect() as connection:
            role = connection.execute(
                text(
                    "SELECT rolsuper, rolbypassrls, (SELECT count(*) FROM pg_class c"
                    " WHERE c.relowner = r.oid) FROM pg_roles r WHERE rolname = current_user"
                )
            ).one()
        assert tuple(role) == (False, False, 0)

    def test_it_sees_the_own_rows_alone(self, two, call):
        for one in tenant_tables():
            with two.unit(call) as unit:
                found = unit.session.connection().execute(select(one.c.institution_id)).scalars()
                assert set(found) == {HOME}, one.name

    def test_it_changes_takes_and_gives_nothing(self, two, call):
        before = snapshot(two, OTHER)
        for one in tenant_tables():
            with two.unit(call) as unit:
                for statement in (
                    update(one).values(institution_id=one.c.institution_id),
                    update(one).where(one.c.institution_id == OTHER).values(institution_id=HOME),
                    update(one).values(institution_id=OTHER),
                    delete(one).where(one.c.institution_id == OTHER),
                    text(f"TRUNCATE {one.name}"),
                    text(f"ALTER TABLE {one.name} DISABLE ROW LEVEL SECURITY"),
                    text(f"DROP POLICY own_institution ON {one.name}"),
                ):

                    def work(session, statement=statement, one=one):
                        session.connection().execute(statement)
                        return _of_other(session, one)

                    found = attempted(unit, work)
                    assert found in {None, repr(before[one.name])}, (one.name, str(statement))
