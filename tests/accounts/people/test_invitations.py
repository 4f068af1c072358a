"""Invitations: good for what they say, and for no one use more."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from bloop.accounts.models import LoginSession, User
from bloop.accounts.people import invitations
from bloop.accounts.people.joining import Joined, Refusal, accept
from bloop.accounts.people.models import Invitation
from bloop.accounts.service import token_hash
from bloop.accounts.sessions import system_call
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.models import AuditLine, OutboxEvent
from bloop.store.types import utcnow
from bloop_sdk import Role


@pytest.fixture
def invite(do):
    """Makes an invitation; gives its token."""

    def put(role=Role.LEARNER, email=None, uses=1):
        return do(invitations.invite, role=role, email=email, hours=1, uses=uses).token

    return put


@pytest.fixture
def come(do):
    """Uses a token; gives what came of it."""

    def use(token, name="Ada", email="ada@example.org"):
        return do(accept, token, name=name, email=email)

    return use


def test_an_invitation_makes_a_user_with_its_role_and_lets_them_in(invite, come, rows, said):
    came = come(invite(Role.EDUCATOR))
    assert isinstance(came, Joined)
    (user,) = [one for one in rows(User) if one.role == "educator"]
    assert (user.name, user.email, user.email_verified_at) == ("Ada", "ada@example.org", None)
    (session,) = rows(LoginSession)
    assert (session.user_id, session.method) == (user.id, "link")
    assert session.token_hash == token_hash(came.session.token)
    actions, topics = said()
    assert actions == ["invitations:create", "invitations:use", "account.logged_in"]
    assert topics[-3:] == ["user.invited", "user.created", "user.logged_in"]


def test_its_token_is_kept_nowhere(invite, come, rows):
    token = invite()
    come(token)
    (kept,) = rows(Invitation)
    assert kept.token_hash == token_hash(token)
    said = [
        repr(vars(row)) for model in (Invitation, AuditLine, OutboxEvent) for row in rows(model)
    ]
    assert token not in "".join(said) and token.partition(".")[2] not in "".join(said)


@pytest.mark.parametrize("why", ["used", "expired", "withdrawn", "unknown"])
def test_what_is_no_longer_good_lets_nobody_in_and_does_not_say_why(
    why, invite, come, do, rows, home, hub
):
    token = invite()
    if why == "used":
        come(token, email="first@example.org")
    elif why == "expired":
        past = utcnow() - timedelta(seconds=1)
        with hub.database.unit(system_call(home)) as unit:
            unit.session.execute(update(Invitation).values(expires_at=past))
    elif why == "withdrawn":
        (made,) = rows(Invitation)
        do(invitations.withdraw, made.id, None)
    else:
        token = f"{home}.{'x' * 43}"
    before = len(rows(User))
    came = come(token)
    assert came is Refusal.OVER
    assert came.error().code == "invitation_refused"
    assert len(rows(User)) == before
    refused = [line for line in rows(AuditLine) if line.action == "invitations:refuse"]
    assert len(refused) == (why != "unknown")


def test_one_for_an_address_is_for_that_alone_and_stays_good(invite, come, rows):
    token = invite(email="Ada@Example.org")
    assert come(token, email="eve@example.org") is Refusal.ADDRESS
    assert [line.action for line in rows(AuditLine)][-1] == "invitations:refuse"
    assert isinstance(come(token, email="ADA@example.org"), Joined)


def test_what_makes_no_user_uses_nothing_up(invite, come, rows):
    token = invite(uses=2)
    come(token)
    with pytest.raises(ConflictError):
        come(token)
    for wrong in ({"name": " "}, {"email": "nobody"}):
        with pytest.raises(InvalidError):
            come(token, **{"email": "b@example.org"} | wrong)
    assert [one.uses for one in rows(Invitation)] == [1]
    assert isinstance(come(token, email="b@example.org"), Joined)


@pytest.mark.parametrize("uses", [1, 3])
def test_of_many_who_come_at_once_as_many_get_in_as_it_is_good_for(hub, home, invite, rows, uses):
    token, many = invite(uses=uses), 8
    together, came = threading.Barrier(many, timeout=60), []

    def come(number):
        together.wait()
        try:
            with hub.database.unit(system_call(home)) as unit:
                found = accept(unit, token, name="Ada", email=f"ada{number}@example.org")
            came.append(found)
        except Exception as err:  # noqa: BLE001 - told by the assertion
            came.append(err)

    threads = [threading.Thread(target=come, args=(number,)) for number in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert sum(isinstance(one, Joined) for one in came) == uses, came
    assert came.count(Refusal.OVER) == many - uses, came
    assert sum(user.role == "learner" for user in rows(User)) == uses
    assert [(one.uses, one.row_version) for one in rows(Invitation)] == [(uses, uses + 1)]


@pytest.mark.parametrize("same", ["token", "address"])
def test_two_who_bring_one_address_become_one_user(hub, home, invite, rows, same):
    tokens = [invite(uses=2)] * 2 if same == "token" else [invite(), invite()]
    together, came = threading.Barrier(2, timeout=60), []

    def come(token):
        together.wait()
        try:
            with hub.database.unit(system_call(home)) as unit:
                came.append(accept(unit, token, name="Ada", email="ada@example.org"))
        except ConflictError as err:
            came.append(err)

    threads = [threading.Thread(target=come, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert sorted(type(one).__name__ for one in came) == ["ConflictError", "Joined"]
    assert sum(user.email == "ada@example.org" for user in rows(User)) == 1
    assert sum(one.uses for one in rows(Invitation)) == 1


NONSENSE = [
    ({"hours": 0}, "hours"),
    ({"hours": 24 * 91}, "hours"),
    ({"uses": 0}, "uses"),
    ({"uses": 1001}, "uses"),
    ({"uses": 2, "email": "a@example.org"}, "uses"),
    ({"email": "nobody"}, "email"),
]


async def test_one_that_makes_no_sense_is_refused(come_in):
    admin = come_in("admin")
    for wrong, field in NONSENSE:
        answer = await admin.post("/invitations", json=wrong)
        assert answer.status_code == 422
        faults = [fault["field"].rpartition(".")[2] for fault in answer.json()["errors"]]
        assert faults == [field]


async def test_an_invitation_is_made_listed_and_withdrawn(come_in, come):
    admin = come_in("admin")
    made = await admin.post("/invitations", json={"role": "educator", "uses": 2, "hours": 2})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    invitation = made.json()
    token = invitation["url"].partition("/join?token=")[2]
    (listed,) = (await admin.get("/invitations")).json()["items"]
    assert listed == {
        key: value for key, value in invitation.items() if key not in {"url", "mailed"}
    }
    assert (listed["state"], listed["created_by"]) == ("open", f"user:{admin.user}")
    come(token)
    path = f"/invitations/{invitation['id']}"
    stale = await admin.delete(path, headers={"if-match": made.headers["etag"]})
    assert stale.status_code == 412
    current = (await admin.get(path)).headers["etag"]
    assert (await admin.delete(path, headers={"if-match": current})).status_code == 204
    assert (await admin.get(path)).json()["state"] == "withdrawn"
    assert come(token, email="b@example.org") is Refusal.OVER
    assert "token" not in (await admin.get("/invitations")).text


async def test_an_admin_withdraws_none_that_makes_operators(come_in):
    operator, admin = come_in("operator"), come_in("admin")
    made = (await operator.post("/invitations", json={"role": "operator"})).json()
    assert (await admin.delete(f"/invitations/{made['id']}")).status_code == 403


def test_there_are_only_so_many(do, monkeypatch):
    monkeypatch.setattr(invitations, "MOST_OPEN", 2)
    for _ in range(2):
        do(invitations.invite, role=Role.LEARNER, email=None, hours=1)
    with pytest.raises(ConflictError, match="withdraw some"):
        do(invitations.invite, role=Role.LEARNER, email=None, hours=1)
