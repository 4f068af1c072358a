"""A unit of work reaches its own institution's rows, whichever way a statement is written."""

import pytest
from sqlalchemy import delete, exists, func, insert, literal, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased

from bloop.accounts.models import User
from bloop.jobs.models import Job
from bloop.store.errors import ForeignTableError, NotFoundError, TenantError
from bloop.store.models import EVERY_INSTITUTION, Blob, PluginValue, Tenant
from bloop.store.statements import institution, register
from bloop.store.tenants import session_of_plugin
from bloop.tables import core_metadata
from bloop_sdk import PrincipalKind
from tests.support.database import HOME, OTHER, make_call


def user(id_, owner):
    return User(id=id_, institution_id=owner, name=f"of {owner}", role="learner")


@pytest.fixture
def two(database, call, other_call):
    """A user of each institution, with ids `home` and `other`."""
    for id_, each in (("home", call), ("other", other_call)):
        with database.unit(each) as unit:
            unit.session.add(user(id_, each.institution))
    return database


def names(database, call):
    with database.unit(call) as unit:
        return {row.id: row.name for row in unit.session.scalars(select(User))}


SELECTS = {
    "entity": lambda: select(User.id).select_from(User),
    "columns": lambda: select(User.id),
    "alias": lambda: select(aliased(User).id),
    "count": lambda: select(func.min(User.id)),
    "subquery": lambda: select(select(User.id).subquery().c.id),
    "cte": lambda: select(select(User.id).cte().c.id),
    "union": lambda: select(User.id).union_all(select(User.id).where(User.id == "nobody")),
    "exists": lambda: select(User.id).where(exists().where(aliased(User).id == User.id)),
    "scalar subquery": lambda: select(select(User.id).scalar_subquery()),
}


@pytest.mark.parametrize("how", SELECTS)
def test_a_select_sees_only_its_own_institution(two, call, how):
    with two.unit(call) as unit:
        assert unit.session.execute(SELECTS[how]()).scalars().all() == ["home"]


def test_a_statement_that_is_kept_is_held_to_each_institution_and_plugin(two, call, other_call):
    kept, bare = select(User.id), select(User.__table__.c.id, User.name)
    for _ in range(2):
        for who, id_ in ((call, "home"), (other_call, "other")):
            with two.unit(who) as unit:
                assert unit.session.scalars(kept).all() == [id_]
                own = session_of_plugin(unit.session, "notes")
                with pytest.raises(ForeignTableError):
                    own.scalars(kept)
    # Nor is one that was refused taken for known.
    for _ in range(2):
        with two.unit(call) as unit, pytest.raises(TenantError):
            unit.session.execute(select(Blob.__table__))
        with two.unit(call) as unit:
            assert [row.id for row in unit.session.execute(bare)] == ["home"]


def test_get_does_not_find_another_institutions_row(two, call):
    with two.unit(call) as unit:
        assert unit.get(User, "home").id == "home"
        assert unit.session.get(User, "other") is None
        with pytest.raises(NotFoundError, match="no account_user other"):
            unit.get(User, "other")


def test_update_and_delete_leave_another_institutions_rows(two, call, other_call):
    with two.unit(call) as unit:
        changed = unit.session.execute(update(User).values(name="changed"))
        assert changed.rowcount == 1
        assert unit.session.execute(delete(User).where(User.id == "other")).rowcount == 0
    assert names(two, call) == {"home": "changed"}
    assert names(two, other_call) == {"other": f"of {OTHER}"}


table = User.__table__
BARE = {
    "select": lambda: select(table.c.id),
    "update": lambda: update(table).values(name="x"),
    "delete": lambda: delete(table),
    "insert": lambda: insert(table).values(id="x", institution_id=OTHER, name="x", role="x"),
    "subquery of a mapped select": lambda: select(Job.id).where(Job.id.in_(select(table.c.id))),
    "text": lambda: text("SELECT id FROM account_user"),
}


