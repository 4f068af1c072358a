"""Links reach people by mail where a plugin brings messages, and nobody else learns of them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from sqlalchemy import select

from bloop.accounts.languages import NAMES
from bloop.accounts.messages import letters
from bloop.accounts.messages.models import Message
from bloop.accounts.sessions import system_call
from bloop_sdk.translations import translation_faults
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


async def test_a_letter_is_in_the_receivers_language_and_else_in_that_of_who_asked(hub, visit):
    from bloop.accounts.models import User

    with hub.database.unit(system_call(hub.institution)) as unit:
        for name, language in (("ada", "ar"), ("bob", None)):
            email = f"{name}@example.org"
            unit.session.add(User(name=name, email=email, role="learner", language=language))
    guest, admin = await visit(), await visit("admin")
    guest.headers["origin"] = "http://127.0.0.1:8080"
    for client in (guest, admin):
        client.headers["accept-language"] = "de"
    for login in ("ada@example.org", "bob@example.org"):
        await guest.post("/login/forgotten", data={"login": login, "institution": ""})
    account = await admin.get("/api/v1/account", headers={"accept": "application/json"})
    headers = {"x-csrf-token": account.json()["csrf_token"], "accept": "application/json"}
    for email in ("Ada@example.org", "eve@example.org"):
        body = {"role": "learner", "email": email}
        made = await admin.post("/api/v1/invitations", json=body, headers=headers)
        assert made.json()["mailed"] is True
    subjects = {tuple(text.split("|")[:2]) for text in await brought(hub)}
    assert subjects == {
        ("ada@example.org", "كلمة سر جديدة في Here"),
        ("bob@example.org", "Ein neues Passwort für Here"),
        ("ada@example.org", "أنت مدعو إلى Here"),
        ("eve@example.org", "Sie sind zu Here eingeladen"),
    }


def test_letters_say_all_in_each_language():
    folder = Path(letters.__file__).parent
    assert {path.stem for path in (folder / "locale").glob("*.po")} == set(NAMES) - {"en"}
    assert translation_faults(folder) == []
    assert "7 أيام" in letters.invitation("Bloop", "https://x", 168, "ar").text
    assert "30 Minuten lang" in letters.password_reset("Bloop", "https://x", 30, "de").text


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
