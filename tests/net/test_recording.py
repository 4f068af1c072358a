"""Recording a system's answers with nothing but the SDK, and playing them back with faults."""

import json

import pytest
from aiohttp import web
from pydantic import SecretBytes, SecretStr

from bloop_sdk import FatalError, PluginConfig, Request, setting
from bloop_sdk.errors import DeadlineError, UnavailableError
from bloop_sdk.testing import Cut, Status, recorded
from bloop_sdk.testing.recording import HttpxTransport


class Config(PluginConfig):
    token: SecretStr = setting(description="Access token")
    key: SecretBytes = setting(b"", description="Signing key")


def config(token="tok/en+1"):
    return Config(token=token)


@pytest.fixture
def cassette(tmp_path):
    return tmp_path / "cassettes" / "shelf.json"


@pytest.fixture
def record(monkeypatch):
    monkeypatch.setenv("BLOOP_RECORD", "1")
    return monkeypatch


async def test_what_a_real_system_answered_is_played_back(server, cassette, record):
    async def page(request):
        link = f'<{server.url}/items?page=2>; rel="next"'
        return web.json_response({"n": 1}, headers={"Link": link, "Set-Cookie": "session=s3cr3t"})

    server.say(page)
    request = Request(url=f"{server.url}/items", params={"page": 1})
    async with recorded(cassette) as recording:
        assert recording.live
        first = await recording.http.send(request)
    record.delenv("BLOOP_RECORD")
    count = len(server.seen)
    async with recorded(cassette) as recording:
        assert not recording.live
        again = await recording.http.send(request)
    assert (again.status, again.json()) == (first.status, {"n": 1})
    assert again.headers["link"] == first.headers["link"]
    assert len(server.seen) == count
    assert "s3cr3t" not in cassette.read_text()


async def test_a_secret_setting_is_blanked_wherever_it_stands(server, cassette, record):
    async def odd(request):
        await request.read()
        return web.json_response({"note": "you sent tok/en+1", "id": 1})

    server.say(odd)

    def requests(token, written):
        return [
            Request(url=f"{server.url}/t/{written}/items", params={"who": token}),
            Request(url=f"{server.url}/form", method="POST", form={"w": token}),
            Request(url=f"{server.url}/json", method="POST", json_body={"nested": [token]}),
        ]

    async with recorded(cassette, config=config()) as recording:
        for request in requests("tok/en+1", "tok%2Fen%2B1"):
            await recording.http.send(request)
    text = cassette.read_text()
    assert "tok/en" not in text
    assert "tok%2Fen" not in text
    record.delenv("BLOOP_RECORD")
    async with recorded(cassette, config=config("another")) as recording:
        for request in requests("another", "another"):
            assert (await recording.http.send(request)).json()["id"] == 1


async def test_faults_lie_in_front_of_a_cassette(server, cassette, record):
    request = Request(url=f"{server.url}/a")
    async with recorded(cassette) as recording:
        await recording.http.send(request)
    record.delenv("BLOOP_RECORD")
    async with recorded(cassette) as recording:
        recording.faults.add(Status(503, retry_after=3))
        assert (await recording.http.send(request)).text == "ok"
        assert len(recording.faults.requests) == 2
        recording.faults.add(Cut(), times=None)
        with pytest.raises(UnavailableError, match="broke off"):
            await recording.http.send(request)


async def test_a_test_that_fails_writes_no_cassette(server, cassette, record):
    async def fail():
        async with recorded(cassette) as recording:
            await recording.http.send(Request(url=server.url))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert not cassette.exists()


async def test_a_missing_cassette_says_how_to_record_it(cassette):
    with pytest.raises(FatalError, match="BLOOP_RECORD=1 pytest"):
        async with recorded(cassette):
            pass


async def test_the_library_for_recording_fails_in_the_contracts_words(
    server, raw_server, free_port
):
    network = HttpxTransport()

    async def get(url, total=5.0):
        async with network.open(Request(url=url), total=total, idle=5.0) as answer:
            return b"".join([chunk async for chunk in answer.chunks])

    try:
        with pytest.raises(UnavailableError, match="no connection"):
            await get(f"http://127.0.0.1:{free_port}/")
        with pytest.raises(UnavailableError, match="broke off"):
            await get(await raw_server([b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"]))
        with pytest.raises(DeadlineError, match="in time"):
            await get(
                await raw_server([b"HTTP/1.1 200 OK\r\n\r\n", *[b"x"] * 50], pause=0.05), total=0.1
            )
        with pytest.raises(FatalError, match="cannot be sent"):
            await get("ftp://127.0.0.1/")
        server.say(500)
        assert await get(server.url) == b""
    finally:
        await network.close()


async def test_waits_are_real_while_recording(server, cassette, record):
    server.say(503, 200)
    slept = []
    record.setattr("bloop_sdk.testing.recording.asyncio.sleep", _noted(slept))
    async with recorded(cassette) as recording:
        await recording.http.send(Request(url=server.url))
    assert len(slept) == 1
    said = [one["response"]["status"] for one in json.loads(cassette.read_text())["exchanges"]]
    assert said == [503, 200]


def _noted(slept):
    async def sleep(seconds):
        slept.append(seconds)

    return sleep
