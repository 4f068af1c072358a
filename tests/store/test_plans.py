"""Every registered read that runs in the event loop seeks by an index."""

import importlib
import re
import sqlite3
from pathlib import Path

import pytest

import bloop
from bloop.store.statements import REGISTRY

HERE = Path(bloop.__file__).parent
for queries in sorted(HERE.rglob("*queries.py")):
    importlib.import_module(".".join(("bloop", *queries.relative_to(HERE).with_suffix("").parts)))
importlib.import_module("bloop.store.values")

NAMES = sorted(name for name in REGISTRY if not name.startswith("tests."))
OF_POSTGRESQL = {
    "events.horizon",
    "content.search_near_in_tsvector",
    "content.search_postgresql_drafts",
    "content.search_postgresql_shown",
}
"""They ask for what only PostgreSQL has: transactions that commit in another order, tsvector."""

# Constants, results of a part of the statement, JSON arrays that were passed in, and the tables of
# which a hub has a handful of rows.
HARMLESS = re.compile(
    r"SCAN (CONSTANT ROW|\(?(sub|anon|recursive)\w*|\w+ VIRTUAL TABLE|json_each"
    r"|institution\b|bootstrap_link\b|signing_key\b)"
)


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_each_read_has_a_plan_without_a_scan(database, tmp_path):
    assert NAMES, "no domain has registered a read"
    connection = sqlite3.connect(tmp_path / "bloop.db")
    scans = {}
    for name in set(NAMES) - OF_POSTGRESQL:
        statement = REGISTRY[name]
        compiled = statement.compiled("sqlite")
        values = dict.fromkeys(statement.parameters, 1) | dict(compiled.constants)
        plan = connection.execute(f"EXPLAIN QUERY PLAN {compiled.sql}", values).fetchall()
        scans[name] = [
            step for *_, step in plan if step.startswith("SCAN") and not HARMLESS.match(step)
        ]
    connection.close()
    found = {name: steps for name, steps in scans.items() if steps and not REGISTRY[name].heavy}
    assert found == {}, "add an index, or register it as heavy"


def test_each_read_is_named_for_its_domain():
    for name in NAMES:
        domain, _, rest = name.partition(".")
        assert (HERE / domain).is_dir(), name
        assert rest, name