@pytest.mark.parametrize("how", BARE)
def test_a_statement_that_the_criteria_cannot_reach_is_refused(two, call, how):
    with pytest.raises(TenantError), two.unit(call) as unit:
        unit.session.execute(BARE[how]())


def test_text_may_run_with_its_institution(two, call):
    statement = text("SELECT id FROM account_user WHERE institution_id = :institution")
    with two.unit(call) as unit:
        assert unit.session.scalars(statement, {"institution": HOME}).all() == ["home"]
        with pytest.raises(TenantError, match="SQL without its institution"):
            unit.session.execute(statement, {"institution": OTHER})


def test_a_row_of_another_institution_is_not_added(database, call):
    with pytest.raises(TenantError, match="User of institution"), database.unit(call) as unit:
        unit.session.add(user("x", OTHER))


def test_a_row_is_not_given_away(two, call, other_call):
    with (
        pytest.raises(TenantError, match="User of institution"),
        two.unit(call) as unit,
    ):
        unit.get(User, "home").institution_id = OTHER
    assert set(names(two, other_call)) == {"other"}


def test_a_row_carried_over_from_another_unit_is_not_changed_or_deleted(two, call, other_call):
    with two.unit(other_call) as unit:
        foreign = unit.get(User, "other")
    for act in (
        lambda session: setattr(foreign, "name", "x"),
        lambda session: session.delete(foreign),
    ):
        with pytest.raises(TenantError), two.unit(call) as unit:  # noqa: PT012 - the unit ends in it
            unit.session.add(foreign)
            act(unit.session)
            unit.session.flush()
    assert names(two, other_call) == {"other": f"of {OTHER}"}


def value(owner):
    return {"institution_id": owner, "plugin_id": "p", "key": owner, "value": 1}


INSERTS = {
    "rows": lambda session, owner: session.execute(
        insert(PluginValue), [value(HOME), value(owner)]
    ),
    "one row": lambda session, owner: session.execute(insert(PluginValue), value(owner)),
    "values": lambda session, owner: session.execute(insert(PluginValue).values(value(owner))),
    "many values": lambda session, owner: session.execute(
        insert(PluginValue).values([value(HOME), value(owner)])
    ),
    "upsert": lambda session, owner: session.execute(
        {"sqlite": sqlite, "postgresql": postgresql}[session.bind.dialect.name]
        .insert(PluginValue)
        .on_conflict_do_nothing(),
        [value(owner)],
    ),
}


@pytest.mark.parametrize("how", INSERTS)
def test_a_bulk_insert_for_another_institution_is_refused(database, call, other_call, how):
    with pytest.raises(TenantError), database.unit(call) as unit:
        INSERTS[how](unit.session, OTHER)
    with database.unit(other_call) as unit:
        assert unit.session.scalar(select(func.count()).select_from(PluginValue)) == 0


@pytest.mark.parametrize("how", sorted(set(INSERTS) - {"rows", "many values"}))
def test_a_bulk_insert_for_the_own_institution_is_done(database, call, how):
    with database.unit(call) as unit:
        INSERTS[how](unit.session, HOME)
        assert unit.session.scalars(select(PluginValue.key)).all() == [HOME]


def test_an_insert_from_a_select_is_refused(database, call):
    rows = select(literal(OTHER), literal("p"), literal("k"), PluginValue.value)
    columns = ["institution_id", "plugin_id", "key", "value"]
    with pytest.raises(TenantError, match="INSERT from SELECT"), database.unit(call) as unit:
        unit.session.execute(insert(PluginValue).from_select(columns, rows))


def test_the_hub_itself_sees_every_institution(two, system_call):
    with two.unit(system_call) as unit:
        assert sorted(unit.session.scalars(select(User.id))) == ["home", "other"]
        unit.session.add(user("third", "another"))


