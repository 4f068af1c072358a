"""What is stored: counted by area, plugin and course, told to each as far as it is theirs."""

from __future__ import annotations

import asyncio

import pytest

from bloop.accounts.sessions import system_call
from bloop.content.models import Container, Item
from bloop.hub import Hub
from bloop.hub.storage import counting, tables
from bloop.hub.storage.service import counted
from bloop.store.held import hold
from bloop.store.models import PluginFile
from bloop_sdk import Call, Principal, PrincipalKind, Role
from tests.support.hub import add_institution


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "cli")
    hub.tables.prepare()
    yield hub
    await hub.database.close()


def caller(hub, role, institution=None):
    call = system_call(institution or hub.institution)
    principal = Principal(PrincipalKind.USER, "somebody", role)
    return Call(principal, call.institution, call.trace)


def fill(hub, institution=None, *, owner=None):
    """A course's file of 5 bytes; a plugin's, which is the same; and 3 bytes that nobody names."""
    five, three = hub.blobs.put([b"12345"]), hub.blobs.put([b"abc"])
    with hub.database.unit(system_call(institution or hub.institution)) as unit:
        hold(unit, (five, "text/plain"), (three, None))
        of = {"institution_id": unit.institution}
        course = Container(**of, remote_id="c", kind="course", title="Waves", owner_id=owner)
        unit.session.add(course)
        unit.session.flush()
        common = {**of, "container_id": course.id, "kind": "file", "title": "x"}
        for one in ("a", "b"):
            unit.session.add(Item(**common, remote_id=one, blob=five.sha256))
        unit.session.add(
            PluginFile(
                **of,
                plugin_id="wiki",
                name="f",
                sha256=five.sha256,
                size=5,
                media_type="text/plain",
            )
        )


async def test_files_count_once_with_each_that_refers_to_them(hub):
    fill(hub)
    await asyncio.to_thread(counting.count, hub)
    own = (await counted(hub, caller(hub, Role.ADMIN)))["institution"]
    files = own["files"]
    assert (files["count"], files["bytes"]) == (2, 8)
    kinds = {one["name"]: (one["count"], one["bytes"]) for one in files["kinds"]}
    assert kinds == {"lessons": (1, 5), "plugins": (1, 5)}, "two items of a course name it once"
    assert {one["name"] for one in files["plugins"]} == {"", "wiki"}
    assert [(one["name"], one["bytes"]) for one in files["courses"]] == [("Waves", 5)]
    rows = {one["name"]: one["rows"] for one in own["areas"]}
    assert rows["files"] == 2 and rows["content"] >= 3


async def test_each_is_told_what_is_theirs(hub):
    fill(hub)
    other = add_institution(hub, "Elsewhere")
    await asyncio.to_thread(counting.count, hub)
    whole = (await counted(hub, caller(hub, Role.OPERATOR)))["hub"]
    assert whole["database_bytes"] > 0 and (whole["files"], whole["file_bytes"]) == (2, 8)
    assert [(one["name"], one["bytes"]) for one in whole["institutions"]][-1] == ("Elsewhere", 0)
    listed = {table["name"] for area in whole["areas"] for table in area["tables"]}
    with hub.database.reading(system_call("*")) as unit:
        names = tables.migrate.table_names(unit.connection)
    assert listed == {one for one in names if not one.startswith("sqlite_")}
    assert {area["name"] for area in whole["areas"] if not area["plugin"]} >= {"content", "audit"}
    told = await counted(hub, caller(hub, Role.ADMIN, other))
    assert told["hub"] is None and told["institution"]["files"]["count"] == 0
    # A count of one institution leaves what was counted of others as it was.
    fill(hub, other)
    await asyncio.to_thread(counting.count, hub, other)
    told = await counted(hub, caller(hub, Role.ADMIN, other))
    assert told["institution"]["files"]["bytes"] == 8
    again = (await counted(hub, caller(hub, Role.OPERATOR)))["hub"]
    assert again == whole


async def test_sizes_are_left_out_where_the_database_does_not_tell(hub, monkeypatch):
    monkeypatch.setattr(tables, "_sizes", lambda _: {})
    await asyncio.to_thread(counting.count, hub)
    whole = (await counted(hub, caller(hub, Role.OPERATOR)))["hub"]
    assert {area["bytes"] for area in whole["areas"]} == {None}
    assert sum(area["rows"] for area in whole["areas"]) > 0


async def test_a_hub_counts_by_itself_once_a_day(hub, monkeypatch):
    times = []
    monkeypatch.setattr(counting, "count", times.append)
    counting.count_if_due(hub)
    assert times == [], "it is new"
    monkeypatch.setattr(counting, "NEW", counting.timedelta())
    counting.count_if_due(hub)
    assert times == [hub]
    monkeypatch.undo()
    counting.count(hub)
    monkeypatch.setattr(counting, "count", times.append)
    counting.count_if_due(hub)
    assert times == [hub]
