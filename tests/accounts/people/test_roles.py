"""Who may make whom what, in every combination of roles."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from bloop.accounts import sessions as sessions_module
from bloop.accounts.actions import ForbiddenError
from bloop.accounts.models import LoginSession, User
from bloop.accounts.people import guards, service
from bloop.accounts.people.models import Invitation
from bloop.accounts.service import start_session
from bloop.accounts.sessions import Sessions, system_call
from bloop.store.errors import ConflictError
from bloop_sdk import Role
from tests.support.database import make_call

RANK = {role: rank for rank, role in enumerate(guards.GIVEN)}


async def test_a_role_is_given_from_above_and_not_from_below(come_in, add):
    """Every actor, whatever they change, to whatever role."""
    add("admin"), add("operator")  # So that nobody is the last of a kind.
    for actor in guards.GIVEN:
        client = come_in(actor)
        for target in guards.GIVEN:
            for wanted in guards.GIVEN:
                user = add(target)
                answer = await client.patch(f"/users/{user}", json={"role": wanted})
                may = RANK[actor] >= RANK[Role.ADMIN]
                may = may and RANK[target] <= RANK[actor] and RANK[wanted] <= RANK[actor]
                case = (actor, target, wanted, answer.text)
                assert answer.status_code == (200 if may else 403), case
                if may:
                    assert answer.json()["role"] == wanted, case


@pytest.mark.parametrize("path", ["/users", "/invitations"])
async def test_new_users_and_invitations_get_at_most_the_role_of_who_makes_them(come_in, path):
    for actor in guards.GIVEN:
        client = come_in(actor)
        for wanted in guards.GIVEN:
            body = {"role": wanted} | ({"name": "Somebody"} if path == "/users" else {})
            answer = await client.post(path, json=body)
            may = RANK[actor] >= max(RANK[Role.ADMIN], RANK[wanted])
            assert answer.status_code == (201 if may else 403), (actor, wanted, answer.text)


@pytest.mark.parametrize("method", ["patch", "delete"])
async def test_an_admin_changes_nothing_of_an_operator(come_in, add, method, rows):
    add("operator")
    admin, operator = come_in("admin"), add("operator")
    body = {"json": {"name": "Mallory"}} if method == "patch" else {}
    answer = await admin.request(method.upper(), f"/users/{operator}", **body)
    assert answer.status_code == 403
    assert "ask somebody who is operator" in answer.json()["cure"]
    found = {user.id: user for user in rows(User)}[operator]
    assert (found.name, found.disabled_at) == ("A operator", None)


async def test_a_guest_is_no_role_that_can_be_given(come_in, add):
    answer = await come_in("operator").patch(f"/users/{add()}", json={"role": "guest"})
    assert answer.status_code == 422


async def test_who_was_demoted_a_moment_ago_acts_with_the_role_that_they_have_now(do, add, home):
    add("admin")
    demoted = add("learner")
    stale = make_call(home, Role.ADMIN, name=demoted)
    with pytest.raises(ForbiddenError):
        do(service.change, add("learner"), None, {"role": "educator"}, call=stale)


# -- the last of a kind


@pytest.mark.parametrize("changes", [{"disabled": True}, {"role": "learner"}])
async def test_the_last_admin_and_the_last_operator_stay(do, add, other, changes, rows):
    there = system_call(other)
    admin = add("admin", other)
    with pytest.raises(ConflictError, match="last admin"):
        do(service.change, admin, None, changes, call=there)
    (operator,) = [user.id for user in rows(User) if user.role == "operator"]
    with pytest.raises(ConflictError, match="last operator"):
        do(service.change, operator, None, changes)
    second = add("admin", other)
    do(service.change, second, None, {"disabled": True}, call=there)
    with pytest.raises(ConflictError, match="last admin"):
        do(service.change, admin, None, changes, call=there)
    do(service.change, second, None, {"disabled": False}, call=there)
    do(service.change, admin, None, changes, call=there)


def test_where_an_operator_is_the_last_admin_may_go(do, add):
    do(service.change, add("admin"), None, {"role": "learner"})


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
@pytest.mark.parametrize("by", ["the hub", "each other"])
def test_two_last_admins_cannot_remove_each_other_at_once(hub, other, add, by):
    """The second waits for the first, and then sees what it did."""
    first, second = add("admin", other), add("admin", other)
    ours, theirs = system_call(other), system_call(other)
    if by == "each other":
        ours = make_call(other, Role.ADMIN, name=first)
        theirs = make_call(other, Role.ADMIN, name=second)
    ended = []

    def remove_first():
        try:
            with hub.database.unit(theirs) as unit:
                service.remove(unit, first, None)
        except (ConflictError, ForbiddenError) as err:
            ended.append(err)
        else:
            ended.append(None)

    thread = threading.Thread(target=remove_first)
    with hub.database.unit(ours) as unit:
        service.remove(unit, second, None)
        thread.start()
        while not ended and not _is_held_up(hub):
            thread.join(0.02)
    thread.join(60)
    (err,) = ended
    assert isinstance(err, ConflictError if by == "the hub" else ForbiddenError), err
    with hub.database.unit(system_call(other)) as unit:
        assert unit.get(User, first).disabled_at is None


def _is_held_up(hub):
    """Whether a transaction of this database waits for another one's lock."""
    with hub.database.engine.connect() as connection:
        return connection.scalar(text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ))  # fmt: skip


