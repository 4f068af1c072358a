"""A hub's database comes over whole, to the other kind of database and back."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import inspect, select, text

from bloop.content.models import Item
from bloop.content.search.models import SearchDocument
from bloop.kernel.models import InstitutionPlugin
from bloop.kernel.own_settings import Owner
from bloop.ops import copying
from bloop.ops.copying import rows
from bloop.store import migrate
from bloop.store.audit.anchors import Anchors
from bloop.store.audit.keeping import anchor
from bloop.store.audit.verifying import verify as verify_audit
from bloop.store.database import Database
from bloop.store.models import Blob, MasterKey
from tests.ops.copying.conftest import holds, move
from tests.ops.left import EVERYBODY, SECRETS
from tests.support.database import HOME, OTHER, make_call


def test_every_row_of_every_table_comes_over(source, target):
    before = holds(source)
    report = move(source, target)
    assert holds(source) == before
    assert holds(target) == before
    assert report.same
    assert {table.name: table.source.rows for table in report.tables} == {
        name: len(found) for name, found in before.items()
    }
    assert sum(map(len, before.values())) > 50
    assert {"tiny_order", "tiny_line", "bloop_version_tiny", "bloop_version_core"} <= before.keys()


@pytest.mark.parametrize("hub", ["sqlite"], indirect=True)
def test_there_and_back_gives_the_same_file(source, make_target):
    there, back = make_target("postgresql"), make_target("sqlite")
    went, came = move(source, there), move(there, back)
    assert [table.source for table in went.tables] == [table.source for table in came.tables]
    assert raw(back) == raw(source)


def raw(database):
    """What a SQLite file holds, as it lies there: JSON alone may be written differently."""
    import json

    connection = sqlite3.connect(database.url.database)
    schema = sorted(
        row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL")
    )
    found = {"schema": [line for line in schema if "tiny" not in line]}
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
        shape = connection.execute(f'PRAGMA table_info("{name}")').fetchall()
        is_json = [column[2] == "JSON" for column in shape]
        found[name] = sorted(
            repr(
                [
                    json.dumps(json.loads(str(value)), sort_keys=True) if js and value else value
                    for js, value in zip(is_json, row, strict=True)
                ]
            )
            for row in connection.execute(f'SELECT * FROM "{name}"')
        )
    connection.close()
    assert found["sqlite_sequence"]
    return found


FINDS = {
    "sqlite": "SELECT count(*) FROM search_fts WHERE search_fts MATCH 'titration'",
    "postgresql": "SELECT count(*) FROM search_vector WHERE vector @@ 'titration'::tsquery",
}


def test_what_was_found_is_found_in_the_copy(source, target):
    with source.unit(EVERYBODY) as unit:
        item = unit.session.scalars(select(Item).limit(1)).one()
        document = SearchDocument(
            institution_id=item.institution_id,
            id=item.id,
            container_id=item.container_id,
            kind=item.kind,
            tenant=item.institution_id.replace("-", ""),
            title="Titration",
            text="Drop by drop",
            own=12,
            version=1,
            analyser=1,
        )
        unit.session.add(document)

    move(source, target)

    with migrate.owning(target) as connection:
        assert connection.scalar(text(FINDS[target.dialect])) == 1


def test_secrets_are_carried_and_open_with_the_same_keys(source, target):
    move(source, target)
    with target.unit(make_call(HOME)) as unit:
        sealed = unit.session.get(InstitutionPlugin, (HOME, "tiny")).secrets
        known = unit.session.get(MasterKey, 1)
    source.ring.check(known.version, known.proof)
    assert source.ring.open(sealed, Owner(HOME, "tiny").place) == SECRETS


def test_between_two_databases_of_a_kind(source, make_target):
    target = make_target(source.dialect)
    assert move(source, target).same
    assert holds(target) == holds(source)


@pytest.mark.parametrize("hub", ["sqlite"], indirect=True)
def test_nothing_is_written_to_the_source_and_nobody_else_may(source, target):
    path = Path(source.url.database)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    refused = []

    def told(doing, done, total):
        if not refused:
            refused.append(write_refused(path))

    move(source, target, told=told)
    assert refused
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def write_refused(path):
    writer = sqlite3.connect(path, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked") as err:
        writer.execute("UPDATE institution SET name = 'x'")
    writer.close()
    return err


@pytest.mark.parametrize("hub", ["postgresql"], indirect=True)
def test_nobody_writes_to_the_source_on_postgresql_meanwhile(source, target):
    refused = []

    def told(doing, done, total):
        if not refused:
            with source.engine.begin() as connection:
                connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
                with pytest.raises(Exception, match="lock timeout") as err:
                    connection.execute(text("DELETE FROM login_session"))
                connection.rollback()
            refused.append(err)

    move(source, target, told=told)
    assert refused


@pytest.mark.parametrize("hub", ["sqlite"], indirect=True)
class TestOnPostgres:
    """What is peculiar to a target on PostgreSQL."""

    def constraints(self, database):
        with migrate.owning(database) as connection:
            return sorted(
                tuple(row)
                for row in connection.execute(
                    text(
                        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
                        " FROM pg_constraint WHERE connamespace = current_schema()::regnamespace"
                    )
                )
                if "tiny" not in row[0]
            )

    def test_the_tables_are_those_of_a_fresh_database(self, source, target, make_target):
        fresh = make_target("postgresql")
        migrate.upgrade_core(fresh)
        move(source, target)
        found = self.constraints(target)
        assert found == self.constraints(fresh)
        assert sum(row[2].startswith("FOREIGN KEY") for row in found) > 10

    def test_tables_of_a_plugin_that_is_gone_keep_their_keys(self, source, target):
        move(source, target)
        with migrate.owning(target) as connection:
            inspector = inspect(connection)
            assert inspector.get_pk_constraint("tiny_order")["constrained_columns"] == ["id"]
            (key,) = inspector.get_foreign_keys("tiny_line")
            assert (key["constrained_columns"], key["referred_table"]) == (["parent"], "tiny_order")

    def test_the_serving_role_may_what_it_may_elsewhere(self, source, target):
        move(source, target)
        with target.engine.connect() as connection:
            for name in ("blob", "outbox_event", "tiny_order"):
                assert connection.scalar(text(f"SELECT count(*) FROM {name}")) == 0
        for home, count in ((HOME, 1), (OTHER, 1)):
            with target.engine.begin() as connection:
                connection.execute(
                    text("SELECT set_config('bloop.institution', :home, true)"), {"home": home}
                )
                assert connection.scalar(text("SELECT count(*) FROM tiny_order")) == count
        for statement in ("DELETE FROM audit_line", "DELETE FROM bloop_version_core"):
            with (
                target.engine.connect() as connection,
                pytest.raises(Exception, match="permission denied"),
            ):
                connection.execute(text(statement))

    def test_a_unit_of_the_hub_writes_on(self, source, target):
        move(source, target)
        with target.unit(make_call(HOME)) as unit:
            unit.audit.append("a", "b")
            unit.outbox.append("t.happened", "a:1", {})
            unit.session.add(Blob(institution_id=HOME, sha256="x" * 64, size=1))

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (
                "UPDATE person SET name = 'a' || char(0) || 'b' WHERE rowid = 1",
                r"person, row institution_id=.*, id=.*, column name: holds a NUL character",
            ),
            (
                'UPDATE person SET raw = \'{"a": "\\u0000"}\' WHERE rowid = 1',
                r"person, row .*, column raw: PostgreSQL refuses it: .*u0000",
            ),
            (
                "UPDATE person SET raw = 'NaN' WHERE rowid = 1",
                r"person, row .*, column raw: PostgreSQL refuses it: .*NaN",
            ),
            (
                "UPDATE person SET row_version = 3000000000 WHERE rowid = 1",
                r"person, row .*, column row_version: PostgreSQL refuses it: .*out of range",
            ),
            (
                "UPDATE person SET created_at = 'soon' WHERE rowid = 1",
                r"person, row .*, column created_at: Invalid isoformat string",
            ),
            (
                f"UPDATE person SET login = '{'x' * 256}' WHERE rowid = 1",
                r"person, row .*, column login: PostgreSQL refuses it: value too long",
            ),
        ],
        ids=["NUL", "NUL in JSON", "no JSON", "number", "time", "length"],
    )
    def test_what_postgresql_refuses_is_told_with_its_place(self, source, target, change, told):
        with sqlite3.connect(source.url.database) as connection:
            assert connection.execute(change).rowcount == 1
        with pytest.raises(Exception, match=told) as err:
            move(source, target)
        assert err.value.cure
        with pytest.raises(Exception, match="unfinished copy"):
            migrate.status(target)


def test_numbers_that_were_given_are_never_given_again(source, target):
    """The newest rows are gone, as after a purge: a consumer's position may be beyond the rest."""
    with migrate.owning(source) as connection:
        newest = connection.scalar(text("SELECT max(seq) FROM outbox_event"))
        connection.execute(text("DELETE FROM outbox_event WHERE seq > :seq"), {"seq": newest - 3})
    move(source, target)
    for database in (source, target):
        with database.unit(make_call(HOME)) as unit:
            unit.outbox.append("t.happened", "new:1", {})
            unit.audit.append("a", "b")
        with migrate.owning(database) as connection:
            assert connection.scalar(text("SELECT max(seq) FROM outbox_event")) == newest + 1
            of_home = "FROM audit_line WHERE institution_id = :home"
            count, largest = (
                connection.scalar(text(f"SELECT {what} {of_home}"), {"home": HOME})
                for what in ("count(*)", "max(seq)")
            )
            assert count == largest


