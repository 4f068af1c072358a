"""The start, `/readyz` and heartbeats tell of master keys that are missing or wrong."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.kernel.models import HubProcess
from bloop.ops.health import report
from bloop.ops.keys import rotate, status
from bloop.store.database import Database, in_unit
from bloop.store.keyring import KeyFile, make_key
from bloop.store.keys import KeysError
from bloop.store.models import EVERY_INSTITUTION, HubSecret
from bloop.store.sealing import Place

CALL = system_call(EVERY_INSTITUTION)


def put(database, name="one"):
    def seal(unit):
        sealed = unit.sealer.seal(b"secret", Place("hub_secret", "value", name))
        unit.session.add(HubSecret(name=name, value=sealed))

    in_unit(database, CALL, seal)


async def keys_health(hub):
    (line,) = [line for line in await report(hub) if line.name == "keys"]
    return line


@pytest.fixture
async def started(hub_toml):
    """Starts a hub; gives it."""
    made = []

    async def start():
        hub = Hub.open(hub_toml, "api")
        made.append(hub)
        await hub.start()
        await hub.loaded()
        return hub

    yield start
    for hub in made:
        await hub.stop()


async def until(condition):
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.05)


async def test_health_says_what_is_wrong_with_the_keys(started, hub_toml):
    hub = await started()
    assert (await keys_health(hub)).ok is True
    ring = hub_toml.parent / "state" / "master.key"
    assert not ring.exists()
    put(hub.database)
    assert (await keys_health(hub)).detail == "master key 1 seals"
    ring.chmod(0o644)
    found = await keys_health(hub)
    assert (found.ok, found.cure) == (None, f"chmod 600 {ring}")
    kept = ring.read_text()
    ring.write_text(make_key(1))
    found = await keys_health(hub)
    assert found.ok is False and "is not the one" in found.detail and "backup" in found.cure
    ring.unlink()
    found = await keys_health(hub)
    assert found.ok is False and "no master keys in" in found.detail
    put(hub.database, "two")  # A hub that has its keys works on.
    ring.write_text(kept)
    ring.chmod(0o600)
    assert (await keys_health(hub)).ok is True


@pytest.mark.parametrize("version", [None, 1, 2])
async def test_a_hub_does_not_start_with_other_keys_than_its_database(hub_toml, version):
    hub = Hub.open(hub_toml, "api")
    put(hub.database)
    await hub.database.close()
    ring = hub_toml.parent / "state" / "master.key"
    ring.write_text(make_key(version)) if version else ring.unlink()
    broken = Hub.open(hub_toml, "api")
    with pytest.raises(KeysError) as told:
        await broken.start()
    assert "master.key" in told.value.message and told.value.cure
    await broken.database.close()
    assert ring.exists() == bool(version)


async def test_a_process_takes_up_a_new_key_before_anything_is_sealed_with_it(
    started, hub_toml, database_urls, tmp_path
):
    """Two processes with files of their own: the key seals once the second file has it."""
    hub = await started()
    put(hub.database)
    theirs, mine = hub_toml.parent / "state" / "master.key", tmp_path / "mine.key"
    shutil.copy(theirs, mine)
    other = Database(*database_urls, key_source=KeyFile(mine))
    rotating = asyncio.create_task(asyncio.to_thread(rotate, other))

    def announced():
        return [key.state for key in status(other).keys] == ["current", "coming"]

    def known():
        with other.reading(CALL) as unit:
            return unit.session.query(HubProcess).one().master_keys == [1, 2]

    await until(announced)
    put(hub.database, "two")
    assert not rotating.done()
    shutil.copy(mine, theirs)
    done = await rotating
    assert known() and (done.version, done.rewrapped["hub_secret.value"]) == (2, 2)
    put(hub.database, "three")
    (current,) = [key for key in status(other).keys if key.state == "current"]
    assert (current.sealed, current.processes) == ({"hub_secret.value": 3}, 1)
    await other.close()
