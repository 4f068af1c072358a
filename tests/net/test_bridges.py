"""Vendors' SDKs through the hub's client, over a real server."""

import asyncio
import io
import json
from functools import partial

import canvasapi
import httpx
import httpx2
import msal
import notion_client
import pytest
import requests
from aiohttp import web

from bloop.net.pacer import HubPacer
from bloop_sdk import (
    FatalError,
    HostileInputError,
    RateLimitedError,
    Request,
    UnavailableError,
)
from bloop_sdk._http.client import Bounds
from bloop_sdk._http.urls import AddressRefusedError
from bloop_sdk._http.wire import Pace
from bloop_sdk.bridges import httpx as httpx_bridge
from bloop_sdk.bridges import httpx2 as httpx2_bridge
from bloop_sdk.bridges import requests as requests_bridge
from tests.net.conftest import FAST, status

ASYNC = [(httpx, httpx_bridge), (httpx2, httpx2_bridge)]
PARTS = [b"a" * 70_000, b"b" * 70_000, b"c"]


async def _echo(request):
    said = {
        "method": request.method,
        "path": request.path_qs,
        "body": (await request.read()).decode(),
        "headers": {name.lower(): value for name, value in request.headers.items()},
    }
    return web.json_response(said, headers={"X-Own": "1", "Set-Cookie": "s=1"})


async def _parts(request):
    response = web.StreamResponse()
    response.enable_compression()
    await response.prepare(request)
    for part in PARTS:
        await response.write(part)
    return response


async def _breaks_off(request):
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"half")
    request.transport.close()
    return response


def _blocking(http):
    """A way to send for each blocking library: method, URL, body to status, headers, bytes."""

    def over_httpx(library, bridge):
        client = library.Client(transport=bridge.Transport(http))

        def send(method, url, **more):
            answer = client.request(method, url, **more)
            return answer.status_code, answer.headers, answer.content

        return send

    session = requests_bridge.session(http)

    def over_requests(method, url, content=None, **more):
        answer = session.request(method, url, data=content, **more)
        return answer.status_code, answer.headers, answer.content

    return [over_requests, *(over_httpx(*pair) for pair in ASYNC)]


def _waiting(http):
    """The same for the asynchronous ones."""

    def over_httpx(library, bridge):
        client = library.AsyncClient(transport=bridge.AsyncTransport(http))

        async def send(method, url, **more):
            answer = await client.request(method, url, **more)
            return answer.status_code, answer.headers, answer.content

        return send

    return [over_httpx(*pair) for pair in ASYNC]


async def _all(http, method, url, **more):
    """The answers, or errors, of every bridge."""
    blocking = [asyncio.to_thread(partial(send, method, url, **more)) for send in _blocking(http)]
    waiting = [send(method, url, **more) for send in _waiting(http)]
    return [await _caught(work) for work in blocking + waiting]


async def _caught(work):
    try:
        return await work
    except Exception as err:  # noqa: BLE001 - looked at by the test
        return err


async def test_every_bridge_sends_what_it_is_given_and_gives_what_comes(server, connect):
    server.say(_echo)
    more = {"content": "täxt", "params": {"a[]": "1 2"}, "headers": {"Authorization": "Bearer x"}}
    for code, headers, body in await _all(connect(), "POST", f"{server.url}/a%2Fb", **more):
        said = json.loads(body)
        assert (code, headers["x-own"]) == (200, "1")
        assert (said["method"], said["body"]) == ("POST", "täxt")
        assert said["headers"]["authorization"] == "Bearer x"
        assert said["headers"]["host"] == f"127.0.0.1:{server.port}"
        assert "a%5B%5D=1" in server.seen[-1].raw_path
        assert server.seen[-1].raw_path.startswith("/a%2Fb?")


async def test_a_compressed_body_in_pieces_arrives_whole(server, connect):
    server.say(_parts)
    for code, headers, body in await _all(connect(), "GET", server.url):
        assert (code, body) == (200, b"".join(PARTS))
        assert "content-encoding" not in headers


@pytest.mark.parametrize("code", [302, 304, 400, 401, 403, 404, 409, 418])
async def test_what_is_no_outage_is_the_sdks_to_read(server, connect, code):
    server.say(status(code, "" if code == 304 else "said", Link="<x>"))
    for found in await _all(connect(), "GET", server.url):
        assert found[0] == code


