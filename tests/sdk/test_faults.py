"""Faults, and the hub's client over a system in memory."""

import datetime as dt
import sys
import time
import types

import pytest

from bloop_sdk import AuthError, FatalError, MissingRecordError, RateLimitedError, Request
from bloop_sdk.errors import DeadlineError, UnavailableError
from bloop_sdk.testing import (
    Clock,
    Cut,
    FakeTransport,
    Faults,
    Garbled,
    Hang,
    Slow,
    Status,
    http_client,
    reply,
)
from bloop_sdk.testing.clock import wall_clock_off_by
from bloop_sdk.testing.faults import Killed, Steps

URL = "https://lms.example"


class Echo:
    """Says what arrived."""

    def __init__(self):
        self.seen = []

    async def answer(self, request):
        self.seen.append(request)
        if "moved" in request.url:
            return reply(status=302, headers={"Location": "https://evil.example/"})
        return reply({"params": dict(request.params), "text": "x" * 400})


@pytest.fixture
def system():
    return Echo()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def faults(system, clock):
    return Faults(FakeTransport(system), clock)


@pytest.fixture
def client(faults, clock):
    return http_client(faults, clock, hosts=frozenset({"lms.example"}))


async def stream(client):
    return b"".join([chunk async for chunk in client.stream(Request(url=f"{URL}/file"))])


async def test_a_request_arrives_as_the_other_side_would_see_it(client, system):
    form = Request(
        url=f"{URL}/a?x=1#part", method="POST", params={"y": ["2", "3"]}, form={"f": "ü"}
    )
    await client.send(form)
    await client.send(Request(url=URL, method="PUT", json_body={"a": 1}, headers={"X-Own": "1"}))
    first, second = system.seen
    assert first.url == f"{URL}/a?x=1&y=2&y=3"
    assert first.params == {"x": "1", "y": ["2", "3"]}
    assert (first.form, first.body) == ({"f": "ü"}, b"f=%C3%BC")
    assert (second.json_body, second.headers["x-own"]) == ({"a": 1}, "1")


async def test_hosts_and_redirects_are_the_hubs(client, system):
    with pytest.raises(FatalError, match="none of this plugin's hosts"):
        await client.send(Request(url="https://other.example/"))
    assert system.seen == []
    with pytest.raises(FatalError, match="another host"):
        await client.send(Request(url=f"{URL}/moved"))


async def test_a_fault_happens_to_the_requests_that_are_named(client, faults):
    faults.add(Status(401), path=r"^/b$", times=None)
    faults.add(Garbled(b"?"), request=2)
    assert (await client.send(Request(url=f"{URL}/a"))).json()["params"] == {}
    assert (await client.send(Request(url=f"{URL}/a"))).text == "?"
    with pytest.raises(AuthError):
        await client.send(Request(url=f"{URL}/b"))
    faults.clear()
    assert (await client.send(Request(url=f"{URL}/b"))).status == 200
    assert (len(faults.requests), faults.struck) == (4, 2)


async def test_a_wait_takes_no_time_and_is_counted(client, faults, clock):
    faults.add(Status(503, retry_after=20))
    began = time.monotonic()
    assert (await client.send(Request(url=URL))).status == 200
    assert clock.waited >= 20
    assert time.monotonic() - began < 10


async def test_whoever_was_asked_to_wait_long_is_held_back(client, faults, system, clock):
    faults.add(Status(429, retry_after=600))
    with pytest.raises(RateLimitedError) as caught:
        await client.send(Request(url=URL))
    assert caught.value.retry_after == 600
    with pytest.raises(RateLimitedError, match="asked to wait"):
        await client.send(Request(url=URL))
    assert system.seen == []
    await clock.sleep(590)
    assert (await client.send(Request(url=URL))).status == 200
    assert clock.waited >= 600


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Slow(), DeadlineError), (Hang(), DeadlineError), (Cut(), UnavailableError)],
)
async def test_what_is_late_or_broken_is_no_answer(fault, error, client, faults):
    faults.add(fault, times=None)
    with pytest.raises(error):
        await client.send(Request(url=URL))
    faults.clear()
    faults.add(fault)
    assert (await client.send(Request(url=URL))).status == 200


async def test_a_body_may_be_slow_within_its_deadline(client, faults, clock):
    faults.add(Slow(seconds=5))
    assert (await client.send(Request(url=URL))).json()["text"] == "x" * 400
    assert clock.waited >= 20


async def test_a_stream_breaks_off_where_it_is_cut(client, faults):
    whole = await stream(client)
    faults.add(Cut(after=10))
    with pytest.raises(UnavailableError, match="broke off"):
        await stream(client)
    faults.add(Garbled(None))
    assert await stream(client) == whole[: len(whole) // 2]
    faults.add(Status(404))
    with pytest.raises(MissingRecordError):
        await stream(client)


def test_after_a_kill_every_step_is_the_end():
    steps = Steps()
    done = []
    steps.plan(1, lambda: done.append("one"))
    steps.plan(2, steps.kill)
    steps.take()
    for _ in range(2):
        with pytest.raises(Killed):
            steps.take()
    assert (done, steps.count) == (["one"], 3)


def test_a_wall_clock_is_off_for_the_modules_of_one_package_alone(monkeypatch):
    module = types.ModuleType("bloop_clocks.inner")
    vars(module).update(time=time, now=time.time, datetime=dt, moment=dt.datetime, ns=time.time_ns)
    monkeypatch.setitem(sys.modules, "bloop_clocks.inner", module)
    true = dt.datetime.now(dt.UTC)
    with wall_clock_off_by(3600.0, "bloop_clocks"):
        assert module.time.time() - time.time() > 3500
        assert module.now() - time.time() > 3500
        assert module.ns() - time.time_ns() > 3500 * 10**9
        assert module.time.monotonic() - time.monotonic() < 10
        for kind in (module.datetime.datetime, module.moment):
            assert (kind.now(dt.UTC) - true).total_seconds() > 3500
            assert isinstance(true, kind)
            assert kind.utcnow().tzinfo is None
    assert module.moment is dt.datetime
    assert module.time is time
