import asyncio
import gzip
import json
import socket
import subprocess
import sys
import tracemalloc
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from bloop.net.pacer import HubPacer
from bloop_sdk import HttpClient, Request
from bloop_sdk._http.client import Bounds, Try
from bloop_sdk._http.outcome import retry_after
from bloop_sdk._http.wire import Pace
from bloop_sdk.errors import (
    AuthError,
    BudgetError,
    DeadlineError,
    FatalError,
    HostileInputError,
    MissingRecordError,
    PermissionMissingError,
    RateLimitedError,
    UnavailableError,
    UnsupportedError,
)
from tests.net.conftest import status


async def _echo(request):
    return web.json_response(
        {
            "method": request.method,
            "path": request.raw_path,
            "body": (await request.read()).decode(),
            "type": request.headers.get("Content-Type"),
            "cookie": request.headers.get("Cookie"),
            "agent": request.headers.get("User-Agent"),
        },
        headers={"Set-Cookie": "session=s3cr3t", "X-Mixed-Case": "1"},
    )


async def test_a_request_is_sent_as_it_is_written(server, connect):
    server.say(_echo)
    client = connect()
    checked: HttpClient = client
    response = await checked.send(
        Request(
            url=f"{server.url}/a%2Fb?sig=x%3D%2B&x[]=1#part",
            method="PUT",
            params={"page": 2, "include[]": ["items", "ä"]},
            json_body={"a": 1},
        )
    )
    said = response.json()
    assert (
        said["path"] == "/a%2Fb?sig=x%3D%2B&x[]=1&page=2&include%5B%5D=items&include%5B%5D=%C3%A4"
    )
    assert (said["method"], said["body"], said["type"]) == ("PUT", '{"a": 1}', "application/json")
    assert response.headers["x-mixed-case"] == "1"
    assert response.url.startswith(server.url)


async def test_forms_bodies_and_odd_letters_are_sent(server, connect):
    server.say(_echo)
    client = connect()
    form = await client.send(Request(url=server.url, method="POST", form={"a b": "ü&"}))
    assert form.json()["body"] == "a+b=%C3%BC%26"
    assert form.json()["type"] == "application/x-www-form-urlencoded"
    own = {"content-type": "application/x-own"}
    body = await client.send(Request(url=server.url, method="POST", body=b"x", headers=own))
    assert (body.json()["body"], body.json()["type"]) == ("x", "application/x-own")
    odd = await client.send(Request(url=f"{server.url}/ä?ö=ü"))
    assert odd.json()["path"] == "/%C3%A4?%C3%B6=%C3%BC"


async def test_cookies_are_neither_kept_nor_sent(server, connect):
    server.say(_echo)
    client = connect()
    await client.send(Request(url=server.url))
    assert (await client.send(Request(url=server.url))).json()["cookie"] is None


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding"])
async def test_headers_that_are_the_clients_are_refused(name, server, connect):
    with pytest.raises(FatalError, match="is the client's to set"):
        await connect().send(Request(url=server.url, headers={name: "1"}))


async def test_a_header_cannot_smuggle_a_second_one(server, connect):
    with pytest.raises(FatalError, match="cannot be sent"):
        await connect().send(Request(url=server.url, headers={"X-A": "1\r\nX-B: 2"}))
    assert server.seen == []


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (401, AuthError),
        (403, PermissionMissingError),
        (429, RateLimitedError),
        (500, UnavailableError),
        (503, UnavailableError),
        (529, UnavailableError),
    ],
)
async def test_a_status_becomes_the_contracts_error(code, error, server, connect, pauses):
    server.say(code)
    with pytest.raises(error) as caught:
        await connect().send(Request(url=f"{server.url}/x?token=s3cr3t"))
    assert type(caught.value) is error
    assert f"GET {server.url}/x was answered {code}" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("code", [200, 204, 304, 400, 404, 409, 412, 422])
async def test_other_statuses_are_the_callers_to_read(code, server, connect):
    server.say(status(code, "" if code in {204, 304} else "why"))
    assert (await connect().send(Request(url=server.url))).status == code


