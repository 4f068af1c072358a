from __future__ import annotations

from bloop.accounts.sessions import system_call
from bloop.events import positions
from bloop.events.positions import Partition
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


def test_a_consumers_partitions_are_told_and_cut_anew(hub_folder, bloop):
    hub = Hub.open(None, "cli")
    hub.tables.prepare()
    everywhere = system_call(EVERY_INSTITUTION)
    with hub.database.unit(everywhere) as unit:
        process = {"kind": "api", "host": "north", "pid": 7, "lease_owner": "m:7:1"}
        unit.session.add(HubProcess(**process, generation="g"))
        positions.begin(unit, "watcher.take", "watcher", 1000, 3)
        for number in (0, 2):
            positions.move(unit, Partition("watcher.take", number, 3), 1000, "m:7:1")
    hub.database.close_now()
    (only,) = bloop("topology", "--json").json["processes"]
    (told,) = bloop("topology", "--json").json["consumers"]
    assert (told["partitions"], told["taken_by"]) == (3, [only["id"], None, only["id"]])
    assert "3 partitions (0, 2 by north:7)" in " ".join(bloop("topology").out.split())
    cut = bloop("events", "repartition", "watcher.take", "2")
    assert cut.out == "watcher.take reads in 2 partitions, before in 3.\n"
    cut = bloop("events", "repartition", "watcher.take", "4", "--json").json
    assert cut == {"consumer": "watcher.take", "partitions": 4, "before": 2}
    assert bloop("topology", "--json").json["consumers"][0]["partitions"] == 4
    assert "no consumer unknown" in bloop("events", "repartition", "unknown", "4").err
