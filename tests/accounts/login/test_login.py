"""Logging in with a password: one answer and one cost for everybody who may not."""

from __future__ import annotations

import asyncio
import threading

import pytest
from argon2 import PasswordHasher
from sqlalchemy import event, select, update

from bloop.accounts.login import delays, hashing, passwords
from bloop.accounts.login.delays import ACCOUNT
from bloop.accounts.login.models import LoginDelay, PasswordCredential
from bloop.accounts.models import LoginSession, User
from bloop.accounts.service import SecondFactorNeeded
from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.store.models import AuditLine, AuditPersonal, OutboxEvent
from bloop.store.types import utcnow
from tests.accounts.login.conftest import EMAIL, NEW_PASSWORD, ORIGIN, PASSWORD, Counting, on_sqlite
from tests.support.hub import add_institution


def disable(unit, user_id):
    unit.session.execute(update(User).where(User.id == user_id).values(disabled_at=utcnow()))


def audited(unit):
    rows = unit.session.scalars(select(AuditLine).order_by(AuditLine.seq))
    return [(row.action, row.resource) for row in rows if row.action != "account.password_changed"]


def said(unit):
    rows = unit.session.scalars(select(OutboxEvent).order_by(OutboxEvent.seq))
    topics = {"user.login_failed", "user.locked_out", "user.logged_in"}
    return [(row.topic, row.payload) for row in rows if row.topic in topics]


def sessions(unit):
    return unit.session.scalars(select(LoginSession)).all()


def delays_kept(unit):
    return unit.session.scalars(select(LoginDelay)).all()


def uniform(answer):
    """An answer without what differs between any two."""
    told = answer.json()
    del told["trace_id"]
    kept = {"content-type", "www-authenticate", "cache-control", "retry-after", "set-cookie"}
    return answer.status_code, told, {k: v for k, v in answer.headers.items() if k in kept}


async def test_the_right_password_gives_a_session_in_a_cookie_that_scripts_cannot_read(
    hub, ada, log_in, run
):
    answer, client = await log_in()
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    assert answer.json().keys() == {"user", "csrf_token"} and answer.json()["user"] == ada
    cookies = answer.headers.get_list("set-cookie")
    assert all("HttpOnly" in cookie and "SameSite=lax" in cookie for cookie in cookies)
    token = client.cookies[hub.sessions.cookie]
    assert token not in answer.text
    assert (await client.get("/api/v1/account")).json()["email"] == EMAIL
    (session,) = await run(sessions)
    assert (session.method, session.address, session.user_id) == ("password", "127.0.0.1", ada)
    assert ("account.logged_in", f"user:{ada}") in await run(audited)
    assert await run(said) == [("user.logged_in", {"id": ada})]


@on_sqlite
@pytest.mark.parametrize("typed", ["ADA@Example.org ", "ada@example.org"])
async def test_an_address_is_the_same_in_capitals(ada, log_in, typed):
    assert (await log_in(typed))[0].status_code == 200


async def test_a_name_is_enough_for_who_has_no_address_and_is_alone_with_it(add_user, log_in):
    await add_user(name="Grace", email=None)
    assert (await log_in("Grace"))[0].status_code == 200
    await add_user(name="Ada", email="ada@example.org")
    assert (await log_in("Ada"))[0].status_code == 401
    await add_user(name="Grace", email=None)
    assert (await log_in("Grace"))[0].status_code == 401


@on_sqlite
async def test_nobody_locks_another_out_by_taking_their_name(add_user, log_in):
    mine = await add_user(name="Grace", email=None)
    await add_user(name="Grace", email="other@example.org", password=NEW_PASSWORD)
    answer, _ = await log_in("Grace")
    assert answer.json()["user"] == mine


@on_sqlite
@pytest.mark.parametrize("case", ["unknown", "wrong", "disabled", "without", "elsewhere"])
async def test_who_may_not_come_in_is_told_the_same_at_the_same_cost(
    hub, ada, add_user, log_in, run, hasher, case
):
    expected = uniform((await log_in(password="wrong horse entirely"))[0])
    assert expected[0] == 401 and expected[1]["code"] == "login_failed"
    login, password, more = EMAIL, PASSWORD, {}
    if case == "unknown":
        login = "nobody@example.org"
    elif case == "wrong":
        password = NEW_PASSWORD
    elif case == "disabled":
        await run(disable, ada)
    elif case == "without":
        login = "new@example.org"
        await add_user(name="New", email=login, password=None)
    else:
        more = {"institution": "nowhere"}
    hasher.verified = hasher.hashed = 0
    answer, _ = await log_in(login, password, **more)
    assert uniform(answer) == expected
    assert (hasher.verified, hasher.hashed) == (1, 0)
    assert await run(sessions) == []


