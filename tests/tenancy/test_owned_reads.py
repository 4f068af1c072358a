"""Every registered read of what may have an owner asks whose it is, or says why it does not."""

from __future__ import annotations

import importlib
from pathlib import Path

from sqlalchemy import Column
from sqlalchemy.sql import visitors

import bloop
from bloop.store.statements import REGISTRY
from bloop.tables import core_metadata
from tests.support.owned import owned_tables

HERE = Path(bloop.__file__).parent
for file in sorted(HERE.rglob("*.py")):
    if "store.statements import" in (text := file.read_text("utf-8")) and "register(" in text:
        importlib.import_module(".".join(("bloop", *file.relative_to(HERE).with_suffix("").parts)))

READS = {name: one for name, one in REGISTRY.items() if not name.startswith("tests.")}


def tables_of(statement):
    found = set()
    for part in visitors.iterate(statement.select):
        if isinstance(part, Column) and part.table is not None:
            # A part of a statement has no name; the columns that it is made of come by themselves.
            found.add(getattr(getattr(part.table, "element", part.table), "name", ""))
    return found


def test_what_lies_below_an_owner_is_known():
    found = owned_tables(core_metadata())
    assert {"container", "connection", "job"} <= found
    assert {"item", "node", "content_version", "search_document", "unsent"} <= found
    assert {"note_conflict", "quarantine", "sync_run", "sync_cursor", "sync_seen"} <= found
    assert "account_user" not in found
    assert "outbox_event" not in found


def test_each_read_asks_whose_it_is_or_says_why_not():
    owned = owned_tables(core_metadata())
    about = {name for name, one in READS.items() if tables_of(one) & owned}
    asking = {name for name, one in READS.items() if "reader" in one.parameters}
    excused = {name for name, one in READS.items() if one.whole}
    assert about - asking - excused == set(), "hold it to `reachable`, or say `whole`"
    assert excused & asking == set(), "it asks, and needs no excuse"
    assert excused <= about, "it reads nothing that has an owner"
    assert len(asking) > 40


def test_an_excuse_is_a_sentence():
    assert all(len(one.whole.split()) > 3 for one in READS.values() if one.whole)
