"""Logins elsewhere where the database decides, on both."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from bloop.accounts.identities import service
from bloop.accounts.identities.attempts import Refusal
from bloop.accounts.identities.models import IdentityLink
from bloop.accounts.models import LoginSession, User
from tests.support.hub import add_institution
from tests.web.conftest import csrf_of
from tests.web.identity.conftest import BACK, DOMAIN, START, connect, log_in, whoami


async def test_somebody_joins_by_their_domain_and_comes_back(hub, visit, school, rules, count):
    rules(DOMAIN)
    before = count(User)
    for number in (1, 2):
        browser = await visit()
        answer = await log_in(browser, school, f"{START}?next=/courses")
        assert (answer.status_code, answer.headers["location"]) == (303, "/courses")
        ada = await whoami(hub, browser)
        assert (ada["name"], ada["email"], ada["role"]) == (
            "Ada Lovelace",
            "ada@example.edu",
            "learner",
        )
        assert (count(User), count(IdentityLink)) == (before + 1, 1)
        assert count(LoginSession) == number


async def test_a_state_is_good_once_also_for_two_at_once(hub, visit, school, rules, count, reasons):
    rules(DOMAIN)
    browser = await visit()
    brought = school.log_in((await browser.get(START)).headers["location"])
    url, cookies = f"{BACK}?{urlencode(brought)}", dict(browser.cookies)
    others = [await visit() for _ in range(4)]
    for other in others:
        other.cookies.update(cookies)
    answers = await asyncio.gather(*(other.get(url) for other in others))
    assert sorted(answer.status_code for answer in answers) == [303, 403, 403, 403]
    assert count(LoginSession) == 1
    assert reasons() == [Refusal.REPLAYED] * 3
    assert school.asked.count("/token") == 1


async def test_the_last_way_in_stays(hub, visit, school, rules, count, monkeypatch):
    rules(DOMAIN)
    browser = await visit()
    await log_in(browser, school)
    page = await browser.get("/account/identities")
    (one,) = (await browser.get("/api/v1/account/identities")).json()["items"]
    path, form = f"/account/identities/{one['id']}/remove", {"csrf": csrf_of(page)}
    refused = await browser.post(path, data=form)
    assert refused.status_code == 409 and "only way in" in refused.text
    answer = await browser.delete(
        f"/api/v1/account/identities/{one['id']}", headers={"x-csrf-token": form["csrf"]}
    )
    assert answer.status_code == 409
    assert count(IdentityLink) == 1
    monkeypatch.setattr(service, "OTHER_WAYS", [lambda unit, user: True])
    assert (await browser.post(path, data=form)).status_code == 303
    assert count(IdentityLink) == 0
    assert (await browser.post(path, data=form)).status_code == 404


async def test_institutions_know_nothing_of_each_others_links(hub, visit, school, rules, count):
    second = add_institution(hub, "second")
    there = await visit("educator", second)
    assert (await connect(there, school)).status_code == 303
    assert (count(IdentityLink, second), count(IdentityLink)) == (1, 0)
    rules(DOMAIN)
    here = await visit()
    assert (await log_in(here, school)).status_code == 303
    assert (await whoami(hub, here))["institution"] == hub.institution
    assert (count(IdentityLink, second), count(IdentityLink)) == (1, 1)
