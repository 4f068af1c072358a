"""Bytes that nothing refers to are removed; what is referred to, or on its way, stays."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from bloop.content import service
from bloop.content.models import Item
from bloop.hub import Hub, sweeping
from bloop.hub.contexts import PluginCall, open_context
from bloop.jobs import ledger
from bloop.jobs.models import Job
from bloop.store.blobs import Blobs
from bloop.store.database import in_unit
from bloop.store.held import hold
from bloop.store.models import Blob, PluginFile
from bloop.store.types import utcnow
from bloop_sdk.testing.distributions import write_plugin
from tests.support.database import make_call, make_system_call
from tests.support.hub import add_institution


@pytest.fixture
async def hub(hub_toml, site):
    write_plugin(site, "atelier")
    with hub_toml.open("a") as text:
        text.write("\n[plugins.atelier]\nenabled = true\n")
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    await asyncio.to_thread(hub.load_plugins)
    yield hub
    await hub.stop()


@pytest.fixture
def home(hub):
    return make_call(hub.institution)


@pytest.fixture
def keep(hub, home, tmp_path):
    """Keeps content under a name, as a plugin; gives its digest."""

    async def put(name, content, call=home):
        source = tmp_path / "source"
        source.write_bytes(content)
        ctx = await open_context(hub, PluginCall, "atelier", call)
        return (await ctx.files.put(name, source, "a/b")).sha256

    return put


async def forget(hub, call, name):
    ctx = await open_context(hub, PluginCall, "atelier", call)
    await ctx.files.delete(name)


def in_hub(hub, work):
    in_unit(hub.database, make_system_call(), work)


def age(hub):
    """Two days go by, for rows and for files."""
    then = utcnow() - timedelta(days=2)
    in_hub(hub, lambda unit: unit.session.execute(update(Blob).values(held_at=then)))
    for one in hub.blobs.stored():
        os.utime(hub.blobs.path(one.sha256), (then.timestamp(), then.timestamp()))


def holds(hub):
    with hub.database.reading(make_system_call()) as unit:
        rows = unit.session.execute(select(Blob.institution_id, Blob.sha256))
        return sorted(tuple(row) for row in rows)


async def test_what_nothing_refers_to_goes_once_it_is_old(hub, home, keep):
    kept, gone = await keep("kept", b"kept"), await keep("gone", b"gone")
    never = hub.blobs.put([b"its process was killed before a row named it"]).sha256
    await forget(hub, home, "gone")
    assert await asyncio.to_thread(sweeping.sweep, hub) == sweeping.Swept(), "all are young"
    age(hub)
    would = await asyncio.to_thread(sweeping.sweep, hub, dry_run=True)
    assert would == sweeping.Swept(holds=1, files=2, bytes=4 + 44)
    assert all(hub.blobs.holds(one) for one in (kept, gone, never))
    assert len(holds(hub)) == 2
    assert await asyncio.to_thread(sweeping.sweep, hub) == would
    assert [hub.blobs.holds(one) for one in (kept, gone, never)] == [True, False, False]
    assert holds(hub) == [(hub.institution, kept)]


async def test_whatever_names_bytes_keeps_them(hub, home):
    refs = [hub.blobs.put([content]) for content in (b"now", b"before", b"asked", b"made", b"x")]
    now, before, asked, made, nobody = (one.sha256 for one in refs)

    def named(unit):
        hold(unit, *((ref, None) for ref in refs))
        course = service.create_container(unit, title="Physics", published=True)
        given = {"name": "a.pdf", "media_type": None, "size": 3}
        item = service.add_file(unit, course.id, sha256=before, **given)
        unit.session.flush()
        service.trash(unit, Item, item.id, None)
        unit.session.flush()
        item.blob = now
        job = ledger.enqueue(unit, "content.import", {"blob": asked})
        unit.session.execute(update(Job).where(Job.id == job).values(result={"blob": made}))

    in_unit(hub.database, make_system_call(hub.institution), named)
    age(hub)
    await asyncio.to_thread(sweeping.sweep, hub)
    assert [hub.blobs.holds(one) for one in (now, before, asked, made)] == [True] * 4
    assert not hub.blobs.holds(nobody)


async def test_bytes_stay_while_another_institution_refers_to_them(hub, home, keep):
    away = make_call(add_institution(hub, "away"))
    digest = await keep("mine", b"shared")
    assert await keep("theirs", b"shared", away) == digest
    await forget(hub, home, "mine")
    age(hub)
    swept = await asyncio.to_thread(sweeping.sweep, hub)
    assert (swept.holds, swept.files) == (1, 0)
    assert holds(hub) == [(away.institution, digest)]
    await forget(hub, away, "theirs")
    swept = await asyncio.to_thread(sweeping.sweep, hub)
    assert (swept.holds, swept.files) == (1, 1)


@pytest.mark.parametrize("where", ["rows were looked at", "files were looked at"])
async def test_what_is_kept_again_while_it_is_swept_stays(hub, home, keep, monkeypatch, where):
    digest = await keep("first", b"again")
    await forget(hub, home, "first")
    age(hub)
    loop = asyncio.get_running_loop()

    def then(function):
        """The function, and then the same bytes are kept once more."""

        def done(*args):
            found = function(*args)
            asyncio.run_coroutine_threadsafe(keep("second", b"again"), loop).result(60)
            return found

        return done

    if where == "rows were looked at":
        monkeypatch.setattr(sweeping, "chunks", then(sweeping.chunks))
    else:
        monkeypatch.setattr(sweeping._Sweeper, "_held", then(sweeping._Sweeper._held))
        monkeypatch.setattr(sweeping, "HEX", digest[0])
    await asyncio.to_thread(sweeping.sweep, hub)
    assert hub.blobs.holds(digest)
    assert holds(hub) == [(hub.institution, digest)]


async def test_keeping_and_sweeping_at_once_loses_nothing(hub, home, keep):
    for _round in range(15):
        await forget(hub, home, "same")
        age(hub)
        digest, _ = await asyncio.gather(
            keep("same", b"the same"), asyncio.to_thread(sweeping.sweep, hub)
        )
        assert hub.blobs.holds(digest)
        assert holds(hub) == [(hub.institution, digest)]


async def test_a_hub_sweeps_once_a_day_whoever_looks(hub, home, keep):
    await keep("gone", b"gone")
    await forget(hub, home, "gone")
    age(hub)
    both = await asyncio.gather(
        *(asyncio.to_thread(sweeping.sweep_if_due, hub) for _process in range(2))
    )
    assert [one.files for one in both if one] == [1]
    assert sweeping.sweep_if_due(hub) is None
    yesterday = time.time() - 24 * 3600
    os.utime(hub.blobs.root / ".swept", (yesterday, yesterday))
    assert sweeping.sweep_if_due(hub) == sweeping.Swept()
    assert sweeping.sweep_if_due(hub) is None


def test_bytes_that_came_again_are_not_removed(tmp_path):
    blobs = Blobs(tmp_path / "blobs")
    digest = blobs.put([b"some"]).sha256
    os.utime(blobs.path(digest), (1, 1))
    before = time.time() - 60
    blobs.put([b"some"])
    assert not blobs.remove(digest, before)
    os.utime(blobs.path(digest), (1, 1))
    assert blobs.remove(digest, before)
    assert not blobs.remove(digest, before), "it is gone already"
    assert list(blobs.stored()) == []


async def test_the_file_of_a_plugin_that_is_purged_is_held_by_nobody(hub, home, keep):
    digest = await keep("file", b"file")
    in_hub(hub, lambda unit: unit.session.execute(delete(PluginFile)))
    age(hub)
    await asyncio.to_thread(sweeping.sweep, hub)
    assert not hub.blobs.holds(digest)
