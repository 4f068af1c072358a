"""A vault that is watched: what is saved there is here, and what is written here is no news."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import update

from bloop.accounts.sessions import system_call
from bloop.content.models import Item
from bloop.content.notes import service
from bloop.content.notes.models import Unsent
from bloop.content.notes.texts import text_of
from bloop.content.sync_models import SyncRun
from bloop.content.syncing import ask_for_sync
from bloop.content.watched import Seen
from bloop.hub import Hub, watch, watching
from bloop.hub.connection_views import view
from bloop.hub.connections import NewConnection, check, create
from bloop.hub.watching import Watches
from bloop.kernel.calls import Calls
from bloop.kernel.connections import set_state
from bloop.kernel.models import Connection, HubProcess
from bloop.kernel.states import ConnectionState
from bloop.store.database import in_unit
from bloop.store.types import utcnow
from bloop_markdown import watching as vault_watching
from bloop_sdk import Batch, Kind, Ref
from tests.content.course import rows
from tests.support.notes import calm

PATIENCE_SECONDS = 120


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """What is waited for in the hub is waited for a little here."""
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(watch, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(watch, "ASK_SECONDS", 0.05)
    monkeypatch.setattr(watch, "CONFIRM_SECONDS", 0.3)
    monkeypatch.setattr(watch, "SHARE", 0)
    monkeypatch.setattr(vault_watching, "STEP_MILLISECONDS", 100)


@pytest.fixture
def vault(tmp_path):
    root = tmp_path / "vaults" / "Physics"
    root.mkdir(parents=True)
    (root / "Waves.md").write_text("They carry energy.\n")
    return root


@pytest.fixture
async def hub(hub_toml, vault):
    with hub_toml.open("a") as file:
        file.write(f'[plugins.markdown]\nenabled = true\nvaults = ["{vault.parent}"]\n')
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
async def connection(hub, vault):
    """One that was read once, and is watched by now."""
    call = system_call(hub.institution)
    new = NewConnection(
        plugin="markdown", name="Physics", settings={"folder": str(vault)}, every=""
    )
    made = await create(hub, call, new)
    await check(hub, call, made)
    await do(hub, ask_for_sync, made)
    await until(lambda: state(hub, made).watched_since)
    await settled(hub, runs=2)  # The second by the first hint.
    return made


async def do(hub, function, *args, **kwargs):
    call = system_call(hub.institution)
    return await hub.database.run(in_unit, hub.database, call, function, *args, **kwargs)


def all_of(hub, model, *conditions):
    return rows(hub.database, system_call(hub.institution), model, *conditions)


def state(hub, connection):
    [row] = all_of(hub, Connection, Connection.id == connection)
    return row


async def until(condition):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - it is in a database
            await asyncio.sleep(0.05)


async def settled(hub, *, runs):
    """So many syncs were made, and every job is over."""
    await until(lambda: len(all_of(hub, SyncRun)) >= runs)
    await calm(hub)
    assert len(all_of(hub, SyncRun)) == runs


def texts(hub):
    notes = all_of(hub, Item, Item.kind == "note", Item.state == "active")
    return {row.title: text_of(row).markdown for row in notes}


async def test_what_is_saved_is_here_and_what_is_written_here_is_no_news(hub, connection, vault):
    for count in range(20):
        (vault / "Waves.md").write_text(f"They carry {count}.\n")
        (vault / f"New {count}.md").write_text("new\n")
    await until(lambda: texts(hub).get("Waves") == "They carry 19.\n" and len(texts(hub)) == 21)
    await barrier(hub, vault, 0)
    burst = len(all_of(hub, SyncRun))
    assert burst <= 6, "a burst of saves is about one sync"

    [waves] = all_of(hub, Item, Item.title == "Waves")
    await do(hub, service.edit, waves.id, None, {"markdown": "Written here.\n"})
    await barrier(hub, vault, 1)
    assert (vault / "Waves.md").read_text() == "Written here.\n"
    made = await do(hub, service.create, waves.container_id, title="Made", markdown="here\n")
    await barrier(hub, vault, 2)
    await do(hub, service.delete, made.id, None)
    await barrier(hub, vault, 3)
    assert len(all_of(hub, SyncRun)) == burst + 3, "one for each barrier"


async def barrier(hub, vault, number):
    """What was sent and noticed before is over once something later is here."""
    await until(lambda: not all_of(hub, Unsent))
    (vault / f"New {number}.md").unlink()
    await until(lambda: f"New {number}" not in texts(hub))
    await calm(hub)


async def test_a_watch_ends_with_what_it_stands_for(hub, connection, vault, monkeypatch):
    assert hub.watches.connections == {connection}
    await do(hub, set_state, connection, ConnectionState.SUSPENDED)
    await until(lambda: state(hub, connection).watcher is None)
    assert hub.watches.connections == set()

    await do(hub, set_state, connection, ConnectionState.UNCONFIGURED)
    await check(hub, system_call(hub.institution), connection)
    await until(lambda: state(hub, connection).watched_since)
    await settled(hub, runs=3)

    drained = {}
    drain = Calls.drain

    def draining(self, plugin, seconds):
        drained[plugin] = drain(self, plugin, seconds)
        return drained[plugin]

    hub.kernel.calls.drain = draining.__get__(hub.kernel.calls)
    wanted = hub.wanted()
    off = type(wanted)()
    await asyncio.to_thread(hub.kernel.apply, off)
    assert drained["markdown"] == 0
    await until(lambda: state(hub, connection).watcher is None)

    # A place that tells of nothing is read by schedule, and says so.
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(vault_watching, "file_system", lambda _root: "nfs4")
        await asyncio.to_thread(hub.kernel.apply, wanted)
        await until(lambda: state(hub, connection).unwatched)
    shown = await view(hub, system_call(hub.institution), connection)
    assert shown["watched_since"] is None
    assert shown["unwatched"].startswith("the folder lies on another machine (nfs4)")
    await asyncio.to_thread(hub.kernel.apply, off)
    await until(lambda: state(hub, connection).watcher is None)
    await asyncio.to_thread(hub.kernel.apply, wanted)
    await until(lambda: state(hub, connection).watched_since)
    assert state(hub, connection).unwatched is None
    await settled(hub, runs=4)
    (vault / "Waves.md").rename(vault / "Sound.md")
    await until(lambda: set(texts(hub)) == {"Sound"})


async def test_one_process_watches_and_another_takes_over_from_a_dead_one(hub, connection):
    other = Watches(hub, owner="other:1:1")
    try:
        await other.look()
        assert other.connections == set()

        await hub.watches.stop()
        call = system_call(hub.institution)
        await do(hub, give_to, connection, "gone:1:1")
        shown = await view(hub, call, connection)
        assert shown["watched_since"] is not None
        await other.look()
        assert other.connections == {connection}
        await until(lambda: state(hub, connection).watched_since)

        # Somebody else believed it dead, and has it now: it lets go, and leaves their row alone.
        await do(hub, give_to, connection, "third:1:1", beats=True)
        await other.look()
        assert other.connections == set()
        assert state(hub, connection).watcher == "third:1:1"
    finally:
        await other.stop()


def give_to(unit, connection, owner, *, beats=False):
    # The sync that a watch begins with writes the same row, at any moment.
    mine = update(Connection).where(Connection.id == connection)
    unit.session.execute(mine.values(watcher=owner, watched_since=utcnow()))
    if beats:
        unit.session.add(HubProcess(kind="api", host="x", pid=1, lease_owner=owner, generation="1"))


def test_what_waits_is_bounded():
    seen = Seen()
    seen.add(Batch(deleted=tuple(Ref(Kind.NOTE, str(n)) for n in range(300))))
    assert (len(seen.gone), seen.anything) == (300, False)
    seen.add(Batch(deleted=tuple(Ref(Kind.NOTE, str(n)) for n in range(200, 501))))
    assert (len(seen.gone), seen.anything) == (0, True)
