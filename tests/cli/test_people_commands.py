from __future__ import annotations

from bloop.accounts.people.joining import Joined, accept
from bloop.accounts.service import token_institution
from bloop.accounts.sessions import system_call
from bloop.store.database import Database


def join(urls, url, **who):
    """What comes of a link that a command has printed."""
    token = url.partition("/join?token=")[2]
    database = Database(*urls)
    try:
        with database.unit(system_call(token_institution(token))) as unit:
            return accept(unit, token, **who)
    finally:
        database.close_now()


def test_people_from_the_invitation_to_the_end_of_an_account(bloop, hub_folder, database_urls):
    made = bloop("users", "invite", "--role", "admin", "--email", "Ada@example.org", "--json").json
    assert isinstance(join(database_urls, made["url"], name="Ada", email="ada@example.org"), Joined)
    found = bloop("users", "list", "--search", "ada", "--json").json["items"]
    assert [(one["name"], one["role"], one["state"]) for one in found] == [
        ("Ada", "admin", "active")
    ]
    assert (
        bloop("users", "role", "ADA@example.org", "educator", "--json").json["role"] == "educator"
    )
    assert bloop("users", "disable", found[0]["id"], "--json").json["state"] == "disabled"
    assert bloop("users", "list", "--state", "active", "--role", "educator", "--json").json == {
        "items": []
    }
    assert bloop("users", "enable", "ada@example.org", "--json").json["state"] == "active"
    shown = bloop("users", "show", "ada@example.org")
    assert "Ada" in shown.out and "educator" in shown.out
    assert bloop("users", "add", "Bo", "--email", "bo@example.org", "--json").json["name"] == "Bo"
    listed = bloop("users", "list").out
    assert "Bo" in listed and "ada@example.org" in listed


def test_what_can_not_be_is_told_with_its_cure(bloop, hub_folder):
    (operator,) = bloop("users", "list", "--role", "operator", "--json").json["items"]
    for arguments, words in (
        (("users", "disable", operator["id"]), "last operator"),
        (("users", "role", operator["id"], "learner"), "last operator"),
        (("users", "show", "nobody"), "bloop users list"),
        (("users", "list", "--institution", "nowhere"), "bloop institutions list"),
        (("users", "add", "Bo", "--email", "nobody"), "ada@example.org"),
    ):
        said = bloop(*arguments)
        assert (said.code, words in said.err) == (1, True), said
    assert bloop("users", "role", operator["id"], "king").code == 2


def test_institutions_have_their_own_people(bloop, hub_folder, database_urls):
    made = bloop("institutions", "add", "there", "Over There", "--json").json
    join(database_urls, made["url"], name="Dean", email="dean@example.org")
    found = bloop("users", "list", "--institution", "there", "--json").json["items"]
    assert [(one["name"], one["role"]) for one in found] == [("Dean", "admin")]
    assert bloop("users", "list", "--search", "dean", "--json").json == {"items": []}
    assert bloop("institutions", "rename", "there", "Elsewhere").code == 0
    listed = bloop("institutions", "list", "--json").json["items"]
    assert [one["name"] for one in listed] == ["Here", "Elsewhere"]
    assert "Elsewhere" in bloop("institutions", "list").out
    again = bloop("institutions", "add", "there", "Third")
    assert (again.code, "another slug" in again.err) == (1, True)
