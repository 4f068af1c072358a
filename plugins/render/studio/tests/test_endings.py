"""Videos whose jobs end without them: cancelled, or lost with the processes that ran them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import delete, select, update

from bloop.jobs import ledger
from bloop.jobs.models import Job
from bloop.store.database import in_unit
from bloop.store.types import utcnow
from bloop_sdk.storyboard import Storyboard
from tests.support.database import make_system_call
from tests.web.conftest import csrf_of

KINDS = ("storyboard", "speech", "scene", "video")
SCENES = [
    {
        "id": name,
        "title": name,
        "narration": [{"id": f"{name}-1", "text": f"The {name} words"}],
        "visual": {"kind": "bullets", "items": ["one", "two"]},
    }
    for name in ("first", "second")
]


@pytest.fixture
async def ask(ctx, hub, write_lesson):
    """Asks for the same video each time."""
    from bloop_studio import asking
    from bloop_studio.options import Options

    item = await ctx.content.item(await hub.database.run(write_lesson))
    board = Storyboard.model_validate({"title": "Waves", "scenes": SCENES})
    number = (await asking.write(ctx, item, board, None)).number
    return partial(asking.ask, ctx, item, Options(quality="480p"), number=number)


async def stuck(hub, ctx, ask, kind):
    """A video whose jobs of one kind nobody runs; its row, and one of those jobs."""
    from bloop_studio import videos

    await hub.jobs.unregister(f"studio.{kind}")
    row = await ask()
    job = None
    async with asyncio.timeout(60):
        while job is None:
            await asyncio.sleep(0.02)
            job = await waiting(hub, kind, row.round)
    return await ctx.read(videos.one, row.id), job


async def waiting(hub, kind, round_):
    """A job of a kind that waits, and comes after nothing any more."""
    mine = Job.kind == f"studio.{kind}", Job.payload["round"].as_integer() == round_
    asked = select(Job.id).where(*mine, Job.state == "waiting")
    return await in_hub(hub, lambda unit: unit.session.scalar(asked))


async def in_hub(hub, work):
    call = make_system_call(hub.institution)
    return await hub.database.run(in_unit, hub.database, call, work)


def lose(job_id):
    """As if each process that began it had been killed, until no attempt was left."""

    def work(unit):
        gone = utcnow() - timedelta(minutes=5)
        values = {"state": "running", "attempts": Job.max_attempts, "lease_until": gone}
        unit.session.execute(
            update(Job).where(Job.id == job_id).values(**values, lease_owner="elsewhere:1:1")
        )
        ledger.reap(unit)

    return work


def resume(hub, kind):
    hub.jobs.register(f"studio.{kind}", partial(hub._run_plugin_job, f"studio.{kind}"))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_video_whose_job_ended_says_so_and_goes_on_when_asked_again(
    hub, ctx, ask, made, toys, kind
):
    from bloop_studio import videos

    row, job = await stuck(hub, ctx, ask, kind)
    assert row.state != "failed"
    await in_hub(hub, lambda unit: hub.jobs.cancel(unit, job))
    row = await ctx.read(videos.one, row.id)
    assert (row.state, row.error["code"]) == ("failed", "job_cancelled")
    assert f"“{kind}”" in row.error["message"] and "again" in row.error["cure"]
    again, job = await stuck(hub, ctx, ask, kind)
    assert (again.id, again.round) == (row.id, 2)
    await in_hub(hub, lose(job))
    row = await ctx.read(videos.one, row.id)
    assert (row.state, row.error["code"]) == ("failed", "job_lost")
    assert "log" in row.error["cure"]
    resume(hub, kind)
    row = await made(await ask())
    assert (row.state, row.round) == ("ready", 3), row.error
    said, drawn = toys
    assert (len(said), len(drawn)) == (2, 2), "nothing was made twice"


async def test_what_was_only_seen_is_noted_and_told_once(hub, ctx, ask):
    from bloop_studio import jobs, videos
    from bloop_studio.tables import Video

    _row, job = await stuck(hub, ctx, ask, "speech")
    assert await jobs.mend(ctx, {}) == {"failed": 0, "found": 0}
    await in_hub(hub, lambda unit: hub.jobs.cancel(unit, job))
    stored = lambda unit: unit.session.scalar(select(Video.state))  # noqa: E731
    assert [one.state for one in await ctx.read(videos.newest)] == ["failed"]
    assert await ctx.read(stored) == "speech"
    assert await jobs.mend(ctx, {}) == {"failed": 1, "found": 0}
    assert await ctx.read(stored) == "failed"
    assert await jobs.mend(ctx, {}) == {"failed": 0, "found": 0}


async def test_apps_and_pages_say_why_it_failed_and_try_it_again(hub, ctx, ask, visit):
    teacher = await visit("educator")
    row, job = await stuck(hub, ctx, ask, "speech")
    own, watch = f"/x/studio/videos/{row.id}", f"/x/studio/watch/{row.id}"
    assert 'http-equiv="refresh"' in (await teacher.get(watch)).text
    await in_hub(hub, lambda unit: hub.jobs.cancel(unit, job))
    told = (await teacher.get(own)).json()
    assert (told["state"], told["error"]["code"]) == ("failed", "job_cancelled")
    page = await teacher.get(watch)
    assert "was cancelled" in page.text and "is used" in page.text and "Try again" in page.text
    assert "refresh" not in page.text
    assert "was cancelled" in (await teacher.get("/x/studio/")).text
    form = {"csrf": csrf_of(page)}
    assert (await teacher.post(f"{watch}/again", data=form)).status_code == 303
    assert (await teacher.get(own)).json()["state"] in {"storyboard", "speech"}
    headers = {"x-csrf-token": form["csrf"]}
    again = await teacher.post(f"{own}/again", headers=headers)
    assert (again.status_code, again.json()["id"]) == (202, row.id)
    assert (await ctx.read(videos_one, row.id)).round == 2, "what is being made is left alone"


def videos_one(unit, id_):
    from bloop_studio import videos

    return videos.one(unit, id_)


async def test_only_the_plugins_own_jobs_are_shown(hub, ctx, ask):
    _row, mine = await stuck(hub, ctx, ask, "speech")
    other = await in_hub(hub, lambda unit: ledger.enqueue(unit, "content.import", {}))
    seen = await ctx.read(lambda unit: [unit.job(one) for one in (mine, other, "nobody")])
    assert [one and (one.kind, one.state, one.lost) for one in seen] == [
        ("speech", "waiting", False),
        None,
        None,
    ]


async def test_a_video_that_is_drawn_once_more_follows_its_new_job(hub, ctx, ask):
    from bloop_studio import videos

    row, _old = await stuck(hub, ctx, ask, "speech")
    await hub.jobs.unregister("studio.storyboard")
    await ctx.transaction(videos.redraw, row.id, row.round)
    job = await waiting(hub, "storyboard", row.round + 1)
    await in_hub(hub, lambda unit: hub.jobs.cancel(unit, job))
    assert (await ctx.read(videos.one, row.id)).error["code"] == "job_cancelled"


async def test_a_job_that_the_hub_has_forgotten_is_no_hope(hub, ctx, ask):
    from bloop_studio import videos

    row, _job = await stuck(hub, ctx, ask, "speech")
    await in_hub(hub, lambda unit: unit.session.execute(delete(Job)))
    assert (await ctx.read(videos.one, row.id)).error["code"] == "job_gone"
    assert (await ask()).round == 2
