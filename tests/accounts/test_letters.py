"""Links reach people by mail where a plugin brings messages, and nobody else learns of them."""

from __future__ import annotations

import asyncio
import re

import pytest
from sqlalchemy import select

from bloop.accounts.messages import letters
from bloop.accounts.messages.models import Message
from bloop.accounts.sessions import system_call
from tests.accounts.posting import folder
from tests.accounts.test_messages import ended


@pytest.fixture
def hub(posting_hub):
    return posting_hub


def messages(hub):
    with hub.database.reading(system_call(hub.institution)) as unit:
        return unit.session.scalars(select(Message).order_by(Message.created_at)).all()


async def brought(hub):
    """The texts of all messages, once each has been brought."""
    found = []
    for message in await asyncio.to_thread(messages, hub):
        await ended(hub, message.id)
        found.append((folder(hub) / message.id).read_text())
    return found


async def test_an_invitation_for_an_address_is_sent_there_and_its_link_works(hub, visit):
    admin = await visit("admin")
    body = {"role": "learner", "email": "ada@example.org"}
    token = (await admin.get("/api/v1/account", headers={"accept": "application/json"})).json()
    headers = {"x-csrf-token": token["csrf_token"], "accept": "application/json"}
    made = await admin.post("/api/v1/invitations", json=body, headers=headers)
    assert made.status_code == 201, made.text
    assert made.json()["mailed"] is True
    (text,) = await brought(hub)
    assert text.startswith("ada@example.org|You are invited to")
    path = re.search(r"http://[^/]+(/join\?token=\S+)", text)[1]
    assert path in made.json()["url"]
    guest = await visit()
    guest.headers["origin"] = "http://127.0.0.1:8080"
    assert "ada@example.org" not in (await guest.get(path)).text
    form = {"token": path.partition("=")[2], "name": "Ada", "email": "ada@example.org"}
    came = await guest.post("/join", data={**form, "institution": ""})
    assert (came.status_code, came.headers["location"]) == (303, "/account/password?first=true")


async def test_an_invitation_without_an_address_is_only_shown(hub, visit):
    admin = await visit("admin")
    account = await admin.get("/api/v1/account", headers={"accept": "application/json"})
    headers = {"x-csrf-token": account.json()["csrf_token"], "accept": "application/json"}
    made = await admin.post("/api/v1/invitations", json={"role": "learner"}, headers=headers)
    assert made.json()["mailed"] is False
    assert messages(hub) == []


async def test_a_forgotten_password_sends_a_link_to_who_there_is_and_says_the_same_to_all(
    hub, visit
):
    from bloop.accounts.models import User

    with hub.database.unit(system_call(hub.institution)) as unit:
        unit.session.add(User(name="Ada", email="ada@example.org", role="learner"))
        unit.session.add(User(name="Bob", email=None, role="learner"))
    guest = await visit()
    guest.headers["origin"] = "http://127.0.0.1:8080"
    told = {
        (await guest.post("/login/forgotten", data={"login": login, "institution": ""})).text
        for login in ("ada@example.org", "bob", "nobody@example.org")
    }
    assert len(told) == 1
    (text,) = await brought(hub)
    assert text.startswith("ada@example.org|A new password for")
    path = re.search(r"http://[^/]+(/login/reset\?token=\S+)", text)[1]
    assert (await guest.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (0.5, "30 minutes"),
        (1, "1 hour"),
        (2, "2 hours"),
        (36, "36 hours"),
        (48, "2 days"),
        (168, "7 days"),
    ],
)
def test_how_long_a_link_is_good_is_said_in_words(hours, words):
    assert f"once, for {words}" in letters.invitation("Bloop", "https://x", hours).text
