"""Who is alive, serving what: as the API and the command tell it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.jobs import ledger, owners
from bloop.kernel.models import HubProcess
from bloop.ops.topology import topology
from bloop.store.database import in_unit
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import utcnow


@pytest.fixture
async def hub(hub_toml):
    """A hub that serves, and runs jobs of the queue sync alone."""
    with hub_toml.open("a") as file:
        file.write('\n[jobs]\nworkers = 3\nqueues = ["sync"]\n')
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


def in_all(hub, function, *args, **kwargs):
    return in_unit(hub.database, system_call(EVERY_INSTITUTION), function, *args, **kwargs)


async def test_processes_and_queues_are_told(hub):
    call = system_call(hub.institution)
    for queue in ("sync", "render"):
        in_unit(hub.database, call, ledger.enqueue, "unknown", {}, queue=queue)
    in_unit(hub.database, call, ledger.enqueue, "held", {}, queue="sync")
    me = owners.this_process()
    in_all(hub, ledger.claim, me, ["held"], limit=1, lease_seconds=60)
    found = topology(hub)
    (process,) = found.processes
    assert (process.kind, process.workers, process.queues, process.jobs) == ("api", 3, ["sync"], 1)
    assert (process.is_current, process.is_stale) == (True, False)
    queues = {one.name: (one.waiting, one.running, one.is_served) for one in found.queues}
    assert queues == {"sync": (1, 1, True), "render": (1, 0, False)}


async def test_a_process_that_fell_silent_serves_nothing(hub):
    in_unit(hub.database, system_call(hub.institution), ledger.enqueue, "unknown", {}, queue="sync")

    def silence(unit):
        # Another's: this process would beat again at once.
        (one,) = topology(hub).processes
        long_ago = utcnow() - timedelta(seconds=60)
        unit.session.add(
            HubProcess(
                kind="worker",
                host="gone",
                pid=1,
                lease_owner="m:1:1",
                workers=2,
                queues=[],
                generation="another",
                beat_at=long_ago,
            )
        )
        unit.session.execute(
            update(HubProcess).where(HubProcess.id == one.id).values(queues=["render"])
        )

    in_all(hub, silence)
    found = topology(hub)
    states = {one.host: (one.is_current, one.is_stale) for one in found.processes}
    assert states["gone"] == (False, True)
    assert [one.is_served for one in found.queues] == [False]


async def test_a_process_that_died_on_this_machine_is_known_at_once_and_goes_with_the_next_start(
    hub,
):
    machine_and_pid = owners.this_process().rpartition(":")[0]
    died = {"kind": "worker", "host": "here", "pid": 1, "workers": 2, "queues": []}
    died |= {"lease_owner": f"{machine_and_pid}:0", "generation": "g", "beat_at": utcnow()}
    in_all(hub, lambda unit: unit.session.add(HubProcess(**died)))
    assert {one.host: one.is_stale for one in topology(hub).processes}["here"]
    second = Hub.open(hub.config.path, "worker")
    await second.start()
    await second.loaded()
    assert sorted(one.kind for one in topology(hub).processes) == ["api", "worker"]
    assert not any(one.is_stale for one in topology(hub).processes)
    await second.stop()
