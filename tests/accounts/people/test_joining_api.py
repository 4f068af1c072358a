"""`POST /api/v1/join`: by an invitation a program's user comes in, once, and from no other site."""

from __future__ import annotations

import pytest

from bloop.accounts.models import LoginSession, User
from bloop.accounts.people import invitations
from bloop.accounts.people.models import Invitation
from bloop.store.models import EVERY_INSTITUTION
from bloop_sdk import Role

JSON = {"accept": "application/json"}


@pytest.fixture
def invite(do):
    """Makes an invitation; gives its token."""

    def put(role=Role.EDUCATOR, email=None):
        return do(invitations.invite, role=role, email=email, hours=1).token

    return put


@pytest.fixture
def join(visit):
    """Sends a token with somebody's name and address; gives the answer and its client."""

    async def send(token, *, headers=(), **more):
        guest = await visit()
        body = {"token": token, "name": "Ada", "email": "ada@example.org", **more}
        return await guest.post("/api/v1/join", json=body, headers=JSON | dict(headers)), guest

    return send


async def test_who_is_invited_comes_in_with_the_role_and_a_session(invite, join, rows):
    token = invite()
    answer, client = await join(token)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    (ada,) = [user for user in rows(User) if user.role == "educator"]
    assert answer.json()["user"] == ada.id
    account = await client.get("/api/v1/account")
    assert (account.status_code, account.json()["role"]) == (200, "educator")
    change = {"x-csrf-token": answer.json()["csrf_token"]}
    (session,) = (await client.get("/api/v1/account/sessions")).json()["items"]
    path = f"/api/v1/account/sessions/{session['id']}"
    assert (await client.delete(path)).status_code == 403, "the cookie alone changes nothing"
    assert (await client.delete(path, headers=change)).status_code == 204
    assert (await client.get("/api/v1/account")).status_code == 401


async def test_a_token_that_is_used_up_or_none_is_refused_alike(invite, join, home, rows):
    token = invite()
    await join(token)
    people, sessions = len(rows(User)), len(rows(LoginSession))
    nowhere = (f"{home}.{'x' * 43}", f"{EVERY_INSTITUTION}.{'x' * 43}", "nonsense", "%00.x")
    for bad in (token, *nowhere):
        answer, client = await join(bad, email="eve@example.org")
        told = answer.json()
        assert (answer.status_code, told["code"]) == (403, "invitation_refused"), bad
        assert "set-cookie" not in answer.headers
        assert bad not in answer.text
        assert (await client.get("/api/v1/account")).status_code == 401
    assert (len(rows(User)), len(rows(LoginSession))) == (people, sessions)


async def test_one_for_an_address_is_for_nobody_elses(invite, join):
    token = invite(email="ada@example.org")
    answer, client = await join(token, email="eve@example.org")
    assert (answer.status_code, "ada@example.org" in answer.text) == (422, False)
    assert (await client.get("/api/v1/account")).status_code == 401
    assert (await join(token))[0].status_code == 201


async def test_an_address_that_somebody_has_is_told_and_uses_nothing_up(invite, join, rows):
    await join(invite())
    token = invite()
    answer, _ = await join(token)
    assert answer.status_code == 409
    assert [one.uses for one in rows(Invitation)] == [1, 0]
    assert (await join(token, email="bo@example.org"))[0].status_code == 201


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"role": "operator"}, "role"),
        ({"institution_id": "x"}, "institution_id"),
        ({"name": ""}, "name"),
        ({"email": "nobody"}, "email"),
    ],
)
async def test_a_body_with_more_or_less_than_asked_for_changes_nothing(
    invite, join, rows, wrong, field
):
    answer, _ = await join(invite(), **wrong)
    assert answer.status_code == 422
    assert [fault["field"].rpartition(".")[2] for fault in answer.json()["errors"]] == [field]
    assert [one.uses for one in rows(Invitation)] == [0]


async def test_another_sites_page_lets_nobody_in(invite, join, rows):
    token = invite()
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert (await join(token, headers=headers))[0].status_code == 403
    assert [one.uses for one in rows(Invitation)] == [0]