async def test_redirects_are_followed_as_the_library_does_it_and_to_our_hosts_alone(
    server, connect
):
    async def answer(request):
        if request.path == "/a":
            return web.Response(status=302, headers={"Location": request.query["to"]})
        return await _echo(request)

    server.say(answer)
    client = connect(hosts=frozenset({"127.0.0.1"}))
    session = requests_bridge.session(client)
    async with httpx.AsyncClient(
        transport=httpx_bridge.AsyncTransport(client), follow_redirects=True
    ) as waiting:
        for to, error in (("/b", None), ("https://elsewhere.example/", AddressRefusedError)):
            found = [
                await _caught(asyncio.to_thread(session.get, f"{server.url}/a", params={"to": to})),
                await _caught(waiting.get(f"{server.url}/a", params={"to": to})),
            ]
            if error:
                assert [type(one) for one in found] == [error, error]
            else:
                assert [one.json()["path"] for one in found] == [to, to]


async def test_files_forms_and_generators_are_sent_whole(server, connect):
    server.say(_echo)
    session = requests_bridge.session(connect())
    for body in (io.BytesIO(b"text"), iter([b"te", b"xt"]), "text", bytearray(b"text")):
        answer = await asyncio.to_thread(session.post, server.url, data=body)
        assert answer.json()["body"] == "text"
    answer = await asyncio.to_thread(session.post, server.url, files={"file": ("a.txt", b"text")})
    said = answer.json()
    assert 'filename="a.txt"' in said["body"]
    assert said["headers"]["content-type"].startswith("multipart/form-data; boundary=")


async def test_an_outage_is_tried_again_and_what_stays_is_an_answer(server, connect, pauses):
    server.say(status(503), status(502), status(200, "ok"))
    [found] = [await send("GET", server.url) for send in _waiting(connect())[:1]]
    assert (found[0], len(server.seen)) == (200, 3)
    server.say(status(503, "maintenance"))
    assert [one[0] for one in await _all(connect(), "GET", server.url)] == [503] * 5
    assert len(server.seen) == 3 + 5 * FAST.tries


@pytest.mark.parametrize(
    "limited", [status(429, Retry_After="600"), status(403, "403 Forbidden (Rate Limit Exceeded)")]
)
async def test_a_rate_limit_that_stays_is_raised_through_the_library(server, connect, limited):
    server.say(limited)
    for number in range(5):
        client = connect(bounds=Bounds(total_seconds=5, tries=1))
        kinds = [*_blocking(client), *_waiting(client)]
        send = kinds[number]
        work = asyncio.to_thread(send, "GET", server.url) if number < 3 else send("GET", server.url)
        with pytest.raises(RateLimitedError) as caught:
            await work
        assert caught.value.retry_after in {600.0, None}


async def test_what_breaks_off_raises_our_error_through_the_library(server, connect):
    server.say(_breaks_off)
    found = await _all(connect(), "GET", server.url)
    assert [type(one) for one in found] == [UnavailableError] * 5


async def test_guard_hosts_and_bounds_hold_for_sdks(server, connect):
    server.say(status(200, "x" * 2000))
    internal = await _all(connect(allow=()), "GET", server.url)
    elsewhere = await _all(connect(hosts=frozenset({"other.example"})), "GET", server.url)
    assert {type(one) for one in internal + elsewhere} == {AddressRefusedError}
    assert server.seen == []
    bounds = Bounds(total_seconds=5, stream_bytes=1000)
    assert {type(one) for one in await _all(connect(bounds=bounds), "GET", server.url)} == {
        HostileInputError
    }