async def test_a_quota_that_is_used_up_is_not_waited_for(server, connect, pauses):
    body = '{"error": {"type": "insufficient_quota", "code": "credit_balance_exhausted"}}'
    server.say(status(429, body))
    client = connect()
    with pytest.raises(BudgetError) as caught:
        await client.send(Request(url=server.url))
    assert "credit" in caught.value.cure
    # For a bridge it is an answer, which the vendor's SDK reads.
    async with client.exchange(Request(url=server.url)) as answer:
        assert (answer.status, b"".join([one async for one in answer.chunks])) == (
            429,
            body.encode(),
        )
    assert (len(server.seen), pauses) == (2, [])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('{"error": {"code": "billing_not_active", "type": "billing_not_active"}}', BudgetError),
        ('{"error": {"message": "Request too large for gpt-4o on TPM"}}', UnsupportedError),
    ],
)
async def test_a_429_that_no_waiting_helps_is_not_waited_for(server, connect, pauses, body, error):
    server.say(status(429, body))
    with pytest.raises(error):
        await connect().send(Request(url=server.url))
    assert (len(server.seen), pauses) == (1, [])


async def test_an_older_canvas_that_says_403_for_too_many_is_understood(server, connect, pauses):
    server.say(status(403, "403 Forbidden (Rate Limit Exceeded)"), 200)
    assert (await connect().send(Request(url=server.url))).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_what_may_be_repeated_is_tried_again(method, server, connect, pauses):
    server.say(503, 500, 200)
    response = await connect().send(Request(url=server.url, method=method))
    assert (response.status, len(server.seen), len(pauses)) == (200, 3, 2)


async def test_tries_come_to_an_end(server, connect, pauses):
    server.say(503)
    with pytest.raises(UnavailableError):
        await connect(bounds=Bounds(tries=3)).send(Request(url=server.url))
    assert (len(server.seen), len(pauses)) == (3, 2)


async def test_a_write_is_not_repeated_unless_it_was_refused_or_has_a_key(server, connect, pauses):
    client = connect()
    server.say(503, 200)
    with pytest.raises(UnavailableError):
        await client.send(Request(url=server.url, method="POST"))
    assert len(server.seen) == 1
    server.say(503, 200)
    keyed = Request(url=server.url, method="POST", headers={"Idempotency-Key": "k"})
    assert (await client.send(keyed)).status == 200
    server.say(429, 200)
    assert (await client.send(Request(url=server.url, method="POST"))).status == 200


async def test_retry_after_is_a_floor_with_jitter_above(server, connect, pauses):
    server.say(status(503, Retry_After="2"), 200)
    await connect().send(Request(url=server.url))
    (pause,) = pauses
    assert 2 <= pause <= 2.5


async def test_what_is_too_long_to_wait_for_is_told_at_once(server, connect, pauses):
    server.say(status(429, Retry_After="300"))
    pacer = HubPacer()
    client = connect(pacer=pacer)
    with pytest.raises(RateLimitedError) as caught:
        await client.send(Request(url=server.url))
    assert (caught.value.retry_after, pauses, len(server.seen)) == (300, [], 1)
    # Whoever shares the credential hears it without asking the other side.
    with pytest.raises(RateLimitedError) as caught:
        await client.send(Request(url=server.url))
    assert 290 < caught.value.retry_after <= 300
    assert len(server.seen) == 1
    other = connect(pacer=pacer, credential="c2")
    server.say(200)
    assert (await other.send(Request(url=server.url))).status == 200


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 1.5 ", 1.5),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("1" * 5000, None),
        ("Mon, 99 Foo 2026", None),
    ],
)
def test_retry_after_is_read_or_left(value, seconds):
    assert retry_after({"retry-after": value}) == seconds


def test_retry_after_as_a_date_goes_by_the_servers_clock():
    sent = datetime(2020, 1, 1, tzinfo=UTC)
    later = format_datetime(sent + timedelta(seconds=90), usegmt=True)
    date = format_datetime(sent, usegmt=True)
    assert retry_after({"retry-after": later, "date": date}) == 90
    assert retry_after({"retry-after": date, "date": later}) == 0
    assert retry_after({"retry-after": later}) == 0
    assert retry_after({"retry-after": "Wed, 01 Jan 2020 00:01:30 -0000", "date": date}) == 90


