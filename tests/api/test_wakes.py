"""A served hub over several processes: browsers hear at once, and health says what is slower."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from bloop.accounts.sessions import system_call
from bloop.api.app import API, create_edge, routes_of
from bloop.events.means import Timing
from bloop.hub import consumers as hub_consumers
from bloop.store.database import Database
from tests.api.streams import Stream
from tests.support.hub import log_in


@pytest.fixture
def config_path(config_path, own_redis, monkeypatch):
    """A hub whose consumers, and with them the streams of browsers, never poll."""
    with config_path.open("a") as file:
        file.write('\n[redis]\nurl = { env = "BLOOP_REDIS_URL" }\n')
    monkeypatch.setenv("BLOOP_REDIS_URL", own_redis.url)
    monkeypatch.setattr(hub_consumers, "Timing", partial(Timing, poll=3600.0))
    return config_path


async def until(condition, seconds=60):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a thread finds out
            await asyncio.sleep(0.01)


async def test_a_browser_hears_at_once_what_another_process_commits(hub, database_urls, own_redis):
    edge = create_edge(hub)
    edge.use(routes_of(API))
    other = Database(*database_urls, redis_url=own_redis.url)
    token = log_in(hub, "admin", hub.institution).token
    headers = {"authorization": f"Bearer {token}"}
    try:
        async with Stream(edge, "/api/v1/events?topics=t.*", headers) as stream:
            for number in range(3):
                with other.unit(system_call(hub.institution)) as unit:
                    unit.outbox.append("t.happened", f"a:{number}", {})
                assert await stream.subjects(1) == [f"a:{number}"]
    finally:
        await other.close()


async def test_a_hub_without_its_redis_is_ready_and_says_so(hub, operator, own_redis):
    async def check():
        answer = await operator.get("/readyz")
        (found,) = [one for one in answer.json()["checks"] if one["name"] == "wakes"]
        return answer.status_code, found

    await until(lambda: not hub.database.wakes.fault)
    assert (await check())[1] == {"name": "wakes", "ok": True, "detail": "Redis", "cure": None}
    own_redis.kill()
    await until(lambda: hub.database.wakes.fault)
    status, found = await check()
    assert status == 200 and found["ok"] is None
    assert "works without it" in found["detail"] and "[redis] url" in found["cure"]
    own_redis.start()
    await until(lambda: not hub.database.wakes.fault)
    assert (await check())[1]["ok"] is True