async def test_sdks_take_turns_with_everybody(server, connect):
    tries, running, most = [], 0, 0

    async def slow(request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return web.Response(text="ok")

    server.say(slow)
    client = connect(pace=Pace(at_once=2), on_try=tries.append, pacer=HubPacer())
    kinds = _blocking(client)
    await asyncio.gather(
        *(asyncio.to_thread(send, "GET", server.url) for send in kinds for _ in range(3)),
        *(send("GET", server.url) for send in _waiting(client) for _ in range(3)),
        *(client.send(Request(url=server.url)) for _ in range(3)),
    )
    assert (most, len(tries)) == (2, 18)
    assert sum(one.bytes for one in tries) == 36


async def test_a_stream_comes_in_pieces_and_gives_its_place_back_when_it_is_left(server, connect):
    release = asyncio.Event()

    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await release.wait()
        return response

    server.say(endless)
    client = connect(pace=Pace(at_once=1))

    def read(session):
        with session.get(server.url, stream=True, timeout=30) as answer:
            return next(answer.iter_content(5))

    def read_httpx(library, bridge):
        with bridge.stream("GET", server.url) as answer:
            return next(answer.iter_bytes(5))

    async with asyncio.timeout(60):
        assert await asyncio.to_thread(read, requests_bridge.session(client)) == b"first"
        for library, bridge in ASYNC:
            made = library.Client(transport=bridge.Transport(client))
            assert await asyncio.to_thread(read_httpx, library, made) == b"first"
            async with (
                library.AsyncClient(transport=bridge.AsyncTransport(client)) as waiting,
                waiting.stream("GET", server.url) as answer,
            ):
                assert await anext(answer.aiter_bytes(5)) == b"first"
    release.set()


async def test_a_blocking_bridge_says_where_it_has_to_be_made_and_used(server, connect):
    client = connect()
    with pytest.raises(FatalError, match="outside the event loop"):
        await asyncio.to_thread(requests_bridge.session, client)
    with pytest.raises(FatalError, match="in the event loop"):
        requests_bridge.session(client).get(server.url)


async def test_canvasapi(server, connect):
    async def answer(request):
        assert request.headers["Authorization"] == "Bearer token"
        if request.path.endswith("/courses/1"):
            return web.json_response({"id": 1, "name": "Waves"})
        page = request.query.get("page", "1")
        headers = {"Link": f'<{server.url}/api/v1/courses/1/pages?page=2>; rel="next"'}
        pages = [{"page_id": int(page), "url": f"p{page}", "title": "Page"}]
        return web.json_response(pages, headers=headers if page == "1" else {})

    server.say(answer)
    with pytest.warns(UserWarning, match="HTTPS"):
        canvas = canvasapi.Canvas(server.url, "token")
    canvas._Canvas__requester._session = requests_bridge.session(connect())

    def read():
        course = canvas.get_course(1)
        return course.name, [page.url for page in course.get_pages()]

    assert await asyncio.to_thread(read) == ("Waves", ["p1", "p2"])
    server.say(status(404, "{}"))
    with pytest.raises(canvasapi.exceptions.ResourceDoesNotExist):
        await asyncio.to_thread(canvas.get_course, 2)
    server.say(status(429, Retry_After="500"))
    with pytest.raises(RateLimitedError):
        await asyncio.to_thread(canvas.get_course, 2)


async def test_notion_client(server, connect):
    async def answer(request):
        assert request.headers["Notion-Version"]
        return web.json_response({"results": [], "has_more": False, "asked": await request.json()})

    server.say(answer)
    http = httpx.AsyncClient(transport=httpx_bridge.AsyncTransport(connect()))
    notion = notion_client.AsyncClient(client=http, auth="secret", base_url=server.url)
    assert (await notion.search(query="waves"))["asked"] == {"query": "waves"}
    server.say(status(404, json.dumps({"code": "object_not_found", "message": "gone"})))
    with pytest.raises(notion_client.APIResponseError) as caught:
        await notion.pages.retrieve("1" * 32)
    assert caught.value.code == "object_not_found"
    server.say(status(429, Retry_After="300"))
    with pytest.raises(RateLimitedError) as limited:
        await notion.search(query="waves")
    assert limited.value.retry_after == 300


async def test_msal(server, connect):
    authority = f"https://127.0.0.1:{server.port}/tenant"

    async def answer(request):
        if request.path.endswith("openid-configuration"):
            found = {"authorization_endpoint": f"{authority}/authorize", "issuer": authority}
            return web.json_response({**found, "token_endpoint": f"{authority}/token"})
        form = await request.post()
        assert form["grant_type"] == "client_credentials"
        return web.json_response({"access_token": "made", "expires_in": 3600})

    server.say(answer)
    session = requests_bridge.session(connect())
    # msal wants https, which the server here has not: the bridge is where it is plain.
    original = session.send
    session.send = lambda request, **more: original(_plain(request), **more)

    def log_in():
        app = msal.ConfidentialClientApplication(
            "id",
            client_credential="secret",
            authority=authority,
            validate_authority=False,
            instance_discovery=False,
            http_client=session,
        )
        return app.acquire_token_for_client(["https://graph.example/.default"])

    assert (await asyncio.to_thread(log_in))["access_token"] == "made"
    assert len(server.seen) == 2


def _plain(request: requests.PreparedRequest):
    request.url = request.url.replace("https://", "http://")
    return request
