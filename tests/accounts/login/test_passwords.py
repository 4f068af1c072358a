"""New passwords: which are good enough, changing one's own, and links to one."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import select, update

from bloop.accounts.login import changes, hashing, rules
from bloop.accounts.login.errors import LoginBusyError, PasswordRefusedError
from bloop.accounts.login.flows import FRESH
from bloop.accounts.login.hashing import Verdict
from bloop.accounts.login.models import PasswordReset
from bloop.accounts.login.service import log_in as come_in
from bloop.accounts.models import LoginSession, User
from bloop.accounts.service import Method, csrf_token, token_hash
from bloop.store.models import AuditLine
from bloop.store.types import utcnow
from tests.accounts.login.conftest import EMAIL, NEW_PASSWORD, ORIGIN, PASSWORD, on_sqlite

ABOUT = ("Ada Lovelace", "ada.lovelace@example.org")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short words", "short"),
        ("x" * 129, "long"),
        ("password1234", "guessable"),
        ("qwertyuiop12", "guessable"),
        ("aaaaaaaaaaaaaaa", "guessable"),
        ("Ada Lovelace", "guessable"),
        ("ada.lovelace@example.org", "guessable"),
        ("Lovelace1815", "guessable"),
        ("abcdefghijklmnop", "guessable"),
    ],
)
async def test_a_password_that_will_not_do_is_refused_with_the_reason(password, why):
    with pytest.raises(PasswordRefusedError) as refused:
        await rules.check(password, ABOUT)
    assert refused.value.why == why and password not in str(refused.value)


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        NEW_PASSWORD,
        "öl und drei rostige nägel",
        "竹の静かな朝に亀は走るよ今",
        "9f" * 3 + "kQz7!wT2#b" * 12,
    ],
)
async def test_any_signs_will_do_where_there_are_enough_that_nobody_guesses(password):
    assert len(password) <= 128
    await rules.check(password, ABOUT)


async def test_a_password_is_the_same_from_every_keyboard_and_never_cut():
    composed, apart = "n\u00e4gel und rost und m\u00f6rtel", "na\u0308gel und rost und mo\u0308rtel"
    kept = await hashing.hash_password(composed)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await hashing.verify(kept, apart) == Verdict(right=True)
    assert not (await hashing.verify(kept, composed.upper())).right
    long = "k" * 127
    kept = await hashing.hash_password(f"{long}a")
    assert not (await hashing.verify(kept, f"{long}b")).right


async def test_without_a_hash_the_same_work_is_done_and_nothing_is_right():
    unmatched = hashing._unmatched(hashing.hasher())
    assert not hashing.hasher().check_needs_rehash(unmatched)
    for password in ("", "A" * 43, PASSWORD):
        assert not (await hashing.verify(None, password)).right
    assert not (await hashing.verify("rubbish", PASSWORD)).right


async def test_so_many_hashes_at_once_and_no_more():
    going, most, let_go, lock = 0, 0, threading.Event(), threading.Lock()

    def work():
        nonlocal going, most
        with lock:
            going += 1
            most = max(most, going)
        let_go.wait(30)
        with lock:
            going -= 1

    tasks = [asyncio.create_task(hashing.in_turn(work)) for _ in range(hashing.MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(LoginBusyError):
        await hashing.in_turn(work)
    tasks[-1].cancel()  # Who goes away before their turn leaves room.
    await asyncio.wait([tasks[-1]])
    tasks[-1] = asyncio.create_task(hashing.in_turn(work))
    async with asyncio.timeout(60):
        while going < hashing.AT_ONCE:  # noqa: ASYNC110 - threads, which no event tells of
            await asyncio.sleep(0.01)
    let_go.set()
    await asyncio.gather(*tasks)
    assert most == hashing.AT_ONCE
    await hashing.in_turn(int)


async def change(client, old, new):
    return await client.put("/api/v1/account/password", json={"old": old, "password": new})


async def test_the_old_password_gives_a_new_one_and_ends_every_other_session(ada, log_in, run):
    _, other = await log_in()
    _, mine = await log_in()
    assert (await change(mine, PASSWORD, NEW_PASSWORD)).status_code == 204
    assert (await mine.get("/api/v1/account")).status_code == 200
    assert (await other.get("/api/v1/account")).status_code == 401
    assert (await log_in())[0].status_code == 401
    assert (await log_in(password=NEW_PASSWORD))[0].status_code == 200


@on_sqlite
async def test_a_wrong_old_password_changes_nothing_and_is_delayed_as_a_login_is(
    ada, log_in, run, clock
):
    _, mine = await log_in()
    for _ in range(5):
        answer = await change(mine, "not this one at all", NEW_PASSWORD)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "old"
    answer = await change(mine, PASSWORD, NEW_PASSWORD)
    assert answer.status_code == 429 and answer.headers["retry-after"] == "1"
    clock.advance(seconds=1)
    assert (await change(mine, PASSWORD, NEW_PASSWORD)).status_code == 204

    def refused(unit):
        rows = unit.session.scalars(select(AuditLine.action)).all()
        return rows.count("account.password_refused"), rows.count("account.locked_out")

    assert await run(refused) == (5, 1)


@on_sqlite
async def test_a_new_password_that_is_about_oneself_is_refused(ada, log_in):
    _, mine = await log_in()
    for _ in range(6):
        await change(mine, PASSWORD, "ada lovelace 1815")  # The old one was right: no failure.
    answer = await change(mine, PASSWORD, "ada lovelace 1815")
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "password"
    assert "1815" not in answer.text


@on_sqlite
async def test_a_first_password_is_set_right_after_one_came_in_and_not_later(
    hub, add_user, run, visit, clock
):
    await add_user(name="Grace", email="grace@example.org", password=None)

    def enter(unit):
        user = unit.session.scalars(select(User).where(User.name == "Grace")).one()
        return come_in(unit, user, Method.IDENTITY)

    async def browser():
        session = await run(enter)
        client = await visit()
        client.cookies.set(hub.sessions.cookie, session.token)
        client.headers["x-csrf-token"] = csrf_token(session.token)
        return client

    def prove_long_ago(unit):
        unit.session.execute(update(LoginSession).values(proved_at=utcnow() - 2 * FRESH))

    late = await browser()
    await run(prove_long_ago)
    assert (await change(late, "", NEW_PASSWORD)).status_code == 403
    soon = await browser()
    assert (await change(soon, "", NEW_PASSWORD)).status_code == 204


@pytest.fixture
def reset(ada, run):
    async def issued():
        return await run(changes.issue_reset_for, ada)

    return issued


@pytest.fixture
def choose(visit):
    async def chosen(token, password=NEW_PASSWORD, client=None):
        client = client or await visit()
        form = {"token": token, "password": password}
        return await client.post("/login/reset", data=form, headers=ORIGIN), client

    return chosen


async def test_a_link_sets_a_password_once_ends_every_session_and_logs_in(
    ada, log_in, reset, choose, run
):
    _, before = await log_in()
    token = await reset()
    form = await before.get(f"/login/reset?token={token}")
    assert form.status_code == 200 and form.headers["cache-control"] == "no-store"
    answer, client = await choose(token)
    assert answer.status_code == 303 and (await client.get("/api/v1/account")).status_code == 200
    assert (await before.get("/api/v1/account")).status_code == 401
    again, _ = await choose(token, PASSWORD)
    assert again.status_code == 403 and "This link is used up" in again.text
    assert (await log_in(password=NEW_PASSWORD))[0].status_code == 200

    def lines(unit):
        rows = unit.session.scalars(select(AuditLine.action)).all()
        wanted = {"account.reset_issued", "account.reset_refused", "account.password_changed"}
        return [row for row in rows if row in wanted][1:]

    assert await run(lines) == [
        "account.reset_issued",
        "account.password_changed",
        "account.reset_refused",
    ]


async def test_of_two_who_use_a_link_at_once_one_is_let_in(ada, reset, choose, run):
    token = await reset()
    answers = await asyncio.gather(*(choose(token, f"{NEW_PASSWORD} {n}") for n in range(6)))
    assert sorted(answer.status_code for answer, _ in answers) == [303] + [403] * 5

    def sessions(unit):
        return len(unit.session.scalars(select(LoginSession)).all())

    assert await run(sessions) == 1


async def test_a_link_ends_in_time_with_another_one_and_with_a_new_password(
    ada, log_in, reset, choose, clock, run
):
    first, second = await reset(), await reset()
    assert (await choose(first))[0].status_code == 403
    clock.advance(minutes=changes.RESET_MINUTES, seconds=1)
    assert (await choose(second))[0].status_code == 403
    third = await reset()
    _, mine = await log_in()
    assert (await change(mine, PASSWORD, NEW_PASSWORD)).status_code == 204
    assert (await choose(third))[0].status_code == 403


@on_sqlite
async def test_a_password_that_is_refused_does_not_use_the_link_up(ada, reset, choose):
    token = await reset()
    answer, _ = await choose(token, "ada lovelace 1815")
    assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text
    assert (await choose(token))[0].status_code == 303


@on_sqlite
async def test_a_link_of_a_disabled_account_opens_nothing(ada, reset, choose, run):
    token = await reset()

    def disable(unit):
        unit.session.execute(update(User).where(User.id == ada).values(disabled_at=utcnow()))

    await run(disable)
    assert (await choose(token))[0].status_code == 403


@on_sqlite
async def test_what_is_no_link_is_refused_and_leaves_no_trace(hub, ada, choose, run):
    for token in ("", "nonsense", f"{hub.institution}.{'x' * 43}", f"{'0' * 36}.{'x' * 43}"):
        assert (await choose(token))[0].status_code == 403

    def lines(unit):
        return unit.session.scalars(select(AuditLine.action)).all()

    assert "account.reset_refused" not in await run(lines)


@on_sqlite
async def test_the_database_holds_no_link_and_no_password(ada, reset, run):
    token = await reset()

    def kept(unit):
        return unit.session.scalars(select(PasswordReset.token_hash)).all()

    assert await run(kept) == [token_hash(token)]


@on_sqlite
async def test_a_link_ends_the_delay_of_its_account(ada, log_in, reset, choose):
    for _ in range(7):
        await log_in(password="wrong horse entirely")
    assert (await choose(await reset()))[0].status_code == 303
    assert (await log_in(password=NEW_PASSWORD))[0].status_code == 200


@on_sqlite
async def test_an_admin_gives_a_link_that_works(ada, add_user, log_in, choose):
    await add_user(name="Admin", email="admin@example.org", role="admin")
    _, admin = await log_in("admin@example.org")
    answer = await admin.post(f"/api/v1/users/{ada}/password-reset")
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    told = answer.json()
    token = told["url"].partition("/login/reset?token=")[2]
    assert told["minutes"] == 30 and (await choose(token))[0].status_code == 303


@on_sqlite
async def test_who_forgot_is_answered_the_same_whoever_they_are(ada, visit, run):
    told = []
    for login in (EMAIL, "nobody@example.org"):
        client = await visit()
        answers = []
        for _ in range(6):
            form = {"login": login}
            answer = await client.post("/login/forgotten", data=form, headers=ORIGIN)
            answers.append((answer.status_code, answer.text.replace(login, "LOGIN")))
        told.append(answers)
    assert told[0] == told[1]
    assert [status for status, _ in told[0]] == [200] * 5 + [429]

    def lines(unit):
        wanted = AuditLine.action == "account.reset_asked"
        return set(unit.session.scalars(select(AuditLine.resource).where(wanted)))

    assert await run(lines) == {f"user:{ada}", "user:unknown"}


@on_sqlite
async def test_asking_for_a_link_ends_none_and_locks_nobody_out(ada, log_in, reset, choose, visit):
    token = await reset()
    client = await visit()
    for _ in range(8):
        await client.post("/login/forgotten", data={"login": EMAIL}, headers=ORIGIN)
    assert (await log_in())[0].status_code == 200
    assert (await choose(token))[0].status_code == 303
