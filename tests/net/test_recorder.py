import json

import pytest
from aiohttp import web

from bloop.net.guard import Guard
from bloop.net.transport import NetworkTransport
from bloop_sdk import Request
from bloop_sdk._http.cassette import Recorder, Replay
from bloop_sdk.errors import AuthError, FatalError, UnavailableError
from tests.net.conftest import status


@pytest.fixture
def cassette(tmp_path):
    return tmp_path / "cassette.json"


@pytest.fixture
async def recorded(server, connect, cassette):
    """Send requests, close, and give the replaying client with what it was told the first time."""

    async def _recorded(*requests):
        recorder = Recorder(NetworkTransport(Guard(["127.0.0.1"])), cassette)
        client = connect(transport=recorder)
        told = [await client.send(request) for request in requests]
        await recorder.close()
        server.say(500)
        return connect(transport=Replay(cassette)), told

    return _recorded


async def test_what_was_recorded_is_played_back_without_the_network(recorded, server):
    async def page(request):
        number = int(request.query.get("page", "1"))
        link = f'<{server.url}/items?page={number + 1}>; rel="next"'
        return web.json_response({"page": number}, headers={"Link": link, "ETag": '"e"'})

    server.say(page)
    requests = [
        Request(url=f"{server.url}/items"),
        Request(url=f"{server.url}/items", params={"page": 2}),
        Request(url=f"{server.url}/items", method="POST", json_body={"a": 1}),
    ]
    client, told = await recorded(*requests)
    count = len(server.seen)
    for request, first in zip(requests, told, strict=True):
        again = await client.send(request)
        assert (again.status, again.json()) == (first.status, first.json())
        assert again.headers["link"] == first.headers["link"]
    assert len(server.seen) == count


async def test_no_secret_reaches_the_cassette_and_the_replay_needs_none(recorded, server, cassette):
    async def answer(request):
        return web.json_response(
            {
                "access_token": "s3cr3t",
                "user": {"email": "s3cr3t@x.example", "id": 7, "tokens": []},
                "list": [{"password": "s3cr3t"}, "see https://u:s3cr3t@h/ ", None],
                # As Moodle has them.
                "privatetoken": "s3cr3t",
                "userprivateaccesskey": "s3cr3t",
                "fileurl": "https://m.example/pluginfile.php/7/a.pdf?forcedownload=1&token=s3cr3t",
                "icon": "https://m.example/tokenpluginfile.php/s3cr3ts3cr3ts3cr3t/7/f1",
                "customdata": '{"d": 1, "token": "s3cr3t"}',
            },
            headers={
                "Set-Cookie": "session=s3cr3t",
                "Link": f'<{server.url}/next?token=s3cr3t&page=2>; rel="next"',
                "X-Request-Cost": "1",
            },
        )

    def requests(secret):
        return [
            Request(
                url=f"{server.url}/a?access_token={secret}&page=1",
                headers={"Authorization": f"Bearer {secret}", "Cookie": secret},
            ),
            Request(url=f"{server.url}/b", method="POST", form={"wstoken": secret, "f": "x"}),
            Request(url=f"{server.url}/c", method="POST", json_body={"client_secret": secret}),
            Request(url=f"{server.url}/d", method="POST", body=f"password={secret}".encode()),
        ]

    server.say(answer)
    client, _ = await recorded(*requests("s3cr3t"))
    text = cassette.read_text("utf-8")
    assert "s3cr3t" not in text
    assert "session" not in text
    for request in requests("another"):
        said = (await client.send(request)).json()
        assert said["user"]["id"] == 7
        assert said["list"][1] == "see https://**********@h/ "
    first = json.loads(text)["exchanges"][0]["response"]["headers"]
    assert first["x-request-cost"] == "1"
    assert first["link"] == f'<{server.url}/next?token=**********&page=2>; rel="next"'


async def test_the_same_request_gets_its_answers_in_order(recorded, server):
    server.say(status(200, "one"), status(200, "two"))
    request = Request(url=f"{server.url}/poll")
    client, _ = await recorded(request, request)
    assert [(await client.send(request)).text for _ in range(3)] == ["one", "two", "two"]


async def test_errors_and_retries_are_the_real_ones_in_a_replay(server, connect, cassette, pauses):
    recorder = Recorder(NetworkTransport(Guard(["127.0.0.1"])), cassette)
    client = connect(transport=recorder)
    server.say(status(503, "down", Retry_After="1"), status(401, "who?"))
    with pytest.raises(AuthError):
        await client.send(Request(url=server.url))
    recorder.save()
    tries = []
    replayed = connect(transport=Replay(cassette), on_try=tries.append)
    with pytest.raises(AuthError):
        await replayed.send(Request(url=server.url))
    assert [one.status for one in tries] == [503, 401]
    assert len(pauses) == 2
    assert all(pause >= 1 for pause in pauses)


async def test_bytes_and_broken_json_are_kept_as_they_are(recorded, server):
    async def binary(request):
        return web.Response(body=b"\x89PNG\xff\x00", content_type="image/png")

    server.say(binary, status(200, "{not json", Content_Type="application/json"))
    requests = [Request(url=f"{server.url}/i"), Request(url=f"{server.url}/j")]
    client, _ = await recorded(*requests)
    assert (await client.send(requests[0])).body == b"\x89PNG\xff\x00"
    assert (await client.send(requests[1])).body == b"{not json"


async def test_an_answer_that_broke_off_is_not_recorded(raw_server, connect, cassette, pauses):
    url = await raw_server([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"])
    recorder = Recorder(NetworkTransport(Guard(["127.0.0.1"])), cassette)
    with pytest.raises(UnavailableError):
        await connect(transport=recorder).send(Request(url=url))
    recorder.save()
    assert json.loads(cassette.read_text())["exchanges"] == []


async def test_what_was_not_recorded_is_told(recorded, server):
    client, _ = await recorded(Request(url=f"{server.url}/a"))
    with pytest.raises(FatalError, match=r"/b is not in cassette.json .record it again."):
        await client.send(Request(url=f"{server.url}/b"))


def test_a_cassette_of_another_version_is_refused(cassette):
    cassette.write_text('{"version": 9, "exchanges": []}')
    with pytest.raises(FatalError, match="no cassette of version 1"):
        Replay(cassette)
