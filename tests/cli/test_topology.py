from __future__ import annotations

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.kernel.models import HubProcess
from bloop.store.models import EVERY_INSTITUTION


def test_processes_are_listed(hub_folder, bloop):
    assert "No process of this hub runs" in bloop("topology").out
    hub = Hub.open(None, "cli")
    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        process = {"kind": "worker", "host": "north", "pid": 7, "lease_owner": "m:7:1"}
        unit.session.add(HubProcess(**process, workers=2, queues=["render"], generation="g"))
    hub.database.close_now()
    (only,) = bloop("topology", "--json").json["processes"]
    assert (only["host"], only["queues"], only["is_stale"]) == ("north", ["render"], False)
    said = bloop("topology").out
    assert "north" in said
    assert "render" in said
    assert "outdated" in said
