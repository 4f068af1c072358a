"""SQLite's log is copied into the file beside the commits, whoever reads meanwhile."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from bloop.store import log
from bloop.store.models import PluginValue

TEXT = "x" * 20_000

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)


@pytest.fixture
def file(database, monkeypatch):
    """The log's file, of a log that is full as soon as something stands in it."""
    monkeypatch.setattr(log, "FULL_BYTES", 1)
    return Path(f"{database.url.database}-wal")


def keep(database, call, key):
    with database.unit(call) as unit:
        value = PluginValue(
            institution_id=unit.institution, plugin_id="p", key=key, value={"text": TEXT}
        )
        unit.session.add(value)


def is_copied(database, keys):
    """Whether a copy of the file without its log holds all rows."""
    path = Path(database.url.database)
    alone = path.with_name("alone.db")
    alone.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(alone)) as connection:
        found = connection.execute("SELECT key FROM plugin_value ORDER BY key").fetchall()
    return [key for (key,) in found] == keys


def test_a_full_log_is_copied_and_written_over(database, call, file):
    keys = [f"{number:02}" for number in range(20)]
    for key in keys:
        keep(database, call, key)
        database._log.close()

    assert is_copied(database, keys)
    assert file.stat().st_size < len(keys) * len(TEXT) / 2


def test_a_log_that_grew_large_is_cut_off(database, call, file, monkeypatch):
    monkeypatch.setattr(log, "MOST_KEPT_BYTES", 1)
    keep(database, call, "a")
    database._log.close()

    assert file.stat().st_size == 0
    assert is_copied(database, ["a"])


def test_what_somebody_reads_is_left_until_they_let_go(database, call, file):
    with closing(sqlite3.connect(database.url.database)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM plugin_value").fetchall()
        keep(database, call, "a")
        database._log.close()
        assert not is_copied(database, ["a"])
        assert reader.execute("SELECT * FROM plugin_value").fetchall() == []

    keep(database, call, "b")
    database._log.close()
    assert is_copied(database, ["a", "b"])


def test_a_log_that_cannot_be_copied_breaks_no_commit(database, call, file, monkeypatch):
    def refused(*_args, **_options):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(log.sqlite3, "connect", refused)
    keep(database, call, "a")
    database._log.close()
    monkeypatch.undo()

    with database.reading(call) as unit:
        assert unit.session.get(PluginValue, (unit.institution, "p", "a")) is not None


def test_what_is_in_use_of_the_log_is_what_sqlite_says(database, call):
    def told():
        keep(database, call, str(time.monotonic_ns()))
        size = database._log._size()
        with closing(sqlite3.connect(database.url.database)) as other:
            _, frames, _ = other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            page = other.execute("PRAGMA page_size").fetchone()[0]
        return size, frames * (page + 24)

    keep(database, call, "first")
    sizes = [told() for _ in range(6)]
    assert [mine for mine, _ in sizes] == [sqlites for _, sqlites in sizes]
    assert len({mine for mine, _ in sizes}) < 6, "it was begun afresh"
