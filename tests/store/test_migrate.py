"""Migrations: the models and the migrated tables agree, and no owner stands in another's way."""

import sys
import textwrap

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, ForeignKey, MetaData, String, Table, func, inspect, select, text
from sqlalchemy.orm import mapped_column
from sqlalchemy.pool import NullPool

from bloop.store import migrate
from bloop.store.database import Database, open_engine
from bloop.store.derived import is_derived
from bloop.store.errors import MigrationError, StoreError
from bloop.store.migrate import CORE_VERSIONS, Version, status, upgrade_core, upgrade_plugin
from bloop.store.models import Base, Blob, Tenant
from bloop.tables import core_metadata
from bloop_sdk import FatalError
from bloop_sdk.tables import ID, plugin_base
from tests.support.database import HOME
from tests.support.forking import forking


def owner_engine(database):
    return open_engine(database.owner_url, pool=NullPool)


def only_ours(name, kind, parents):
    return not (kind == "table" and (is_derived(name) or name.startswith("bloop_version_")))


def test_the_models_and_the_migrated_tables_agree(database):
    with owner_engine(database).connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": only_ours, "compare_type": True},
        )
        assert compare_metadata(context, core_metadata()) == []


def test_the_head_by_file_names_is_the_one_that_alembic_finds():
    script = ScriptDirectory(CORE_VERSIONS, version_locations=[CORE_VERSIONS])
    assert migrate.head_of(CORE_VERSIONS) == script.get_current_head()


def test_status_tells_what_an_upgrade_would_do(empty_database):
    (before,) = status(empty_database)
    assert before.current is None
    assert before.pending
    after = upgrade_core(empty_database)
    assert status(empty_database) == [after]
    assert not after.pending


def test_an_upgrade_without_work_changes_nothing(database):
    before = status(database)
    upgrade_core(database)
    assert status(database) == before


def upgrade_in_a_process(urls, results):
    try:
        results.put(str(upgrade_core(Database(*urls))))
    except BaseException as err:  # noqa: BLE001 - the parent wants to see it
        results.put(repr(err))


