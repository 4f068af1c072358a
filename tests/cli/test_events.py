from __future__ import annotations

import pytest

from bloop.accounts.sessions import system_call
from bloop.events import parking, positions
from bloop.events.parking import Failure, Patience
from bloop.events.positions import Partition
from bloop.events.queries import EVENTS
from bloop.events.reader import logged
from bloop.hub import Hub


@pytest.fixture
def parked(hub_folder):
    """The ids of two events of one aggregate, of which the first had its last try."""
    hub = Hub.open(None, "cli")
    hub.tables.prepare()
    with hub.database.unit(system_call(hub.institution)) as unit:
        unit.outbox.append("t.happened", "a:1", {})
        unit.outbox.append("t.happened", "a:1", {})
    everywhere = system_call("*")
    rows = hub.database.read_now(EVENTS, everywhere, after=0, upto=1000, limit=1000)
    found = [one for one in map(logged, rows) if one.event.topic == "t.happened"]
    with hub.database.unit(everywhere) as unit:
        positions.begin(unit, "watcher.take", "watcher", 1000)
        failure = Failure("ValueError: [red]no[/]\x1b[2J")
        parking.park(unit, Partition("watcher.take"), found[0], failure, Patience(tries=1))
        parking.park(unit, Partition("watcher.take"), found[1], None, Patience())
    hub.database.close_now()


def test_what_waits_is_listed_replayed_and_skipped(parked, bloop):
    first, second = bloop("events", "parked", "--json").json["items"]
    assert [first["state"], second["state"]] == ["parked", "behind"]
    listed = bloop("events", "parked").out
    assert first["id"] in listed and "[red]no[/]" in listed and "\x1b" not in listed
    assert bloop("events", "replay", second["id"]).code == 1
    assert bloop("events", "replay", first["id"], "--json").json["state"] == "retrying"
    assert bloop("events", "skip", first["id"]).out == "The consumer goes on without it.\n"
    (left,) = bloop("events", "parked", "--json").json["items"]
    assert (left["id"], left["state"]) == (second["id"], "retrying")


def test_all_of_a_consumers_are_replayed_at_once(parked, bloop):
    assert bloop("events", "replay", "--consumer", "nobody").code == 1
    said = bloop("events", "replay", "--consumer", "watcher.take")
    assert said.out == "A running hub tries 1 again.\n"
    states = [one["state"] for one in bloop("events", "parked", "--json").json["items"]]
    assert states == ["retrying", "behind"]
    assert bloop("events", "replay").code == 2
    assert bloop("events", "replay", "x", "--consumer", "watcher.take").code == 2


def test_that_nothing_waits_is_said(hub_folder, bloop):
    assert bloop("events", "parked").out == "Every event has been taken.\n"
    assert bloop("events", "parked", "--json").json == {"items": []}


@pytest.mark.parametrize("act", ["replay", "skip"])
def test_an_unknown_one_is_a_failure(hub_folder, bloop, act):
    said = bloop("events", act, "?")
    assert said.code == 1 and "no event_parked ?" in said.err


def test_the_catalogue_needs_no_hub(bloop):
    topics = {one["topic"]: one for one in bloop("events", "catalogue", "--json").json["items"]}
    assert topics["user.logged_in"]["personal"] == ["id"]
    assert "content.item.updated" in bloop("events", "catalogue").out
