"""``bloop system`` reads what the hub has kept."""

from __future__ import annotations

from bloop.accounts.sessions import system_call
from bloop.cli.system import bars
from bloop.hub import Hub
from bloop.store.database import in_unit
from bloop.store.models import EVERY_INSTITUTION
from tests.web.filled_vitals import vitals


def test_what_was_kept_is_shown(hub_folder, bloop):
    assert "No process of this hub has checked anything" in bloop("system").out
    hub = Hub.open(None, "cli")
    in_unit(hub.database, system_call(EVERY_INSTITUTION), vitals)
    hub.database.close_now()
    shown = bloop("system", "--range", "7d").out
    assert "210 MiB free" in shown
    assert "free some space on /var/lib/bloop" in shown
    found = bloop("system", "--json").json
    assert {one["name"]: one["ok"] for one in found["items"]}["broker"] is None
    assert found["samples"]["seconds"] == 60
    assert len(found["samples"]["points"]) == 60


def test_the_overview_names_what_needs_attention(hub_folder, bloop):
    assert "Nothing needs attention" in bloop("overview").out
    hub = Hub.open(None, "cli")
    in_unit(hub.database, system_call(EVERY_INSTITUTION), vitals)
    hub.database.close_now()
    assert "part: disk" in bloop("overview").out
    assert bloop("overview", "--json").json["attention"][0]["subject"] == "disk"


def test_bars_show_what_nobody_knows_as_nothing():
    assert bars([0, None, 7.0, 3.5]) == "▁ █▅"
    assert len(bars([1.0] * 168)) <= 60
    assert bars([None] * 3) == "   "