async def test_who_may_not_come_in_costs_the_database_the_same(hub, ada, log_in):
    counted = {}

    def count(*_):
        counted[login] = counted.get(login, 0) + 1

    await log_in("another@example.org")  # The address has a row from now on.
    event.listen(hub.database.engine, "before_cursor_execute", count)
    for login in (EMAIL, "nobody@example.org"):
        await log_in(login, "wrong horse entirely")
    event.remove(hub.database.engine, "before_cursor_execute", count)
    assert counted[EMAIL] == counted["nobody@example.org"] > 0


async def test_a_failure_is_written_down_without_what_was_typed(ada, log_in, run):
    await log_in(password=NEW_PASSWORD)
    await log_in(PASSWORD, PASSWORD)
    assert await run(audited) == [
        ("account.login_failed", f"user:{ada}"),
        ("account.login_failed", "user:unknown"),
    ]
    failed = "user.login_failed"
    assert await run(said) == [(failed, {"id": ada}), (failed, {"id": None})]

    def everything(unit):
        columns = (AuditLine.detail, OutboxEvent.payload, AuditPersonal.value)
        return [str(unit.session.scalars(select(column)).all()) for column in columns]

    *lasting, personal = await run(everything)
    assert "127.0.0.1" in personal and not any("127.0.0.1" in told for told in lasting)
    for told in (*lasting, personal):
        assert PASSWORD not in told and NEW_PASSWORD not in told


async def test_after_five_failures_even_the_right_password_waits_and_is_not_looked_at(
    ada, log_in, clock, hasher, run
):
    for _ in range(5):
        assert (await log_in(password="wrong horse entirely"))[0].status_code == 401
    hasher.verified = 0
    answer, _ = await log_in()
    assert answer.status_code == 429 and answer.headers["retry-after"] == "1"
    assert answer.json()["code"] == "login_delayed" and hasher.verified == 0
    assert ("user.locked_out", {"id": ada, "by": "account", "seconds": 1}) in await run(said)
    clock.advance(seconds=1)
    assert (await log_in())[0].status_code == 200
    for _ in range(5):
        assert (await log_in(password="wrong horse entirely"))[0].status_code == 401


@on_sqlite
async def test_waiting_lengthens_no_wait(ada, log_in, clock, run):
    device = passwords.Device()
    for seconds in (0, 0, 0, 0, 1, 2, 4):
        tried = await run(passwords.begin, EMAIL, device, None)
        assert tried.charge.wait == seconds
        clock.advance(seconds=0 if seconds == 4 else seconds)
    for _ in range(9):
        assert (await run(passwords.begin, EMAIL, device, None)).seconds == 4
    clock.advance(seconds=4)
    assert (await log_in())[0].status_code == 200


@on_sqlite
async def test_an_account_that_is_not_there_waits_as_one_that_is(ada, log_in):
    told = {}
    for login in (EMAIL, "nobody@example.org"):
        answers = [uniform((await log_in(login, "wrong horse entirely"))[0]) for _ in range(7)]
        told[login] = answers
    assert told[EMAIL] == told["nobody@example.org"]
    assert [status for status, *_ in told[EMAIL]] == [401] * 5 + [429] * 2


@on_sqlite
async def test_a_delay_is_kept_in_the_database_and_outlives_the_hub(hub_toml, ada, log_in, run):
    for _ in range(5):
        await log_in(password="wrong horse entirely")
    other = Hub.open(hub_toml, "api")

    with other.database.unit(system_call(other.institution)) as unit:
        delayed = passwords.begin(unit, EMAIL, passwords.Device("203.0.113.9"), None)
    await other.database.close()
    assert delayed.seconds == 1


async def test_a_thousand_at_once_are_no_way_around_the_delay(ada, log_in, hasher):
    answers = await asyncio.gather(
        *(log_in(password=f"wrong horse {number}") for number in range(20))
    )
    statuses = sorted(answer.status_code for answer, _ in answers)
    assert statuses == [401] * 5 + [429] * 15
    assert hasher.verified == 5


@on_sqlite
async def test_who_is_turned_away_for_want_of_room_has_not_failed(ada, log_in, monkeypatch):
    for _ in range(4):
        await log_in(password="wrong horse entirely")
    with monkeypatch.context() as full:
        full.setattr(hashing, "_room", threading.BoundedSemaphore(1))
        assert hashing._room.acquire()
        for _ in range(3):
            answer, _ = await log_in()
            assert answer.status_code == 503 and answer.headers["retry-after"] == "2"
    assert (await log_in(password="wrong horse entirely"))[0].status_code == 401
    assert (await log_in())[0].status_code == 429, "the failures before still count"


