"""The hub's own engine over a Moodle in memory: what it keeps, on each kind of database."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bloop_moodle.config import MoodleConfig
from bloop_moodle.provider import MoodleProvider
from bloop_sdk.testing import FakeContext, FakeTransport, http_client
from plugins.lms.moodle.tests.fake_moodle import GOOD_SETTINGS, FakeMoodle

engine = pytest.importorskip("bloop.content.engine")


@pytest.fixture
def sync(database, call, tmp_path):
    from bloop.content.models import Item
    from bloop.store.blobs import Blobs
    from tests.content.course import connect

    blobs = Blobs(tmp_path / "blobs")
    connection = connect(database, call)

    async def run(moodle, **options):
        ctx = FakeContext(
            config=MoodleConfig(**GOOD_SETTINGS), http=http_client(FakeTransport(moodle))
        )
        return await engine.run_read(
            database,
            blobs,
            MoodleProvider(ctx),
            call,
            connection=connection,
            options=engine.RunOptions(**options),
        )

    def states():
        with database.unit(call) as unit:
            rows = unit.session.scalars(select(Item)).all()
            return {f"{row.kind}:{row.remote_id}": row.state for row in rows}

    run.states = states
    return run


async def test_the_hub_keeps_a_course_and_writes_nothing_the_second_time(sync):
    moodle = FakeMoodle()
    first = await sync(moodle)
    assert first.written > 50 and not first.gaps and not first.quarantined
    again = await sync(moodle)
    assert (again.written, again.deleted) == (0, 0)
    assert (await sync(moodle, full=True)).written == 0


async def test_the_hub_hears_of_what_changed_is_gone_or_is_closed(sync):
    moodle = FakeMoodle()
    await sync(moodle)
    moodle.edit()
    moodle.delete()
    moodle.forbid()
    report = await sync(moodle)
    states = sync.states()
    assert states["link:3"] == "missing" and states["page:13"] == "forbidden"
    assert report.quarantined == 1
    moodle.restore()
    moodle.site.modules[13]["uservisible"] = True
    await sync(moodle)
    states = sync.states()
    assert states["link:3"] == states["page:13"] == states["page:2"] == "active"


async def test_odd_texts_arrive_in_the_database(sync):
    moodle = FakeMoodle()
    moodle.site.modules[2]["name"] = "x" * 5000
    moodle.site.touch(2, name="x" * 5000, content="<p>a\x00b \ud800</p>", contentfiles=[])
    moodle.site.sections[1]["name"] = "\x00 \ud800"
    report = await sync(moodle)
    assert report.problems == ()
    assert sync.states()["page:2"] == "active" and not report.quarantined
