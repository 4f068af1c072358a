"""The hub's way out keeps to what manifests declare."""

import asyncio

import pytest
from aiohttp import web

from bloop.hub.outside import Outside, Tally
from bloop.kernel.config_model import NetSection
from bloop_sdk import Manifest, PluginConfig, RateLimitedError, Request
from bloop_sdk.testing import ListLogger
from tests.net.conftest import status

NETWORK = {"at_once": 2, "windows": [[3, 3600]]}


def _manifest(network, id_="school"):
    return Manifest.model_validate(
        {
            "id": id_,
            "family": "lms",
            "name": "School",
            "summary": "A school.",
            "api": "1.0",
            "network": {"hosts": ["127.0.0.1"], **network},
        }
    )


@pytest.fixture
async def outside():
    made = Outside(NetSection(allow=("127.0.0.1",)))
    yield made
    await made.close()


async def test_the_windows_of_a_manifest_hold_for_each_connection_by_itself(server, outside):
    manifest = _manifest(NETWORK)
    own = {
        name: outside.client(manifest, PluginConfig(), *name[:1], connection=name[1])
        for name in [("one", "a"), ("one", "b"), ("two", "a")]
    }
    for client in own.values():
        for _ in range(3):
            await client.send(Request(url=server.url))
        with pytest.raises(RateLimitedError) as caught:
            await client.send(Request(url=server.url))
        assert 3500 < caught.value.retry_after <= 3600
    assert 3500 < outside.ahead(manifest, PluginConfig(), "one", "a", 3) <= 3600
    assert 7100 < outside.ahead(manifest, PluginConfig(), "one", "b", 4) <= 7200
    assert outside.ahead(manifest, PluginConfig(), "two", "b", 3) == 0.0
    # Another client of the same connection has no turns of its own.
    again = outside.client(manifest, PluginConfig(), "one", connection="a")
    with pytest.raises(RateLimitedError):
        await again.send(Request(url=server.url))
    assert len(server.seen) == 9


async def test_no_more_are_in_flight_than_a_manifest_allows(server, outside):
    running, most = 0, 0

    async def slow(request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return web.Response()

    server.say(slow)
    client = outside.client(_manifest({"at_once": 3}), PluginConfig(), "one", connection="a")
    await asyncio.gather(*(client.send(Request(url=server.url)) for _ in range(12)))
    assert most == 3


async def test_the_bucket_of_a_manifest_is_kept_to(server, outside):
    bucket = {"remaining": "X-Left", "cost": "X-Cost", "in_flight": 50, "refill": 10}

    async def nearly_empty(request):
        return web.Response(headers={"X-Left": "-400", "X-Cost": "1"})

    server.say(nearly_empty)
    client = outside.client(_manifest({"bucket": bucket}), PluginConfig(), "one", connection="a")
    await client.send(Request(url=server.url))
    with pytest.raises(RateLimitedError) as caught:
        await client.send(Request(url=server.url))
    assert 40 < caught.value.retry_after <= 46
    assert len(server.seen) == 1


async def test_each_try_is_counted_for_its_run_and_told_in_the_log(server, outside, monkeypatch):
    log = ListLogger()
    monkeypatch.setattr("bloop.hub.outside.log", log)
    server.say(status(500, "12345"), status(200, "12345"))
    tally = Tally()
    client = outside.client(_manifest({}), PluginConfig(), "one", connection="a", on_try=tally)
    await client.send(Request(url=f"{server.url}/courses?token=s3cr3t"))
    assert (tally.requests, tally.bytes) == (2, 10)
    told = [(fields["path"], fields["status"], fields["bytes"]) for _, _, fields in log.lines]
    assert told == [("/courses", 500, 5), ("/courses", 200, 5)]
    assert "s3cr3t" not in str(log.lines)