async def test_a_browser_in_which_one_was_before_does_not_wait_for_what_others_do(
    ada, log_in, visit
):
    _, mine = await log_in()
    for _ in range(6):
        await log_in(password="wrong horse entirely")
    assert (await log_in())[0].status_code == 429
    del mine.cookies["bloop_session"]
    mine.headers.pop("x-csrf-token")
    assert (await log_in(client=mine))[0].status_code == 200
    thief = await visit()
    thief.cookies.set("bloop_known", mine.cookies["bloop_known"][:-1] + "!")
    assert (await log_in(client=thief))[0].status_code == 429


@on_sqlite
async def test_a_known_browser_has_no_more_guesses_than_any_other(ada, log_in):
    _, mine = await log_in()
    del mine.cookies["bloop_session"]
    mine.headers.pop("x-csrf-token")
    answers = [await log_in(password="wrong horse entirely", client=mine) for _ in range(7)]
    assert [answer.status_code for answer, _ in answers] == [401] * 5 + [429] * 2


async def test_an_address_that_tries_one_account_after_another_has_to_wait(
    hub, ada, run, hasher, clock
):
    device = passwords.Device("2001:db8::1")
    for number in range(50):
        neighbour = passwords.Device(f"2001:db8::{number + 1:x}")
        await run(passwords.begin, f"user{number}@example.org", neighbour, None)
    assert (await run(passwords.begin, EMAIL, device, None)).seconds == 1
    elsewhere = await run(passwords.begin, EMAIL, passwords.Device("2001:db8:0:1::1"), None)
    assert elsewhere.user_id == ada


@on_sqlite
async def test_an_attackers_own_account_does_not_clear_their_address(hub, add_user, run):
    await add_user(name="Eve", email="eve@example.org")
    device = passwords.Device("203.0.113.5")
    for number in range(49):
        await run(passwords.begin, f"user{number}@example.org", device, None)
    tried = await run(passwords.begin, "eve@example.org", device, None)
    verdict = await hashing.verify(tried.hash, PASSWORD)
    assert await run(passwords.settle, tried, verdict, device)
    await run(passwords.begin, "user50@example.org", device, None)
    assert (await run(passwords.begin, "user51@example.org", device, None)).seconds == 1


async def test_failures_are_forgotten_after_a_day_and_their_rows_go(ada, log_in, clock, run):
    for _ in range(4):
        await log_in(password="wrong horse entirely")
    await log_in("nobody@example.org", "wrong horse entirely")
    clock.advance(days=1, seconds=1)
    for _ in range(4):
        assert (await log_in(password="wrong horse entirely"))[0].status_code == 401
    assert (await log_in())[0].status_code == 200
    assert len(await run(delays_kept)) == 2


async def test_a_login_ends_the_session_that_this_browser_had(hub, ada, add_user, log_in, run):
    _, client = await log_in()
    before = client.cookies[hub.sessions.cookie]
    await add_user(name="Grace", email="grace@example.org")
    answer, _ = await log_in("grace@example.org", client=client)
    assert answer.status_code == 200
    assert client.cookies[hub.sessions.cookie] != before
    assert len(await run(sessions)) == 1
    old = await client.get("/api/v1/account", headers={"authorization": f"Bearer {before}"})
    assert old.status_code == 401


@on_sqlite
async def test_a_token_that_somebody_planted_is_never_taken_up(hub, ada, log_in, visit, run):
    victim = await visit()
    planted = f"{hub.institution}.{'x' * 43}"
    victim.cookies.set(hub.sessions.cookie, planted)
    answer, _ = await log_in(client=victim)
    assert answer.status_code == 200 and planted not in str(answer.headers)
    mine = {"authorization": f"Bearer {planted}"}
    assert (await (await visit()).get("/api/v1/account", headers=mine)).status_code == 401


@on_sqlite
async def test_a_password_hashed_by_older_parameters_is_hashed_anew(ada, log_in, run, hasher):
    def age(unit):
        old = PasswordHasher(time_cost=1, memory_cost=16, parallelism=2).hash(PASSWORD)
        unit.session.execute(update(PasswordCredential).values(hash=old))

    def kept(unit):
        return unit.session.scalars(select(PasswordCredential.hash)).one()

    await run(age)
    assert (await log_in())[0].status_code == 200
    assert not hasher.check_needs_rehash(await run(kept)) and hasher.hashed == 1
    assert (await log_in())[0].status_code == 200 and hasher.hashed == 1