async def _drip(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1000):
        await response.write(b".")
        await asyncio.sleep(0.05)
    return response


async def test_an_answer_that_drips_ends_at_the_deadline(server, connect):
    server.say(_drip)
    with pytest.raises(DeadlineError, match="no whole answer in time"):
        await connect(bounds=Bounds(tries=1)).send(Request(url=server.url, timeout=0.2))


async def test_a_server_that_is_silent_ends_at_the_deadline(raw_server, connect):
    url = await raw_server([b""] * 1000, pause=0.05)
    with pytest.raises(DeadlineError):
        await connect(bounds=Bounds(tries=1)).send(Request(url=url, timeout=0.2))


@pytest.mark.parametrize(
    "data",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"],
        [b"HTTP/1.1 200 OK\r\nContent-Len"],
        [b"garbage\r\n\r\n"],
        [b""],
    ],
)
async def test_an_answer_that_breaks_off_or_is_none_is_unavailable(
    data, raw_server, connect, pauses
):
    url = await raw_server(data)
    with pytest.raises(UnavailableError):
        await connect().send(Request(url=url))


async def test_a_whole_answer_after_a_broken_one_is_taken(server, connect, pauses):
    async def broken(request):
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        request.transport.close()
        return response

    server.say(broken, status(200, "whole"))
    assert (await connect().send(Request(url=server.url))).text == "whole"


