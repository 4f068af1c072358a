"""Sessions: seen by their holder, ended one by one or together, and by themselves in time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bloop.accounts.login.service import log_in as come_in
from bloop.accounts.models import LoginSession, User
from bloop.accounts.service import Method
from bloop.accounts.sessions import SEEN_SECONDS, Sessions, system_call
from bloop.store.models import AuditLine
from bloop.store.types import utcnow
from tests.accounts.login.conftest import EMAIL, PASSWORD, on_sqlite
from tests.support.hub import add_institution

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


async def status_of(client):
    return (await client.get("/api/v1/account")).status_code


async def listed(client):
    return (await client.get("/api/v1/account/sessions")).json()["items"]


@pytest.fixture
def browsers(ada, log_in, visit):
    """Some browsers that Ada is logged in with."""

    async def come(*agents):
        found = []
        for agent in agents:
            client = await visit()
            client.headers["user-agent"] = agent
            await log_in(client=client)
            found.append(client)
        return found

    return come


async def test_one_sees_where_one_is_logged_in(browsers):
    _, mine = await browsers(PHONE, FIREFOX)
    items = await listed(mine)
    assert [(one["browser"], one["system"], one["current"]) for one in items] == [
        ("Firefox", "Linux", True),
        ("Safari", "iPhone", False),
    ]
    assert all(one["method"] == "password" and one["address"] == "127.0.0.1" for one in items)
    assert "hash" not in str(items)


async def test_one_session_is_ended_and_the_others_go_on(browsers, run):
    phone, mine = await browsers(PHONE, FIREFOX)
    (lost,) = (one["id"] for one in await listed(mine) if not one["current"])
    assert await status_of(phone) == 200
    assert (await mine.delete(f"/api/v1/account/sessions/{lost}")).status_code == 204
    assert (await status_of(phone), await status_of(mine)) == (401, 200)
    assert (await mine.delete(f"/api/v1/account/sessions/{lost}")).status_code == 404


@on_sqlite
async def test_all_others_are_ended_or_all(browsers):
    phone, tablet, mine = await browsers(PHONE, PHONE, FIREFOX)
    assert (await mine.delete("/api/v1/account/sessions")).status_code == 204
    assert [await status_of(one) for one in (phone, tablet, mine)] == [401, 401, 200]
    assert (await mine.delete("/api/v1/account/sessions?everywhere=true")).status_code == 204
    assert await status_of(mine) == 401


@on_sqlite
async def test_nobody_ends_or_sees_anothers(browsers, add_user, log_in):
    (hers,) = await browsers(FIREFOX)
    (session,) = await listed(hers)
    await add_user(name="Eve", email="eve@example.org")
    _, eve = await log_in("eve@example.org")
    assert (await eve.delete(f"/api/v1/account/sessions/{session['id']}")).status_code == 404
    assert session["id"] not in str(await listed(eve))
    assert (await eve.get(f"/api/v1/users/{'x' * 36}/sessions")).status_code == 403
    assert await status_of(hers) == 200


async def test_an_admin_ends_the_sessions_of_whom_ranks_no_higher(
    hub, ada, browsers, add_user, log_in, run
):
    (hers,) = await browsers(FIREFOX)
    boss = await add_user(name="Op", email="op@example.org", role="operator")
    await log_in("op@example.org")
    await add_user(name="Admin", email="admin@example.org", role="admin")
    _, admin = await log_in("admin@example.org")
    found = (await admin.get(f"/api/v1/users/{ada}/sessions")).json()["items"]
    assert [one["current"] for one in found] == [False]
    assert (await admin.delete(f"/api/v1/users/{ada}/sessions")).status_code == 204
    assert await status_of(hers) == 401
    assert (await admin.delete(f"/api/v1/users/{boss}/sessions")).status_code == 403
    assert (await admin.post(f"/api/v1/users/{boss}/password-reset")).status_code == 403

    def lines(unit):
        wanted = AuditLine.action == "account.sessions_ended"
        return unit.session.scalars(select(AuditLine.resource).where(wanted)).all()

    assert await run(lines) == [f"user:{ada}"]


async def test_an_admin_of_another_institution_finds_nobody(hub, ada, add_user, log_in):
    other = add_institution(hub, "other")
    await add_user(name="Admin", email="admin@example.org", role="admin", institution=other)
    _, admin = await log_in("admin@example.org", institution="other")
    assert (await admin.delete(f"/api/v1/users/{ada}/sessions")).status_code == 404
    assert (await admin.get(f"/api/v1/users/{ada}/sessions")).json()["items"] == []
    assert (await admin.post(f"/api/v1/users/{ada}/password-reset")).status_code == 404


@pytest.fixture
async def session(run, ada):
    def start(unit):
        return come_in(unit, unit.get(User, ada), Method.PASSWORD)

    return await run(start)


@pytest.fixture
def holder(hub, session):
    """Who holds the session, as a process that remembers nothing finds it."""

    async def found(**limits):
        sessions = Sessions(hub.database, secure=False, **limits)
        held = await sessions.holder(session.token, system_call(hub.institution).trace)
        for noting in list(sessions._noting):
            await noting
        listening = await sessions.holders([session.token])
        assert bool(held) == bool(listening), "live streams end with the session"
        assert held is None or held.principal == listening[session.token].principal, "and go on"
        return held

    return found


def seen_at(unit):
    return unit.session.scalars(select(LoginSession.seen_at)).one()


async def test_streams_of_who_proved_a_second_factor_go_on(run, holder):
    await run(lambda unit: unit.session.execute(update(LoginSession).values(second_factor=True)))
    held = await holder(days=14.0, idle_hours=2.0)
    assert held.principal.second_factor


async def test_a_session_that_is_not_used_ends(holder, clock):
    limits = {"days": 14.0, "idle_hours": 2.0}
    clock.advance(hours=1, minutes=59)
    assert await holder(**limits)
    clock.advance(hours=1, minutes=59)
    assert await holder(**limits)
    clock.advance(hours=2, minutes=1)
    assert await holder(**limits) is None


async def test_a_session_ends_in_time_however_much_it_is_used(holder, clock):
    for _ in range(3):
        assert await holder(days=3.0, idle_hours=30.0)
        clock.advance(days=1)
    clock.advance(hours=1)
    assert await holder(days=3.0, idle_hours=30.0) is None
    assert await holder(days=9.0, idle_hours=30.0), "a changed setting counts for those there are"


async def test_the_use_of_a_session_is_written_down_every_few_minutes_alone(holder, clock, run):
    before = await run(seen_at)
    clock.advance(seconds=SEEN_SECONDS / 2)
    await holder()
    assert await run(seen_at) == before
    clock.advance(seconds=SEEN_SECONDS)
    await holder()
    assert await run(seen_at) > before


@on_sqlite
async def test_a_use_that_cannot_be_written_down_fails_no_request(holder, clock, monkeypatch, hub):
    from bloop.store.errors import StoreError

    async def refuse(*_args, **_kwargs):
        raise StoreError("full", code="store_full")

    clock.advance(hours=1)
    monkeypatch.setattr(hub.database, "run", refuse)
    assert await holder()


@on_sqlite
async def test_a_remembered_session_asks_the_database_nothing(hub, session, monkeypatch):
    trace = system_call(hub.institution).trace
    assert await hub.sessions.holder(session.token, trace)
    asked = []
    monkeypatch.setattr(hub.database, "read_one", lambda *args, **_: asked.append(args))
    for _ in range(50):
        assert await hub.sessions.holder(session.token, trace)
    assert asked == []


@pytest.mark.parametrize("change", [{"role": "admin"}, {"disabled_at": utcnow()}])
async def test_another_role_and_the_end_of_an_account_count_at_once(hub, ada, session, run, change):
    trace = system_call(hub.institution).trace
    assert (await hub.sessions.holder(session.token, trace)).principal.role == "learner"

    def write(unit):
        unit.session.execute(update(User).where(User.id == ada).values(**change))

    await run(write)
    hub.sessions.forget_user(ada)
    held = await hub.sessions.holder(session.token, trace)
    assert held is None if "disabled_at" in change else held.principal.role == "admin"


@on_sqlite
async def test_the_cookie_lives_no_longer_than_the_session(hub, session):
    from starlette.responses import Response

    response = Response()
    Sessions(hub.database, secure=True, days=2.0).set_cookie(response, session)
    cookie = response.headers["set-cookie"]
    assert f"Max-Age={timedelta(days=2).total_seconds():.0f};" in cookie
    assert cookie.startswith("__Host-bloop=") and "Secure" in cookie and "HttpOnly" in cookie


@on_sqlite
async def test_logging_out_ends_the_session_that_was_logged_in(ada, log_in):
    _, client = await log_in(EMAIL, PASSWORD)
    assert (await client.delete("/api/v1/session")).status_code == 204
    assert await status_of(client) == 401
