"""Who may become a user by themselves, and institutions as operators open them."""

from __future__ import annotations

import pytest

from bloop.accounts.models import Institution, LoginSession, User
from bloop.accounts.people import joining
from bloop.accounts.people.models import Invitation
from bloop.accounts.sessions import system_call
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.models import EVERY_INSTITUTION
from bloop_sdk import Role


@pytest.fixture
def come(do):
    def register(email="ada@example.edu", name="Ada"):
        return do(joining.register, name=name, email=email)

    return register


async def decide(client, **body):
    answer = await client.put("/registration", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_nobody_registers_unless_the_institution_says_so(come_in, come):
    with pytest.raises(NotFoundError):
        come()
    admin = come_in("admin")
    assert (await admin.get("/registration")).json()["mode"] == "off"
    await decide(admin, mode="open")
    await decide(admin, mode="off")
    with pytest.raises(NotFoundError):
        come()


async def test_where_everybody_may_they_are_in_at_once_as_learners(come_in, come, rows):
    admin = come_in("admin")
    await decide(admin, mode="open")
    came = come("Ada@Anywhere.org")
    assert came.session is not None
    (user,) = [one for one in rows(User) if one.email == "ada@anywhere.org"]
    assert (user.role, user.email_verified_at, user.waiting) == ("learner", None, False)
    with pytest.raises(ConflictError):
        come("ada@anywhere.org")


async def test_where_a_domains_people_may_they_wait_for_somebody_to_let_them_in(
    come_in, come, rows, said
):
    admin = come_in("admin")
    decided = await decide(admin, mode="domains", domains=["@Example.EDU", "example.edu", "x.org"])
    assert decided["domains"] == ["example.edu", "x.org"]
    sessions = len(rows(LoginSession))
    assert come().session is None
    assert len(rows(LoginSession)) == sessions
    (user,) = (await admin.get("/users", params={"state": "waiting"})).json()["items"]
    assert (user["email"], user["email_verified"]) == ("ada@example.edu", False)
    for other in ("ada@sub.example.edu", "ada@example.edu.evil.org", "ada@evil.org"):
        with pytest.raises(InvalidError, match="other addresses"):
            come(other)
    let_in = await admin.patch(f"/users/{user['id']}", json={"disabled": False})
    assert let_in.json()["state"] == "active"
    assert said()[1][-1] == "user.enabled"


async def test_it_is_not_told_whose_address_is_known(come_in, come, rows):
    admin = come_in("admin")
    await decide(admin, mode="domains", domains=["example.edu"])
    first, again = come(), come(name="Eve")
    assert first == again
    assert [one.name for one in rows(User) if one.email] == ["Ada"]


async def test_who_was_turned_away_does_not_wait_any_more(come_in, come):
    admin = come_in("admin")
    await decide(admin, mode="domains", domains=["example.edu"])
    come()
    (user,) = (await admin.get("/users", params={"state": "waiting"})).json()["items"]
    await admin.delete(f"/users/{user['id']}")
    assert (await admin.get(f"/users/{user['id']}")).json()["state"] == "disabled"


async def test_a_decision_is_made_by_admins_from_the_version_that_they_saw(come_in):
    educator, admin = come_in("educator"), come_in("admin")
    assert (await educator.put("/registration", json={"mode": "open"})).status_code == 403
    tag = (await admin.get("/registration")).headers["etag"]
    assert (await admin.put("/registration", json={"mode": "open"})).status_code == 200
    stale = await admin.put("/registration", json={"mode": "off"}, headers={"if-match": tag})
    assert stale.status_code == 412
    for wrong in (["no domain"], ["exa mple.org"], [], ["x"] * 51):
        answer = await admin.put("/registration", json={"mode": "domains", "domains": wrong})
        assert answer.status_code == 422, wrong


async def test_each_institution_decides_for_itself(come_in, come, other):
    theirs = come_in("admin", other)
    await decide(theirs, mode="open")
    with pytest.raises(NotFoundError):
        come()


# -- institutions


async def test_an_operator_opens_an_institution_and_its_first_admin_comes_in(
    hub, come_in, said, rows
):
    operator = come_in("operator")
    body = {"name": "  New  College ", "slug": "new-college", "admin_email": "dean@new.example.org"}
    made = await operator.post("/institutions", json=body)
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    opened = made.json()
    assert (opened["name"], opened["slug"]) == ("New College", "new-college")
    actions, topics = said(opened["id"])
    assert actions == ["institutions:create", "invitations:create"]
    assert topics == ["user.institution_created", "user.invited"]
    (invitation,) = rows(Invitation, opened["id"])
    assert (invitation.role, invitation.email) == ("admin", "dean@new.example.org")
    token = opened["invitation"]["url"].partition("token=")[2]
    with hub.database.unit(system_call(opened["id"])) as unit:
        joining.accept(unit, token, name="Dean", email="dean@new.example.org")
    assert [user.role for user in rows(User, opened["id"])] == [Role.ADMIN]
    assert "Dean" not in [user.name for user in rows(User)]


async def test_a_slug_is_one_institutions(come_in, rows, hub):
    operator = come_in("operator")
    body = {"name": "There", "slug": "there"}
    assert (await operator.post("/institutions", json=body)).status_code == 201
    assert (await operator.post("/institutions", json=body)).status_code == 409
    for slug in ("There", "-there", "there-", "th ere", "", "x" * 61, "ü"):
        answer = await operator.post("/institutions", json={"name": "X", "slug": slug})
        assert answer.status_code == 422, slug
    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        assert unit.session.query(Institution).count() == 2


async def test_an_institution_is_renamed_by_operators_alone(come_in, other, said):
    operator, admin = come_in("operator"), come_in("admin", other)
    path = f"/institutions/{other}"
    assert (await admin.patch(path, json={"name": "Mine"})).status_code == 403
    assert (await admin.post("/institutions", json={"name": "M", "slug": "m"})).status_code == 403
    tag = (await operator.get(path)).headers["etag"]
    renamed = await operator.patch(path, json={"name": "Renamed"}, headers={"if-match": tag})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Renamed")
    stale = await operator.patch(path, json={"name": "Again"}, headers={"if-match": tag})
    assert stale.status_code == 412
    for nothing in ("nothing", "*", "%2A"):
        answer = await operator.patch(f"/institutions/{nothing}", json={"name": "X"})
        assert answer.status_code == 404, nothing
    actions, topics = said(other)
    assert (actions, topics[-1]) == (["institutions:rename"], "user.institution_renamed")


async def test_an_institution_is_opened_once_however_often_it_is_asked_for(come_in, hub):
    operator = come_in("operator")
    headers = {"idempotency-key": "k1"}
    body = {"name": "There", "slug": "there"}
    first = await operator.post("/institutions", json=body, headers=headers)
    again = await operator.post("/institutions", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 409)
    assert again.json()["code"] == "idempotency_answer_withheld"