# -- live sessions


async def test_a_role_holds_at_once_in_live_sessions_and_ends_nothing(come_in, add, rows):
    admin, educator = come_in("admin"), come_in("educator")
    assert (await educator.get("/jobs")).status_code == 200
    before = [session.id for session in rows(LoginSession)]
    changed = await admin.patch(f"/users/{educator.user}", json={"role": "learner"})
    assert changed.status_code == 200
    assert (await educator.get("/jobs")).status_code == 403
    assert (await educator.get("/account")).json()["role"] == "learner"
    assert [session.id for session in rows(LoginSession)] == before
    await admin.patch(f"/users/{educator.user}", json={"role": "educator"})
    assert (await educator.get("/jobs")).status_code == 200


async def test_another_process_knows_the_new_role_within_a_second(hub, do, add, home, monkeypatch):
    user = add("educator")
    with hub.database.unit(system_call(home)) as unit:
        token = start_session(unit, unit.get(User, user)).token
    elsewhere, trace = Sessions(hub.database, secure=False), system_call(home).trace
    assert (await elsewhere.holder(token, trace)).principal.role is Role.EDUCATOR
    do(service.change, user, None, {"role": "learner"})
    assert sessions_module.REMEMBERED_SECONDS <= 1
    later = sessions_module.time.monotonic() + sessions_module.REMEMBERED_SECONDS
    monkeypatch.setattr(sessions_module.time, "monotonic", lambda: later)
    assert (await elsewhere.holder(token, trace)).principal.role is Role.LEARNER


async def test_disabling_ends_sessions_and_enabling_brings_none_back(come_in, rows):
    admin, learner = come_in("admin"), come_in("learner")
    assert (await learner.get("/account")).status_code == 200
    answer = await admin.patch(f"/users/{learner.user}", json={"disabled": True})
    assert answer.json()["state"] == "disabled"
    assert (await learner.get("/account")).status_code == 401
    answer = await admin.patch(f"/users/{learner.user}", json={"disabled": False})
    assert answer.json()["state"] == "active"
    assert (await learner.get("/account")).status_code == 401
    assert {session.user_id for session in rows(LoginSession)} == {admin.user}


async def test_what_somebody_may_no_longer_give_their_invitations_no_longer_give(
    come_in, add, rows
):
    add("admin")
    admin, operator = come_in("admin"), come_in("operator")
    for role in ("learner", "admin"):
        assert (await admin.post("/invitations", json={"role": role})).status_code == 201
    mine = await operator.post("/invitations", json={"role": "admin"})
    await operator.patch(f"/users/{admin.user}", json={"role": "educator"})
    assert [one.role for one in rows(Invitation) if one.revoked_at] == ["admin"]
    await operator.delete(f"/users/{admin.user}")
    left = [one.id for one in rows(Invitation) if one.revoked_at is None]
    assert left == [mine.json()["id"]]
