"""What a copy refuses, and what is to be done about it."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import text, update

from bloop.kernel.models import HubProcess
from bloop.store import migrate
from bloop.store.errors import ConflictError, MigrationError, StoreError
from bloop.store.models import Blob
from bloop.store.types import utcnow
from tests.ops.copying.conftest import holds, move
from tests.ops.left import EVERYBODY
from tests.support.database import HOME, make_call


class Interrupted(Exception):  # noqa: N818 - it is what a kill would be
    """The copy ends here."""


def interrupt(*_):
    raise Interrupted


def test_a_target_that_holds_a_hub_is_left_alone(source, target):
    migrate.upgrade_core(target)
    before = holds(target)
    with pytest.raises(ConflictError, match="holds a hub already") as err:
        move(source, target)
    assert "empty database" in err.value.cure
    with pytest.raises(ConflictError, match="holds a hub already"):
        move(source, target, again=True)
    assert holds(target) == before


def test_a_finished_copy_is_not_copied_into_again(source, target):
    move(source, target)
    with pytest.raises(ConflictError, match="holds a hub already"):
        move(source, target)


def test_a_hub_is_not_copied_onto_itself(source):
    with pytest.raises(ConflictError, match="own database"):
        move(source, source)


def test_a_hub_is_not_copied_while_it_runs(source, target):
    with source.unit(EVERYBODY) as unit:
        unit.session.execute(update(HubProcess).values(beat_at=utcnow()))
    with pytest.raises(ConflictError, match=r"the hub runs: process 1 \(api\) on old") as err:
        move(source, target)
    assert "stop it" in err.value.cure
    with migrate.owning(target) as connection:
        assert not {n for n in migrate.table_names(connection) if not n.startswith("sqlite_")}


@pytest.mark.parametrize("hub", ["postgresql"], indirect=True)
def test_a_writer_that_does_not_end_is_told(source, target, monkeypatch):
    from bloop.ops.copying import sources

    monkeypatch.setattr(sources, "LOCK_TIMEOUT", "100ms")
    with source.unit(make_call(HOME)) as unit:
        unit.session.add(Blob(institution_id=HOME, sha256="x", size=1))
        unit.session.flush()
        with pytest.raises(ConflictError, match="somebody writes") as err:
            move(source, target)
    assert "stop every process" in err.value.cure


def test_an_unfinished_copy_of_something_else_is_not_gone_on_with(source, target):
    with pytest.raises(Interrupted):
        move(source, target, told=interrupt)
    with source.unit(make_call(HOME)) as unit:
        unit.audit.append("a", "b")
    with pytest.raises(ConflictError, match="has changed") as err:
        move(source, target)
    assert "--restart" in err.value.cure
    assert move(source, target, again=True).same


def test_neither_hub_nor_upgrade_nor_copy_takes_an_unfinished_copy(source, target, make_target):
    with pytest.raises(Interrupted):
        move(source, target, told=interrupt)
    for use in (
        migrate.status,
        migrate.upgrade_core,
        lambda database: move(database, make_target()),
    ):
        with pytest.raises(Exception, match=r"unfinished copy|holds a hub") as err:
            use(target)
        assert err.value.cure


@pytest.mark.parametrize(("version", "cure"), [("0000", "db upgrade"), ("9998", "newer release")])
def test_tables_of_another_version_than_this_code_are_refused(source, target, version, cure):
    with migrate.owning(source) as connection:
        connection.execute(text(f"UPDATE bloop_version_core SET version_num = '{version}'"))
    with pytest.raises(MigrationError, match=f"at version {version}") as err:
        move(source, target)
    assert cure in err.value.cure


@pytest.mark.parametrize("hub", ["sqlite"], indirect=True)
def test_a_role_that_may_make_no_tables_is_told_what_to_give(source, postgres):
    from bloop.store.database import Database

    target = Database(postgres.app_url)
    with pytest.raises(StoreError) as err:
        move(source, target)
    assert "--owner-url" in err.value.cure
    target.close_now()


@pytest.mark.parametrize("hub", ["sqlite"], indirect=True)
def test_tables_that_are_not_the_hubs_are_left_out_and_named(source, target):
    with sqlite3.connect(source.url.database) as connection:
        connection.execute("CREATE TABLE somebodys (id INTEGER PRIMARY KEY)")
    report = move(source, target)
    assert report.left_out == ("somebodys",)
    assert report.same
