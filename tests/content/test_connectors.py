"""Each connector with its fake system through the real engine: killed anywhere, it ends alike."""

from __future__ import annotations

import contextlib

import pytest

from bloop.content.engine import run_read
from bloop.store.ids import new_id
from bloop_sdk.testing import Folder, Killed, System
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.suites.case import ContentCase
from plugins.lms.blackboard.tests.fake_blackboard import FakeBlackboard
from plugins.lms.blackboard.tests.test_conformance import GOOD as BLACKBOARD
from plugins.lms.canvas.tests.fake_canvas import FakeCanvas
from plugins.lms.canvas.tests.test_conformance import GOOD as CANVAS
from plugins.lms.cartridge.tests.test_conformance import write as write_cartridge
from plugins.lms.moodle.tests.fake_moodle import GOOD_SETTINGS as MOODLE
from plugins.lms.moodle.tests.fake_moodle import SmallMoodle
from plugins.notes.evernote.tests.test_conformance import build as write_exports
from plugins.notes.markdown.tests.test_conformance import build as write_notes
from plugins.notes.notion.tests.fake_notion import small as small_notion
from plugins.notes.notion.tests.test_conformance import GOOD as NOTION
from plugins.notes.onenote.tests.fake_graph import FakeGraph
from plugins.notes.onenote.tests.test_conformance import GOOD as ONENOTE
from tests.content.course import connect, dump
from tests.support.database import make_call

KILLS = 6
"""So many boundaries are tried, spread over a whole sync; ``-m slow`` tries every one."""
EVERY = pytest.param(1000, marks=pytest.mark.slow)

BY_ONE = {"batch_records": 1}
CONNECTORS = {
    "bloop_blackboard": System(make=FakeBlackboard, good=BLACKBOARD),
    "bloop_canvas": System(make=FakeCanvas, good=CANVAS),
    "bloop_cartridge": Folder(build=write_cartridge, name="made.imscc", settings=BY_ONE),
    "bloop_evernote": Folder(build=write_exports, name="notebooks", settings=BY_ONE),
    "bloop_markdown": Folder(build=write_notes, name="notes", settings=BY_ONE),
    "bloop_moodle": System(make=SmallMoodle, good=MOODLE),
    "bloop_notion": System(make=small_notion, good=NOTION),
    "bloop_onenote": System(make=FakeGraph, good=ONENOTE),
}
"""A system, a file or a folder for each plugin, with settings that open it."""


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch):
    """As many commits as there are batches, wherever the run is killed."""
    monkeypatch.setattr("bloop.content.engine.RECORDS_AT_ONCE", 1)


class Place:
    """An institution of its own, with one connection to a fresh system."""

    def __init__(self, rig, database, blobs):
        self.rig, self.database, self.blobs = rig, database, blobs
        self.call = make_call(new_id())
        self.connection = connect(database, self.call)

    async def read(self, *, until=None):
        """The report of a new process, or None where it was killed at its step ``until``."""
        self.rig.steps.count = 0
        if until is not None:
            self.rig.steps.plan(until, self.rig.steps.kill)
        with contextlib.suppress(Killed):
            return await run_read(
                self.database,
                self.blobs,
                self.rig.provider(),
                self.call,
                connection=self.connection,
            )
        return None

    def held(self):
        """All rows but the runs' own counts: what was read twice was seen twice."""
        tables = dump(self.database, self.call)
        return {
            name: sorted(str(line).replace(self.connection, "<connection>") for line in lines)
            for name, lines in tables.items()
            if name != "sync_run"
        }


@pytest.fixture(params=sorted(CONNECTORS))
def place(request, database, blobs, tmp_path):
    """Makes places for one connector."""
    plugin = PluginUnderTest(request.param)
    (capability,) = {"lms", "notes"} & set(plugin.manifest.provides)
    case = ContentCase(plugin, capability, CONNECTORS[request.param], tmp_path)
    return lambda: Place(case.rig(), database, blobs)


@pytest.mark.parametrize("kills", [KILLS, EVERY], ids=["some", "every"])
async def test_a_sync_that_was_killed_ends_as_an_undisturbed_one(place, kills):
    whole = place()
    report = await whole.read()
    assert report.written > 7
    expected, count = whole.held(), whole.rig.steps.count
    again = await whole.read()
    assert (again.written, again.deleted) == (0, 0)

    steps = range(1, count + 1)
    for step in steps[:: max(1, len(steps) // kills)]:
        other = place()
        assert await other.read(until=step) is None, f"step {step}"
        assert (await other.read()).state == "succeeded"
        assert other.held() == expected, f"step {step}"


async def test_nothing_is_left_in_quarantine_and_every_gap_is_named(place):
    report = await place().read()
    assert report.problems == ()
    assert all(": " in gap for gap in report.gaps)
