"""A lesson is found by what its video says, as long as its page shows that video."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from test_tidying import make  # noqa: F401 - a fixture

from bloop.accounts.sessions import system_call
from bloop.content.search.models import ItemText


@pytest.fixture
def said(hub):
    """What is said of items now: their texts, with the moments."""

    def read():
        with hub.database.reading(system_call(hub.institution)) as unit:
            return [(row.text, row.moments) for row in unit.session.query(ItemText)]

    return read


async def test_what_is_said_is_that_of_the_video_which_is_shown(ctx, make, toys, said):  # noqa: F811
    from bloop_studio import videos
    from bloop_studio.tables import Video

    first = await make("Chlorophyll is green")
    assert first.state == "ready", first.error
    ((text, moments),) = said()
    assert (text, moments[0][0]) == ("Chlorophyll is green", 0)
    assert 0 < moments[0][1] < first.seconds * 1000
    second = await make("Leaves are green")
    assert [text for text, _ in said()] == ["Leaves are green"]
    await ctx.transaction(videos.remove, second.id)
    assert said() == [(text, moments)]
    await ctx.transaction(lambda unit: videos.begin(unit, unit.session.get_one(Video, first.id)))
    assert said() == []


async def test_videos_of_an_earlier_version_are_brought_to_search(ctx, make, toys, said):  # noqa: F811
    from bloop_studio import jobs
    from bloop_studio.tables import Video

    row = await make("Chlorophyll is green")
    before = said()

    def forget(unit):
        unit.describe(row.item_id, "")
        unit.session.execute(update(Video).values(transcript=None))

    await ctx.transaction(forget)
    assert said() == []
    assert (await jobs.mend(ctx, {}))["found"] == 1
    assert said() == before
    assert (await jobs.mend(ctx, {}))["found"] == 0