def test_the_audit_is_as_whole_as_before_and_goes_on(source, target, tmp_path):
    anchors = Anchors(tmp_path / "audit")
    for number in range(3):
        with source.unit(make_call(HOME)) as unit:
            unit.audit.append("a", f"b:{number}", {"f": 0.25, "n": number}, personal={"at": "x"})
    anchor(source, anchors, EVERYBODY, [HOME])
    move(source, target)
    with target.unit(make_call(HOME)) as unit:
        unit.audit.append("a", "b:after")
    lines = [verify_audit(one, anchors, EVERYBODY) for one in (source, target)]
    assert [report.faults for report in lines] == [[], []]
    assert lines[1].lines == lines[0].lines + 1


def test_batches_may_be_of_any_size(source, target, monkeypatch):
    monkeypatch.setattr(rows, "BATCH_ROWS", 3)
    told = []
    report = move(source, target, told=lambda *now: told.append(now))
    assert report.same
    total = sum(table.source.rows for table in report.tables)
    assert ("comparing", 2 * total, 2 * total) in told
    assert [done for doing, done, _ in told if doing.startswith("copying")][-1] == total


def test_verify_finds_one_changed_value(source, target):
    move(source, target)
    assert copying.verify(source, target).same
    with target.unit(EVERYBODY) as unit:
        unit.session.add(Blob(institution_id=HOME, sha256="y" * 64, size=1))
    found = copying.verify(source, target)
    assert [table.name for table in found.tables if not table.same] == ["blob"]
    with migrate.owning(target) as connection:
        connection.execute(text("DELETE FROM blob WHERE size = 1"))
        connection.execute(text("UPDATE tiny_line SET parent = NULL"))
    found = copying.verify(source, target)
    assert [table.name for table in found.tables if not table.same] == ["tiny_line"]
    assert found.as_dict()["verified"] is False


def test_a_copy_that_differs_is_not_handed_over(source, target):
    """Somebody else writes into the target while it is compared."""

    def told(doing, done, total):
        if doing == "comparing" and done == 0:
            return
        if doing.startswith("copying tiny_order"):
            with migrate.owning(Database(*urls(target))) as connection:
                connection.execute(text("UPDATE institution SET name = 'x'"))
                connection.execute(text("DELETE FROM blob"))

    report = move(source, target, told=told)
    assert [table.name for table in report.tables if not table.same] == ["blob"]
    with pytest.raises(Exception, match="unfinished copy"):
        migrate.status(target)
    assert move(source, target, again=True).same
    migrate.status(target)


def urls(database):
    return [url.render_as_string(hide_password=False) for url in (database.url, database.owner_url)]