async def test_more_than_the_length_that_was_told_is_never_part_of_the_answer(
    raw_server, connect, pauses
):
    url = await raw_server([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokSMUGGLED"])
    try:
        assert (await connect().send(Request(url=url))).text == "ok"
    except UnavailableError:
        assert len(pauses) == 3


async def test_a_host_that_refuses_is_unavailable_even_for_a_write(connect, pauses, free_port):
    with pytest.raises(UnavailableError, match="no connection"):
        await connect().send(Request(url=f"http://127.0.0.1:{free_port}/", method="POST"))
    assert len(pauses) == 3


async def test_a_name_that_nobody_knows_is_unavailable(connect, pauses):
    from tests.net.test_guard import Names

    class Nobody(Names):
        async def resolve(self, host, port=0, family=0):
            raise socket.gaierror("no such name")

    with pytest.raises(UnavailableError, match="not known"):
        await connect(resolver=Nobody()).send(Request(url="http://nobody.example/"))


async def test_a_server_without_a_trusted_certificate_is_refused_for_good(server, connect):
    with pytest.raises(FatalError, match="no trusted connection") as caught:
        await connect().send(Request(url=f"https://127.0.0.1:{server.port}/"))
    assert caught.value.code == "tls_failed"


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_its_bound_is_refused(declared, server, connect):
    async def large(request):
        response = web.StreamResponse()
        if declared:
            response.content_length = 10_000
        await response.prepare(request)
        await response.write(b"x" * 10_000)
        return response

    server.say(large)
    with pytest.raises(HostileInputError, match="more than 9999 bytes") as caught:
        await connect(bounds=Bounds(body_bytes=9999)).send(Request(url=server.url))
    assert caught.value.code == "body_too_large"
    assert len((await connect(bounds=Bounds(body_bytes=10_000)).send(Request(url=server.url))).body)


async def test_the_head_of_a_large_file_may_be_asked_for(server, connect):
    server.say(status(200, "x" * 10_000))
    client = connect(bounds=Bounds(body_bytes=10))
    assert (await client.send(Request(url=server.url, method="HEAD"))).status == 200


async def test_a_gzip_bomb_is_stopped_at_the_bound_of_what_comes_out(server, connect):
    bomb = gzip.compress(b"\0" * 200_000_000, 9)

    async def explode(request):
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        return web.Response(body=bomb, headers=headers)

    server.say(explode)
    tracemalloc.start()
    with pytest.raises(HostileInputError):
        await connect(bounds=Bounds(body_bytes=1_000_000)).send(Request(url=server.url))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


async def test_a_compressed_answer_is_read(server, connect):
    async def packed(request):
        assert "gzip" in request.headers["Accept-Encoding"]
        body = gzip.compress(b"text " * 1000)
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    server.say(packed)
    assert (await connect().send(Request(url=server.url))).body == b"text " * 1000


async def test_a_redirect_on_the_same_host_is_followed_with_its_own_query(server, connect):
    server.say(status(302, Location="/b?x=1"), _echo)
    response = await connect().send(Request(url=f"{server.url}/a", params={"page": 1}))
    assert response.json()["path"] == "/b?x=1"
    assert response.url == f"{server.url}/b?x=1"


async def test_a_redirect_without_a_place_is_the_callers_to_read(server, connect):
    server.say(302)
    assert (await connect().send(Request(url=server.url))).status == 302


async def test_a_redirect_loop_ends(server, connect):
    server.say(status(302, Location="/again"))
    with pytest.raises(FatalError, match="more than 5 redirects"):
        await connect().send(Request(url=server.url))
    assert len(server.seen) == 6


async def test_a_write_is_not_sent_twice_by_a_redirect(server, connect):
    server.say(status(307, Location="/b"))
    with pytest.raises(FatalError, match=r"redirect to http://127\.0\.0\.1, which only"):
        await connect().send(Request(url=server.url, method="POST", body=b"x"))
    assert len(server.seen) == 1


async def test_a_stream_comes_in_chunks_and_is_retried_until_it_begins(server, connect, pauses):
    async def long(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(20):
            await response.write(b"x" * 100_000)
        return response

    server.say(503, status(302, Location="/file"), long)
    chunks = [len(chunk) async for chunk in connect().stream(Request(url=server.url))]
    assert sum(chunks) == 2_000_000
    assert len(chunks) > 1


@pytest.mark.parametrize(
    ("code", "error"), [(404, MissingRecordError), (410, MissingRecordError), (204, FatalError)]
)
async def test_a_stream_of_anything_but_200_is_an_error(code, error, server, connect):
    server.say(code)
    with pytest.raises(error, match=f"was answered {code}"):
        await anext(connect().stream(Request(url=server.url)))


async def test_a_stream_that_breaks_off_says_so_and_one_that_is_left_frees_its_turn(
    raw_server, server, connect
):
    url = await raw_server([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"])
    with pytest.raises(UnavailableError, match="broke off"):
        _ = [chunk async for chunk in connect().stream(Request(url=url))]
    client = connect(pace=Pace(at_once=1))
    server.say(_drip, 200)
    stream = client.stream(Request(url=server.url))
    await anext(stream)
    await stream.aclose()
    assert (await client.send(Request(url=server.url))).status == 200


async def test_each_try_is_reported(server, connect, pauses):
    tries = []
    client = connect(on_try=tries.append)
    server.say(status(503, "no"), status(200, "fine"))
    await client.send(Request(url=f"{server.url}/x?token=s3cr3t"))
    assert [(t.method, t.host, t.status, t.bytes) for t in tries] == [
        ("GET", "127.0.0.1", 503, 2),
        ("GET", "127.0.0.1", 200, 4),
    ]
    assert all(isinstance(t, Try) and t.seconds > 0 for t in tries)


async def test_a_try_without_an_answer_is_reported_as_0(connect, pauses, free_port):
    tries = []
    client = connect(on_try=tries.append, bounds=Bounds(tries=1))
    with pytest.raises(UnavailableError):
        await client.send(Request(url=f"http://127.0.0.1:{free_port}/"))
    assert [t.status for t in tries] == [0]


async def test_a_cancelled_request_frees_its_turn(server, connect):
    client = connect(pace=Pace(at_once=1))
    server.say(_drip, 200)
    task = asyncio.ensure_future(client.send(Request(url=server.url)))
    while not server.seen:  # noqa: ASYNC110 - the server has no event to wait for
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await client.send(Request(url=server.url))).status == 200


def test_the_library_is_loaded_with_the_first_request_only():
    code = (
        "import bloop_sdk._http.client, bloop_sdk._http.cassette, bloop.net.transport, sys, json\n"
        "from bloop.net.guard import Guard\n"
        "bloop.net.transport.NetworkTransport(Guard())\n"
        "print(json.dumps(sorted({'aiohttp', 'yarl', 'structlog'} & {*sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