@pytest.mark.parametrize("kind", [PrincipalKind.USER, PrincipalKind.PLUGIN, PrincipalKind.GUEST])
async def test_nobody_else_may_ask_for_every_institution(database, kind):
    everything = make_call(EVERY_INSTITUTION, kind=kind)
    with pytest.raises(TenantError, match="every institution"), database.unit(everything):
        pass
    with pytest.raises(TenantError, match="every institution"):
        await database.read(USERS, everything)
    with pytest.raises(TenantError, match="every institution"):
        await database.read_one(USERS, everything)
    with pytest.raises(TenantError, match="every institution"):
        database.read_now(USERS, everything)


USERS = register("tests.tenants.users", select(User.id).where(User.institution_id == institution))


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
class TestRowLevelSecurity:
    """What PostgreSQL itself holds to, for statements that go past the session."""

    def test_every_table_of_institutions_hides_others_rows(self, database, call, other_call):
        core_metadata()
        models = [
            mapper.class_ for mapper in User.registry.mappers if issubclass(mapper.class_, Tenant)
        ]
        for model in models:
            insert_anything(database, model, HOME)
        for model in models:
            count = select(func.count()).select_from(model.__table__)
            for each, expected in ((call, 1), (other_call, 0)):
                with database.unit(each) as unit:
                    found = unit.session.connection().scalar(count)
                assert (model.__tablename__, found) == (model.__tablename__, expected)

    def test_writing_for_another_institution_past_the_session_is_refused(self, database, call):
        statement = insert(Blob.__table__).values(institution_id=OTHER, sha256="x", size=1)
        with pytest.raises(TenantError, match="row-level security"), database.unit(call) as unit:
            unit.session.connection().execute(statement)

    def test_changing_and_deleting_past_the_session_reach_only_the_own_rows(
        self, two, call, other_call
    ):
        with two.unit(call) as unit:
            connection = unit.session.connection()
            assert connection.execute(update(table).values(name="x")).rowcount == 1
            assert connection.execute(delete(table)).rowcount == 1
        assert names(two, other_call) == {"other": f"of {OTHER}"}

    def test_the_institution_of_a_unit_ends_with_it(self, two, call):
        with two.unit(call):
            pass
        with two.engine.connect() as connection:
            setting = connection.scalar(text("SELECT current_setting('bloop.institution', true)"))
            assert setting in {None, ""}
            assert connection.scalar(select(func.count()).select_from(table)) == 0


def insert_anything(database, model, owner):
    """Insert a row with some value in each column, as the superuser would: nothing is checked."""
    from sqlalchemy.pool import NullPool

    from bloop.store.database import open_engine

    samples = {"VARCHAR": "'x'", "TEXT": "'x'", "JSON": "'{}'", "BOOLEAN": "true", "BYTEA": "'x'"}
    columns, values = [], []
    for column in model.__table__.columns:
        if column.identity is not None:
            continue
        kind = str(column.type.compile(dialect=postgresql.dialect())).partition("(")[0]
        columns.append(f'"{column.name}"')
        sample = "now()" if kind.startswith(("TIMESTAMP", "DATE")) else samples.get(kind, "1")
        sample = "'{}'" if kind in {"JSON", "JSONB"} else sample
        values.append(f"'{owner}'" if column.name == "institution_id" else sample)
    statement = (
        f"INSERT INTO {model.__tablename__} ({', '.join(columns)}) VALUES ({', '.join(values)})"
    )
    with open_engine(database.owner_url, pool=NullPool).begin() as connection:
        connection.execute(text("SELECT set_config('bloop.institution', '*', true)"))
        for constraint in connection.execute(CONSTRAINTS, {"name": model.__tablename__}).all():
            connection.execute(
                text(f"ALTER TABLE {model.__tablename__} DROP CONSTRAINT {constraint[0]}")
            )
        connection.execute(text(statement))


CONSTRAINTS = text(
    "SELECT conname FROM pg_constraint"
    " WHERE contype IN ('c', 'f') AND conrelid = CAST(:name AS regclass)"
)