async def test_a_password_that_was_changed_while_it_was_compared_opens_nothing(ada, run, hasher):
    tried = await run(passwords.begin, EMAIL, passwords.Device(), None)
    verdict = await hashing.verify(tried.hash, PASSWORD)

    def change(unit):
        unit.session.execute(update(PasswordCredential).values(hash=Counting().hash("another")))

    await run(change)
    assert verdict.right
    assert await run(passwords.settle, tried, verdict, passwords.Device()) is None


async def test_of_several_institutions_the_slug_says_which(hub, ada, add_user, log_in):
    other = add_institution(hub, "other")
    theirs = await add_user(institution=other, password=NEW_PASSWORD)
    assert (await log_in(institution="other"))[0].status_code == 401
    answer, client = await log_in(password=NEW_PASSWORD, institution="Other")
    assert answer.json()["user"] == theirs != ada
    assert (await client.get("/api/v1/account")).json()["institution"] == other


@on_sqlite
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://127.0.0.1:8080", "sec-fetch-site": "cross-site"},
    ],
)
async def test_another_sites_page_logs_nobody_in(ada, guest, hasher, headers):
    body = {"login": EMAIL, "password": PASSWORD}
    answer = await guest.post("/api/v1/session", json=body, headers=headers)
    assert answer.status_code == 403 and answer.json()["code"] == "cross_site"
    form = await guest.post("/login", data=body, headers=headers)
    assert form.status_code == 403
    assert hasher.verified == 0 and "set-cookie" not in answer.headers


@on_sqlite
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"data": {"login": EMAIL, "password": PASSWORD}}, None),
        ({"content": b'{"login": "a", "password": "b"}'}, "text/plain"),
        ({"content": b'{"login": "a", "password": "b"}'}, None),
    ],
)
async def test_what_a_page_may_send_unasked_has_to_say_where_it_is_from(guest, content, kind):
    headers = {"content-type": kind} if kind else {}
    for path in ("/login", "/api/v1/session"):
        answer = await guest.post(path, headers=headers, **content)
        assert answer.status_code == 403 and answer.json()["code"] == "cross_site"


@on_sqlite
async def test_a_program_needs_no_origin(ada, guest):
    body = {"login": EMAIL, "password": PASSWORD}
    assert (await guest.post("/api/v1/session", json=body)).status_code == 200


@on_sqlite
async def test_what_was_typed_is_never_repeated(guest):
    for body in ({"login": EMAIL, "password": ""}, {"login": EMAIL, "password": "x" * 2000}):
        answer = await guest.post("/api/v1/session", json=body, headers=ORIGIN)
        assert answer.status_code == 422 and "xxx" not in answer.text
    lone = b'{"login": "a@example.org", "password": "\\ud800secret"}'
    kind = ORIGIN | {"content-type": "application/json"}
    answer = await guest.post("/api/v1/session", content=lone, headers=kind)
    assert answer.status_code == 400 and "secret" not in answer.text


@on_sqlite
async def test_a_second_factor_is_asked_for_before_there_is_a_session(
    hub, ada, log_in, monkeypatch, run
):
    needed = SecondFactorNeeded("a-token", 300, ("totp", "recovery"))
    monkeypatch.setattr(passwords, "log_in", lambda *_: needed)
    answer, client = await log_in()
    expected = {"token": "a-token", "ways": ["totp", "recovery"], "seconds": 300}
    assert answer.status_code == 200 and answer.json() == {"second_factor": expected}
    assert hub.sessions.cookie not in client.cookies
    form = {"login": EMAIL, "password": PASSWORD, "next": "/jobs"}
    page = await client.post("/login", data=form, headers=ORIGIN)
    assert page.headers["location"] == "/login/second-factor?next=%2Fjobs"
    assert client.cookies["bloop_second"] == "a-token"
    assert "a-token" not in page.headers["location"] and await run(sessions) == []


def test_the_delays_are_those_of_the_documentation():
    seconds = [ACCOUNT.wait(failures).total_seconds() for failures in range(16)]
    assert seconds == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_an_address_stands_for_what_one_machine_has():
    assert delays.site_of("203.0.113.5") == "203.0.113.5"
    assert delays.site_of("2001:db8::1") == delays.site_of("2001:db8::2:1") == "2001:db8::/64"
    assert delays.site_of("unknown") == "unknown"
