"""`bloop plugins purge`: what a plugin owns goes, and nothing else does."""

from __future__ import annotations

import os
import sys
from collections import Counter
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, update

from bloop.cli.main import main
from bloop.content import removal
from bloop.content.models import Container, Item, Node
from bloop.content.sync_models import SyncRun
from bloop.hub import Hub
from bloop.jobs.models import Job
from bloop.kernel.config import load
from bloop.kernel.models import (
    HubGeneration,
    HubProcess,
    PluginState,
)
from bloop.ops import purge_rows
from bloop.ops.purge import plan, purge
from bloop.store.errors import ConflictError, InvalidError, StoreError
from bloop.store.models import AuditLine, Blob, OutboxEvent
from bloop.store.types import utcnow
from bloop.tables import core_metadata
from tests.cli.conftest import Said
from tests.ops.left import EVERYBODY, HUB_TOML, counts, files
from tests.support.database import HOME, OTHER, make_call


def lost(before, after):
    return {
        name: count - after.get(name, 0)
        for name, count in before.items()
        if count != after.get(name, 0) or name not in after
    }


def planned(found, *, content):
    """What a plan says, by table."""
    by_what = {one["what"]: one["count"] for one in found["lines"]}
    expected = Counter(found["tables"])
    for one in purge_rows.OWNED:
        if one.content and not content:
            continue
        expected[one.model.__tablename__] += by_what.get(one.what, 0)
    return +expected


def as_lines(found):
    lines = [{"what": line.what, "count": line.count} for line in found.lines]
    return {"lines": lines, "tables": found.tables}


@pytest.mark.parametrize("content", [False, True], ids=["content stays", "content goes"])
def test_what_goes_is_what_the_dry_run_says_and_nothing_of_others(hub, content):
    before, blobs_before = counts(hub), files(hub)
    neighbour = plan(hub, "tiny_two")
    assert neighbour.lines
    said = plan(hub, "tiny", content=content)
    assert counts(hub) == before, "a plan changes nothing"
    went = purge(hub, "tiny", content=content)
    after = counts(hub)

    assert went == said
    gone = lost(before, after)
    written = {"audit_line": -1}
    if content:
        rows = sum(before[model.__tablename__] for model in removal.CONTENT) // 2
        written["outbox_event"] = -rows
        gone.pop("blob")
    assert gone == {**planned(as_lines(said), content=content), **written}
    assert all(count > 0 for count in planned(as_lines(said), content=content).values())
    assert said.tables == {"tiny_line": 1, "tiny_order": 2, "bloop_version_tiny": 1}
    # Both institutions' bytes are one file; "shared.txt" is the other plugin's, too.
    assert len(blobs_before) - len(files(hub)) == (3 if content else 2)

    assert plan(hub, "tiny_two") == neighbour
    assert not (hub.config.value.hub.data_dir / "plugins" / "tiny").exists()
    assert (hub.config.value.hub.data_dir / "plugins" / "tiny_two").exists()
    assert hub.config.path.read_text() == HUB_TOML.replace(
        "# The tiny one.\n[plugins.tiny]\nenabled = false\n\n", ""
    )
    again = Hub.open(hub.config.path, "cli")
    assert plan(again, "tiny").empty
    again.database.close_now()


def test_kept_content_is_read_as_before_and_belongs_to_nobody(hub):
    def content():
        with hub.database.unit(make_call(HOME)) as unit:
            return [
                (row.id, row.title, row.state, row.row_version)
                for model in (Container, Item, Node)
                for row in unit.session.scalars(select(model).order_by(model.id))
            ]

    before = content()
    assert before
    said = purge(hub, "tiny").as_dict()
    assert content() == before
    assert said["kept"] == {
        "versions of content": 2,
        "places": 6,
        "items": 8,
        "courses and notebooks": 2,
    }
    with hub.database.unit(EVERYBODY) as unit:
        assert unit.session.scalar(select(func.count()).where(Item.connection_id.is_(None))) == 8


@pytest.mark.parametrize("hub", ["postgresql"], indirect=True)
def test_without_the_owners_connection_nothing_goes_and_the_cure_is_told(hub, monkeypatch):
    monkeypatch.delenv("BLOOP_STORE__OWNER_URL")
    before = counts(hub)
    serving = Hub.open(hub.config.path, "cli")
    with pytest.raises(StoreError) as caught:
        purge(serving, "tiny")
    serving.database.close_now()
    assert "owner_url" in caught.value.cure
    assert counts(hub) == before


def test_events_tell_of_each_row_that_goes_in_its_institution(hub):
    with hub.database.unit(EVERYBODY) as unit:
        newest = unit.session.scalar(select(func.max(OutboxEvent.seq)))
    purge(hub, "tiny", content=True)
    with hub.database.unit(EVERYBODY) as unit:
        found = unit.session.execute(
            select(OutboxEvent.institution_id, OutboxEvent.topic).where(OutboxEvent.seq > newest)
        ).all()
        line = unit.session.scalars(
            select(AuditLine).where(AuditLine.action == "plugins:purge")
        ).one()
    assert Counter(found) == {
        (institution, f"content.{name}.deleted"): number
        for institution in (HOME, OTHER)
        for name, number in {"node": 3, "item": 4, "container": 1}.items()
    }
    assert (line.action, line.resource) == ("plugins:purge", "plugin:tiny")
    assert line.detail["removed"]["values"] == 4


