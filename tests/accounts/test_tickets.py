"""What a frame without cookies shows files by: bound to a session, an address and a time."""

from __future__ import annotations

import re

import pytest

from bloop.accounts import tickets
from bloop.accounts.service import token_hash
from bloop.accounts.sessions import system_call
from bloop.content import service
from bloop.content.models import Item
from bloop.hub import Hub

NOW = 1_800_000_000.0
WHO = ("1" * 36, "2" * 36)
PATH = "/framed/c/a b.png"
PICTURE = b"GIF89a" + bytes(20)


def issued(path=PATH, now=NOW, hashed="h"):
    return tickets.read(tickets.issue(*WHO, hashed, path, now).encode())


def test_a_ticket_opens_one_address_of_one_session_for_some_hours():
    ticket = issued()
    assert (ticket.institution, ticket.session) == WHO
    assert ticket.opens(PATH, "h", NOW)
    assert ticket.opens(PATH, "h", NOW + tickets.HOURS * 3600)
    assert not ticket.opens(PATH, "h", NOW + (tickets.HOURS + 1) * 3600)
    assert not ticket.opens(PATH + "x", "h", NOW)
    assert not ticket.opens(PATH, "of another session", NOW)


def test_a_ticket_that_was_given_more_time_opens_nothing():
    ticket = issued()
    longer = tickets.Ticket(ticket.institution, ticket.session, ticket.until + 3600, ticket.mac)
    assert not longer.opens(PATH, "h", NOW)


def test_an_address_stays_the_same_for_an_hour():
    start = NOW - NOW % 3600
    assert issued(now=start) == issued(now=start + 3599)
    assert issued(now=start) != issued(now=start + 3600)


@pytest.mark.parametrize(
    "query",
    [b"", b"by=", b"by=a.b.c", b"by=a.b.-1.d", b"by=a.b.\xb2.d", b"by=a.b.1.d.e", b"x=1",
     b"by=" + b"a" * 400],
)  # fmt: skip
def test_what_is_no_ticket_is_none(query):
    assert tickets.read(query) is None


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
def lesson(hub):
    """A page for members that shows a picture of its course."""
    ref = hub.blobs.put(iter([PICTURE]))
    with hub.database.unit(system_call(hub.institution)) as unit:
        course = service.create_container(unit, title="Waves", published=True)
        shown = service.add_file(
            unit, course.id, name="a.gif", media_type="image/gif", sha256=ref.sha256, size=ref.size
        )
        html = f'<img src="bloop:file:{shown.id}"><a href="bloop:file:{shown.id}">a</a>'
        item = service.create_item(unit, course.id, kind="page", title="Sound", html=html)
        for one in (shown, item):
            service.publish(unit, Item, one.id, None, lambda item, principal: None)
        return item.id


def picture_in(text):
    return re.search(r'src="(/framed/[^"]+)"', text)[1].replace("&amp;", "&")


async def test_a_frame_shows_pictures_without_a_cookie_until_the_session_ends(hub, visit, lesson):
    learner, frame = await visit("learner"), await visit()
    address = picture_in((await learner.get(f"/lessons/{lesson}/text")).text)

    answer = await frame.get(address)

    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"].startswith("private")
    path, _, query = address.partition("?")
    assert (await frame.get(path)).status_code == 401
    assert (await frame.get(f"{path}x?{query}")).status_code == 401
    for other in ("/api/v1/account", f"/lessons/{lesson}", path.replace("/framed/", "/files/")):
        assert (await frame.get(f"{other}?{query}")).status_code == 401, other

    token = learner.cookies[hub.sessions.cookie]
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', (await learner.get("/")).text)[1]
    await learner.post("/logout", data={"csrf": csrf}, headers={"sec-fetch-site": "same-origin"})
    assert token_hash(token) not in address
    assert (await frame.get(address)).status_code == 401


async def test_a_ticket_shows_what_its_reader_may_see_and_no_more(hub, visit, lesson):
    learner, frame = await visit("learner"), await visit()
    address = picture_in((await learner.get(f"/lessons/{lesson}/text")).text)
    with hub.database.unit(system_call(hub.institution)) as unit:
        for item in unit.session.query(Item).filter_by(kind="file"):
            item.published = False
    assert (await frame.get(address)).status_code == 404
