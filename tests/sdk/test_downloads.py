"""Files that a system keeps elsewhere, and requests that are sent once."""

from __future__ import annotations

import pytest

from bloop_sdk import DeadlineError, FatalError, Request, UnavailableError
from bloop_sdk._http.urls import AddressRefusedError
from bloop_sdk.testing import Clock, FakeTransport, Faults, Hang, Status, http_client, reply

HERE, THERE = "https://lms.example", "https://files.example"
SECRET = {"Authorization": "Bearer s", "X-Key": "s", "Range": "bytes=2-3"}


class Elsewhere:
    """Leads from the system to where its files are."""

    def __init__(self, target=f"{THERE}/1?token=t"):
        self.target = target
        self.seen = []

    async def answer(self, request):
        self.seen.append(request)
        if request.url.startswith(HERE):
            return reply(b"", status=302, headers={"location": self.target})
        return reply(b"bytes", status=206 if "range" in request.headers else 200)


def client(system, *, downloads=(THERE,), hosts=(HERE,)):
    def names(urls):
        return frozenset(url.removeprefix("https://") for url in urls)

    return http_client(FakeTransport(system), hosts=names(hosts), downloads=names(downloads))


async def test_a_redirect_to_a_host_of_downloads_is_followed_without_the_credential():
    system = Elsewhere()
    request = Request(url=f"{HERE}/files/1", headers=SECRET, params={"wrap": 1})
    response = await client(system).send(request)
    assert (response.body, response.url) == (b"bytes", f"{THERE}/1?token=t")
    first, second = system.seen
    assert first.headers["authorization"] == "Bearer s"
    assert second.headers == {"range": "bytes=2-3"}


@pytest.mark.parametrize(
    "secret", [{"body": b"token=s"}, {"json_body": {"token": "s"}}, {"form": {"token": "s"}}]
)
async def test_a_body_is_told_the_system_alone(secret):
    system = Elsewhere()
    assert (await client(system).send(Request(url=f"{HERE}/1", **secret))).body == b"bytes"
    assert [bool(one.body) for one in system.seen] == [True, False]
    with pytest.raises(AddressRefusedError, match="none of this plugin's hosts"):
        await client(system).send(Request(url=f"{THERE}/1", **secret))
    assert len(system.seen) == 2


async def test_it_is_followed_from_there_as_well():
    system = Further()
    found = client(system, downloads=(THERE, "*.files.example")).stream(Request(url=f"{HERE}/1"))
    assert [one async for one in found] == [b"bytes"]
    assert system.seen == [*ONWARD, "https://cdn.files.example/"]


ONWARD = {f"{HERE}/1": f"{THERE}/1", f"{THERE}/1": "https://cdn.files.example/"}


class Further:
    """Leads on twice."""

    def __init__(self):
        self.seen = []

    async def answer(self, request):
        self.seen.append(request.url)
        target = ONWARD.get(request.url)
        if target is None:
            return reply(b"bytes")
        return reply(b"", status=302, headers={"location": target})


@pytest.mark.parametrize(
    "target", ["https://other.example/1", "http://files.example/1", "https://files.example.evil/1"]
)
async def test_a_redirect_to_any_other_host_or_to_plain_http_is_refused(target):
    system = Elsewhere(target)
    with pytest.raises(AddressRefusedError, match="redirect to another host"):
        await client(system).send(Request(url=f"{HERE}/files/1", headers=SECRET))
    assert len(system.seen) == 1


async def test_a_write_is_not_redirected_there():
    with pytest.raises(FatalError, match="only GET and HEAD"):
        await client(Elsewhere()).send(Request(url=f"{HERE}/1", method="PUT", body=b"x"))


async def test_a_host_of_downloads_is_asked_directly_without_a_credential_alone():
    system = Elsewhere()
    assert (await client(system).send(Request(url=f"{THERE}/1"))).body == b"bytes"
    for request in (
        Request(url=f"{THERE}/1", headers=SECRET),
        Request(url=f"{THERE}/1", method="POST", body=b"x"),
    ):
        with pytest.raises(AddressRefusedError, match="none of this plugin's hosts"):
            await client(system).send(request)
    assert len(system.seen) == 1


@pytest.mark.parametrize(("once", "tries"), [(False, 4), (True, 1)])
@pytest.mark.parametrize(
    ("fault", "error"), [(Status(503), UnavailableError), (Hang(), DeadlineError)]
)
async def test_what_may_be_sent_once_is_not_tried_again_after_an_answer_that_was_lost(
    once, tries, fault, error
):
    faults = Faults(FakeTransport(Elsewhere()), Clock())
    faults.add(fault, times=None)
    with pytest.raises(error):
        await http_client(faults).send(Request(url=THERE, method="PUT", once=once))
    assert len(faults.requests) == tries


async def test_it_is_tried_again_where_it_was_not_taken():
    faults = Faults(FakeTransport(Elsewhere()), Clock())
    faults.add(Status(429), times=2)
    assert (
        await http_client(faults).send(Request(url=THERE, method="PUT", once=True))
    ).status == 200
    assert len(faults.requests) == 3