def test_bytes_that_another_plugins_content_shows_stay(hub):
    with hub.database.unit(EVERYBODY) as unit:
        (shared,) = unit.session.scalars(
            select(Item.blob).where(Item.title == "shared.txt").distinct()
        )
    purge(hub, "tiny", content=True)
    assert hub.blobs.path(shared)
    with hub.database.unit(EVERYBODY) as unit:
        assert len(unit.session.scalars(select(Blob).where(Blob.sha256 == shared)).all()) == 2
    disable_two(hub)
    purge(hub, "tiny_two", content=True)
    assert files(hub) == []


def disable_two(hub):
    hub.config.path.write_text(HUB_TOML.replace("enabled = true", "enabled = false"))
    hub.config = load(hub.config.path, os.environ)


def refused(hub, match, **options):
    before = counts(hub)
    with pytest.raises(ConflictError, match=match) as caught:
        purge(hub, "tiny", **options)
    assert caught.value.cure
    said = plan(hub, "tiny", **options)
    assert str(said.blocked) == str(caught.value)
    assert said.tables, "it is shown nevertheless"
    assert counts(hub) == before


def test_an_enabled_plugin_is_refused(hub):
    hub.config.path.write_text(HUB_TOML.replace("enabled = false", "enabled = true"))
    hub.config = load(hub.config.path, os.environ)
    refused(hub, "is enabled in the hub.toml of")


def test_one_that_another_machine_wants_is_refused(hub):
    import hashlib
    import socket

    digest = hashlib.sha256(hub.config.text.encode()).hexdigest()
    with hub.database.unit(EVERYBODY) as unit:
        wanted = {
            "plugins": {"tiny": {"enabled": True}},
            "host": "elsewhere",
            "files": {socket.gethostname(): digest},
        }
        unit.session.add(HubGeneration(id=1, generation="x", wanted=wanted))
    refused(hub, "is enabled in the hub.toml of elsewhere")


def test_one_that_a_living_process_runs_is_refused_and_a_dead_one_forgotten(hub):
    with hub.database.unit(EVERYBODY) as unit:
        unit.session.execute(
            update(PluginState).where(PluginState.plugin_id == "tiny").values(state="ready")
        )
        unit.session.execute(update(HubProcess).values(beat_at=utcnow()))
    refused(hub, "process 1 on old runs tiny")
    with hub.database.unit(EVERYBODY) as unit:
        long_ago = utcnow() - timedelta(minutes=5)
        unit.session.execute(update(HubProcess).values(beat_at=long_ago))
    purge(hub, "tiny")


def test_one_at_work_is_refused(hub):
    with hub.database.unit(EVERYBODY) as unit:
        unit.session.execute(
            update(Job)
            .where(Job.plugin_id == "tiny", Job.institution_id == HOME)
            .values(state="running", lease_owner="m:1:2", lease_until=utcnow() + timedelta(hours=1))
        )
        running = select(SyncRun.id).where(
            SyncRun.connection_id.in_(purge_rows.connections_of("tiny"))
        )
        newest = unit.session.scalars(running).first()
        unit.session.execute(
            update(SyncRun).where(SyncRun.id == newest).values(state="running", beat_at=utcnow())
        )
    refused(hub, "1 jobs and 1 readings")


def test_content_that_others_built_upon_is_refused_and_may_be_kept(hub):
    with hub.database.unit(EVERYBODY) as unit:
        course_id = unit.session.scalar(
            select(Container.id).where(
                Container.institution_id == HOME,
                Container.connection_id.in_(purge_rows.connections_of("tiny")),
            )
        )
    with hub.database.unit(make_call(HOME)) as unit:
        unit.session.add(
            Item(
                institution_id=HOME, id="own", container_id=course_id, kind="page",
                title="Mine", remote_id="own",
            )
        )  # fmt: skip
    refused(hub, "1 things were added by others", content=True)
    purge(hub, "tiny")


@pytest.mark.parametrize("name", ["core", "Tiny", "a", "tiny; DROP", "x" * 41])
def test_what_is_no_plugins_id_is_refused(hub, name):
    with pytest.raises(InvalidError):
        purge(hub, name)


def test_tables_of_the_core_are_nobodys(hub):
    before = counts(hub)
    assert plan(hub, "sync").empty
    assert plan(hub, "content").empty
    purge(hub, "sync")
    assert counts(hub) == before


def test_every_table_that_names_a_plugin_or_a_connection_has_its_entry():
    known = {one.model.__tablename__ for one in purge_rows.OWNED}
    for table in core_metadata().tables.values():
        if {"plugin_id", "connection_id", "plugin"} & set(table.c.keys()):
            assert table.name in known, f"{table.name}: purge has to know it"


def test_the_command_shows_asks_and_purges_what_is_no_longer_installed(hub, monkeypatch):
    monkeypatch.chdir(hub.config.path.parent)

    def bloop(*words, answer=""):
        with monkeypatch.context() as patch, CliRunner().isolation(answer) as (out, err, _):
            patch.setattr(sys, "argv", ["bloop", "plugins", "purge", *words])
            with pytest.raises(SystemExit) as ended:
                main()
            return Said(ended.value.code, out.getvalue().decode(), err.getvalue().decode())

    before = counts(hub)
    shown = bloop("tiny", "--dry-run")
    assert shown.code == 0, shown.err
    assert "table tiny_order  2 rows" in shown.out
    assert "items  8  kept, without a source" in shown.out
    said = bloop("tiny", "--dry-run", "--json").json
    assert said["dry_run"]
    assert bloop("tiny", answer="n\n").code == 130
    assert bloop("tiny", "--json").code == 2
    assert "is enabled in the hub.toml" in bloop("tiny_two", "--yes").err
    assert counts(hub) == before
    went = bloop("tiny", "--yes", "--json").json
    assert {**went, "dry_run": True} == said
    assert "There is nothing of tiny here." in bloop("tiny", "--yes").out
