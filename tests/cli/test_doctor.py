"""`bloop doctor`: what keeps the hub from its work, and that nothing of its try stays."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from bloop.store.database import Database
from tests.support.database import make_system_call


def values(url):
    database = Database(url)
    with database.unit(make_system_call()) as unit:
        found = unit.session.connection().execute(text("SELECT count(*) FROM plugin_value"))
        number = found.scalar_one()
    database.close_now()
    return number


def test_a_hub_that_is_well_passes_each_check(hub_folder, bloop, database_urls):
    said = bloop("doctor", "--json")
    lines = {line["name"]: line for line in said.json["items"]}
    assert said.code == 0 and {"database", "migrations", "disk"} <= lines.keys()
    assert lines["database"]["ok"] is lines["migrations"]["ok"] is True
    assert "✓ database" in bloop("doctor").out
    assert values(database_urls[0]) == 0


def test_a_folder_without_a_hub_is_told_so(folder, bloop):
    said = bloop("doctor")
    assert said.code == 1 and "bloop init" in said.err


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_a_database_that_is_damaged_or_no_database_is_named(
    hub_folder, bloop, database_urls, tmp_path
):
    (tmp_path / "bloop.db").write_bytes(b"no database at all " * 1000)
    for name in ("bloop.db-wal", "bloop.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    said = bloop("doctor")
    assert said.code == 1 and "damaged" in said.err and "backup" in said.err