def test_processes_that_upgrade_at_once_do_it_once(empty_database):
    urls = [
        url.render_as_string(hide_password=False)
        for url in (empty_database.url, empty_database.owner_url)
    ]
    context = forking()
    results = context.Queue()
    processes = [
        context.Process(target=upgrade_in_a_process, args=(urls, results)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    found = [results.get(timeout=110) for _ in processes]
    for process in processes:
        process.join()
    (now,) = status(empty_database)
    assert found == [str(now)] * 2


PLUGIN = """
from alembic import op
import sqlalchemy as sa
revision = "{number}"
down_revision = {down!r}
def upgrade():
    {upgrade}
"""

TABLE = """op.create_table(
        "{name}",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("institution_id", sa.String(36), nullable=False),
    )"""


def write_version(folder, number, upgrade, down=None):
    migrations = folder / "tiny_shop" / "migrations"
    migrations.mkdir(parents=True, exist_ok=True)
    (folder / "tiny_shop" / "__init__.py").write_text("raise RuntimeError('imported')")
    (migrations / f"{number}_change.py").write_text(
        PLUGIN.format(number=number, down=down, upgrade=upgrade)
    )


def shop_tables(plugin_id="shop", name="shop_order"):
    base = plugin_base(plugin_id)
    type("Order", (base,), {"__tablename__": name, "id": mapped_column(ID, primary_key=True)})
    return base.metadata


@pytest.fixture
def shop(tmp_path, monkeypatch):
    write_version(tmp_path, "0001", TABLE.format(name="shop_order"))
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_plugins_tables_have_a_version_of_their_own(database, shop):
    known = {"shop": "tiny_shop.migrations"}
    assert status(database, known)[1] == Version("shop", None, "0001")
    upgrade_plugin(database, "shop", shop_tables(), "tiny_shop.migrations")
    assert status(database, known)[1] == Version("shop", "0001", "0001")
    assert "tiny_shop" not in sys.modules


def test_a_plugin_that_was_removed_does_not_stand_in_the_cores_way(
    empty_database, shop, tmp_path, monkeypatch
):
    upgrade_core(empty_database)
    upgrade_plugin(empty_database, "shop", shop_tables(), "tiny_shop.migrations")
    monkeypatch.undo()
    newer = tmp_path / "newer"
    newer.mkdir()
    for path in CORE_VERSIONS.glob("*.py"):
        (newer / path.name).write_text(path.read_text())
    head = migrate.head_of(CORE_VERSIONS)
    (newer / "9999_more.py").write_text(
        PLUGIN.format(number="9999", down=head, upgrade=TABLE.format(name="one_more"))
    )
    monkeypatch.setattr(migrate, "CORE_VERSIONS", newer)
    upgrade_core(empty_database)
    core, left = status(empty_database)
    assert core.current == "9999"
    assert left == Version("shop", "0001", None)
    assert inspect(owner_engine(empty_database)).has_table("shop_order")


def test_a_version_that_fails_leaves_the_old_one(database, shop):
    upgrade_plugin(database, "shop", shop_tables(), "tiny_shop.migrations")
    broken = TABLE.format(name="shop_item") + "\n    op.execute('SELECT nonsense FROM nowhere')"
    write_version(shop, "0002", broken, down="0001")
    with pytest.raises(MigrationError, match=r"shop to 0002 failed, they stay at 0001: .*nowhere"):
        upgrade_plugin(database, "shop", shop_tables(), "tiny_shop.migrations")
    assert status(database, {"shop": "tiny_shop.migrations"})[1].current == "0001"
    assert not inspect(owner_engine(database)).has_table("shop_item")


@pytest.mark.parametrize("name", ["order", "job_order", "item"])
def test_a_plugins_version_may_not_make_tables_of_another_name(database, shop, name):
    write_version(shop, "0001", TABLE.format(name=f"{name}_x"))
    with pytest.raises(MigrationError, match=f"{name}_x are not of the plugin shop"):
        upgrade_plugin(database, "shop", shop_tables(), "tiny_shop.migrations")
    assert len(status(database)) == 1


def test_a_plugin_may_not_take_the_cores_prefix(database, shop):
    write_version(shop, "0001", TABLE.format(name="plugin_order"))
    with pytest.raises(MigrationError, match=r"plugin_state.* are not of the plugin plugin"):
        upgrade_plugin(
            database, "plugin", shop_tables("plugin", "plugin_order"), "tiny_shop.migrations"
        )


def test_of_two_plugins_with_one_prefix_the_longer_name_owns(database, shop):
    upgrade_plugin(database, "shop", shop_tables(), "tiny_shop.migrations")
    write_version(shop, "0001", TABLE.format(name="shop_gifts_card"))
    tables = shop_tables("shop_gifts", "shop_gifts_card")
    upgrade_plugin(database, "shop_gifts", tables, "tiny_shop.migrations")
    write_version(shop, "0002", "op.drop_table('shop_gifts_card')", down="0001")
    with pytest.raises(MigrationError, match="shop_gifts_card are not of the plugin shop"):
        upgrade_plugin(database, "shop", shop_tables(), "tiny_shop.migrations")


def test_a_database_of_a_newer_release_is_left_alone(database):
    with owner_engine(database).begin() as connection:
        connection.execute(text("UPDATE bloop_version_core SET version_num = '9998'"))
    assert status(database)[0].ahead
    with pytest.raises(MigrationError, match="at version 9998, this code knows"):
        upgrade_core(database)


def test_rows_survive_the_rebuilding_of_a_table_that_others_refer_to(
    database, tmp_path, monkeypatch
):
    with owner_engine(database).begin() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("SELECT set_config('bloop.institution', '*', true)"))
        columns = (
            "id, kind, host, pid, workers, queues, master_keys, generation, started_at, beat_at"
        )
        process = f"INSERT INTO hub_process ({columns})"
        now = "'2026-01-01T00:00:00.000000Z'"
        connection.execute(
            text(f"{process} VALUES ('p', 'api', 'h', 1, 0, '[]', '[]', 'g', {now}, {now})")
        )
        state = "INSERT INTO plugin_state (process_id, plugin_id, state, recoverable, since)"
        connection.execute(text(f"{state} VALUES ('p', 'x', 'ready', true, {now})"))
    newer = tmp_path / "newer"
    newer.mkdir()
    for path in CORE_VERSIONS.glob("*.py"):
        (newer / path.name).write_text(path.read_text())
    rebuild = textwrap.dedent("""
        with op.batch_alter_table("hub_process", recreate="auto") as batch:
            batch.alter_column("kind", type_=sa.String(30))""")
    head = migrate.head_of(CORE_VERSIONS)
    (newer / "9999_wider.py").write_text(
        PLUGIN.format(number="9999", down=head, upgrade=textwrap.indent(rebuild, "    "))
    )
    monkeypatch.setattr(migrate, "CORE_VERSIONS", newer)
    upgrade_core(database)
    with owner_engine(database).connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM plugin_state")) == 1


def without_institution():
    metadata = MetaData()
    Table("shop_order", metadata, Column("id", String(36), primary_key=True))
    return metadata


def pointing_at(target):
    base = plugin_base("shop")
    columns = {"id": mapped_column(ID, primary_key=True)}
    type("Order", (base,), {"__tablename__": "shop_order", **columns})
    columns = {
        "id": mapped_column(ID, primary_key=True),
        "other": mapped_column(ForeignKey(target)),
    }
    type("Line", (base,), {"__tablename__": "shop_line", **columns})
    return base.metadata


@pytest.mark.parametrize(
    ("tables", "fault"),
    [
        (lambda: shop_tables(name="order"), "order: name it shop_order"),
        (without_institution, "derive from plugin_base"),
        (
            lambda: pointing_at("account_user.id"),
            "refers to account_user, which is not the plugin's",
        ),
        (lambda: pointing_at("shop_order.id"), "refers to shop_order without institution_id"),
    ],
)
def test_tables_that_break_a_rule_are_refused_before_anything_happens(
    empty_database, tables, fault
):
    with pytest.raises(FatalError, match=fault):
        upgrade_plugin(empty_database, "shop", tables(), "nowhere")


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_a_version_that_leaves_rows_pointing_at_nothing_is_taken_back(database, shop):
    now = "'2026-01-01T00:00:00.000000Z'"
    with owner_engine(database).begin() as connection:
        columns = (
            "id, kind, host, pid, workers, queues, master_keys, generation, started_at, beat_at"
        )
        process = f"INSERT INTO hub_process ({columns})"
        connection.execute(
            text(f"{process} VALUES ('p', 'api', 'h', 1, 0, '[]', '[]', 'g', {now}, {now})")
        )
        state = "INSERT INTO plugin_state (process_id, plugin_id, state, recoverable, since)"
        connection.execute(text(f"{state} VALUES ('p', 'x', 'ready', true, {now})"))
    write_version(shop, "0001", "op.execute('DELETE FROM hub_process')")
    with pytest.raises(MigrationError, match="rows of plugin_state would refer to missing rows"):
        upgrade_plugin(database, "shop", shop_tables(), "tiny_shop.migrations")
    with owner_engine(database).connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM hub_process")) == 1


def test_versions_that_are_not_there_are_said(database, shop):
    with pytest.raises(MigrationError, match=r"nowhere\.migrations.* is not installed"):
        status(database, {"shop": "nowhere.migrations"})
    for path in (shop / "tiny_shop" / "migrations").iterdir():
        path.unlink()
    with pytest.raises(MigrationError, match="no versions"):
        status(database, {"shop": "tiny_shop.migrations"})


def test_the_status_of_a_server_that_is_not_there_is_said(free_port):
    database = Database(f"postgresql+psycopg://bloop_app@127.0.0.1:{free_port}/none")
    with pytest.raises(StoreError, match="cannot be reached"):
        status(database)
    database.close_now()


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
def test_a_hub_with_one_role_for_all_is_guarded_too(database, call, other_call):
    one_role = Database(database.owner_url.render_as_string(hide_password=False))
    upgrade_core(one_role)
    with one_role.unit(call) as unit:
        unit.session.add(Blob(institution_id=HOME, sha256="x", size=1))
    with one_role.unit(other_call) as unit:
        count = select(func.count()).select_from(Blob.__table__)
        assert unit.session.connection().scalar(count) == 0
    one_role.close_now()


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
class TestPostgresRights:
    """What the serving role may do, looked up in the catalogue."""

    def guarded(self, database):
        with owner_engine(database).connect() as connection:
            return set(
                connection.scalars(
                    text(
                        "SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid"
                        " WHERE relrowsecurity AND relforcerowsecurity"
                    )
                )
            )

    def test_every_table_of_institutions_is_guarded(self, database):
        tenants = {
            mapper.class_.__tablename__
            for mapper in core_models()
            if issubclass(mapper.class_, Tenant)
        }
        assert len(tenants) > 5
        assert self.guarded(database) == tenants

    def test_each_guarded_table_shows_nothing_before_the_institution_is_set(self, database):
        for name in self.guarded(database):
            with database.engine.connect() as connection:
                assert connection.scalar(text(f"SELECT count(*) FROM {name}")) == 0

    def test_a_plugins_table_is_guarded_and_usable(self, database, shop):
        upgrade_plugin(database, "shop", shop_tables(), "tiny_shop.migrations")
        assert "shop_order" in self.guarded(database)
        with database.engine.connect() as connection, connection.begin():
            insert = text("INSERT INTO shop_order (id, institution_id) VALUES ('1', :home)")
            connection.execute(
                text("SELECT set_config('bloop.institution', :home, true)"), {"home": HOME}
            )
            connection.execute(insert, {"home": HOME})

    def test_the_serving_role_owns_nothing_and_is_no_superuser(self, database):
        with database.engine.connect() as connection:
            role = connection.execute(
                text(
                    "SELECT rolsuper, rolbypassrls, (SELECT count(*) FROM pg_class"
                    " WHERE relowner = pg_roles.oid) FROM pg_roles WHERE rolname = current_user"
                )
            ).one()
        assert tuple(role) == (False, False, 0)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit_line SET actor = 'x'",
            "DELETE FROM audit_line",
            "UPDATE bloop_version_core SET version_num = '0'",
            "CREATE TABLE mine (id int)",
            "ALTER TABLE job DISABLE ROW LEVEL SECURITY",
        ],
    )
    def test_the_serving_role_may_not(self, database, statement):
        with (
            database.engine.connect() as connection,
            pytest.raises(Exception, match=r"permission denied|must be owner"),
        ):
            connection.execute(text(statement))


def core_models():
    core_metadata()
    return Base.registry.mappers
