"""Login with an account elsewhere, from the button to the session, and every way that fails."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import select, update

from bloop.accounts.identities.attempts import Refusal
from bloop.accounts.identities.models import IdentityLink, IdentityLogin
from bloop.accounts.models import LoginSession, User
from bloop.accounts.sessions import system_call
from bloop.api.app import create_app
from bloop.store.types import utcnow
from bloop.web import identity_pages
from tests.support.issuer import URL
from tests.web.conftest import csrf_of
from tests.web.identity.conftest import (
    BACK,
    DOMAIN,
    OTHER,
    START,
    connect,
    connect_url,
    is_refused,
    log_in,
    whoami,
)

# What the databases do differently is in test_databases.py.
pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)


async def test_the_browser_keeps_a_secret_that_only_it_and_the_hub_know(hub, visit, school, rules):
    rules(DOMAIN)
    browser = await visit()
    sent = await browser.get(START)
    (cookie,) = sent.headers.get_list("set-cookie")
    for part in ("HttpOnly", "SameSite=lax", "Max-Age=600", "Path=/"):
        assert part in cookie
    secret = browser.cookies["bloop_login"]
    url = sent.headers["location"]
    with hub.database.reading(system_call(hub.institution)) as unit:
        row = unit.session.scalars(select(IdentityLogin)).one()
        kept = " ".join(str(value) for value in vars(row).values())
    assert secret not in url and secret not in kept
    state = re.search(r"state=([^&]+)", url)[1]
    nonce = re.search(r"nonce=([^&]+)", url)[1]
    assert state not in kept and nonce not in kept


async def test_every_login_has_another_state_and_the_last_one_counts(visit, school, rules, reasons):
    rules(DOMAIN)
    browser = await visit()
    first = school.log_in((await browser.get(START)).headers["location"])
    second = school.log_in((await browser.get(START)).headers["location"])
    assert first["state"] != second["state"]
    answer = await browser.get(f"{BACK}?{urlencode(first)}")
    assert answer.status_code == 403
    assert reasons() == [Refusal.OTHER_BROWSER]


async def test_a_state_of_another_browser_is_refused(hub, visit, school, rules, reasons):
    rules(DOMAIN)
    attacker, victim = await visit(), await visit()
    brought = school.log_in((await attacker.get(START)).headers["location"])
    for _ in range(2):
        answer = await victim.get(f"{BACK}?{urlencode(brought)}")
        await is_refused(hub, victim, answer, reasons, Refusal.OTHER_BROWSER)
        await victim.get(START)  # With a login of its own under way.
    assert "/token" not in school.asked
    # It was not used up by who may not use it.
    assert (await attacker.get(f"{BACK}?{urlencode(brought)}")).status_code == 303


async def test_a_code_that_was_injected_meets_the_wrong_verifier(
    hub, visit, school, rules, reasons
):
    rules(DOMAIN)
    victim, attacker = await visit(), await visit()
    stolen = school.log_in((await victim.get(START)).headers["location"])["code"]
    answer = await log_in(attacker, school, code=stolen)
    await is_refused(hub, attacker, answer, reasons, Refusal.PROVIDER_FAILED, 502)


async def test_a_login_that_took_too_long_is_over(hub, visit, school, rules, reasons):
    rules(DOMAIN)
    browser = await visit()
    brought = school.log_in((await browser.get(START)).headers["location"])
    with hub.database.unit(system_call(hub.institution)) as unit:
        unit.session.execute(
            update(IdentityLogin).values(expires_at=utcnow() - timedelta(seconds=1))
        )
    answer = await browser.get(f"{BACK}?{urlencode(brought)}")
    await is_refused(hub, browser, answer, reasons, Refusal.EXPIRED)
    assert "/token" not in school.asked


async def test_an_answer_at_another_providers_address_is_a_mix_up(
    hub, visit, outside, rules, reasons
):
    rules(DOMAIN)
    browser = await visit()
    brought = outside.school.log_in((await browser.get(START)).headers["location"])
    answer = await browser.get(f"/login/with/oidc.other/callback?{urlencode(brought)}")
    await is_refused(hub, browser, answer, reasons, Refusal.OTHER_PROVIDER)
    assert "/token" not in outside.school.asked + outside.other.asked


async def test_an_answer_that_names_another_issuer_is_a_mix_up(hub, visit, outside, rules, reasons):
    rules(DOMAIN)
    for lie in ({"iss": OTHER}, {"iss": ""}):
        browser = await visit()
        answer = await log_in(browser, outside.school, **lie)
        await is_refused(hub, browser, answer, reasons, Refusal.PROVIDER_FAILED, 502)
    assert "/token" not in outside.school.asked + outside.other.asked


async def test_whatever_else_comes_back_ends_on_the_same_page(hub, visit, outside, reasons):
    browser = await visit()
    for query in (
        "",
        "state=",
        "state=x&code=y",
        f"state={'0' * 36}.{'x' * 43}&code=y",
        f"state=0199c0de-0000-7000-8000-000000000001.{'x' * 43}&code=y",
        "state=%00&code=%ff",
        "error=server_error",
    ):
        answer = await browser.get(f"{BACK}?{query}")
        await is_refused(hub, browser, answer, reasons, Refusal.UNKNOWN)


async def test_a_parameter_that_comes_twice_is_refused(hub, visit, school, rules, reasons):
    rules(DOMAIN)
    browser = await visit()
    brought = school.log_in((await browser.get(START)).headers["location"])
    answer = await browser.get(f"{BACK}?{urlencode(brought)}&code=other")
    await is_refused(hub, browser, answer, reasons, Refusal.UNKNOWN)


async def test_who_says_no_there_reads_so(hub, visit, school, reasons):
    browser = await visit()
    brought = school.cancel((await browser.get(START)).headers["location"])
    answer = await browser.get(f"{BACK}?{urlencode(brought)}")
    await is_refused(hub, browser, answer, reasons, Refusal.CANCELLED)
    assert "cancelled" in answer.text


async def test_nobody_joins_without_a_rule(hub, visit, school, rules, reasons, count):
    before = count(User)
    refusing = [
        (),
        ({"role": "learner", "domain": "another.example"},),
        ({"role": "learner", "domain": "example.edu", "provider": "oidc.other"},),
        ({"role": "learner", "claim": "groups", "value": "staff", "provider": "oidc.school"},),
    ]
    for number, given in enumerate(refusing):
        rules(*given)
        school.person["sub"] = f"ada-{number}"
        browser = await visit()
        answer = await log_in(browser, school)
        await is_refused(hub, browser, answer, reasons, Refusal.NO_MEMBER)
        assert "invitation" in answer.text
    assert (count(User), count(IdentityLink)) == (before, 0)


async def test_an_address_that_nobody_answers_for_is_of_no_domain(
    hub, visit, school, rules, reasons
):
    rules(DOMAIN)
    for unverified in (False, "false", None):
        school.person["email_verified"] = unverified
        browser = await visit()
        await is_refused(hub, browser, await log_in(browser, school), reasons, Refusal.NO_MEMBER)


async def test_a_claim_makes_an_educator(hub, visit, school, rules):
    rules(
        {"role": "educator", "claim": "groups", "value": "staff", "provider": "oidc.school"},
        DOMAIN,
    )
    school.claims = {"groups": ["staff", "all"]}
    browser = await visit()
    await log_in(browser, school)
    assert (await whoami(hub, browser))["role"] == "educator"


async def test_no_rule_makes_an_operator_and_none_an_admin_by_accident(
    hub, visit, school, rules, reasons
):
    # As they could only stand in the database by another hand than the API's.
    for role in ("operator", "admin"):
        rules({"role": role, "domain": "example.edu"})
        browser = await visit()
        await is_refused(hub, browser, await log_in(browser, school), reasons, Refusal.NO_MEMBER)
    rules({"role": "admin", "domain": "example.edu", "above_educator": True})
    browser = await visit()
    await log_in(browser, school)
    assert (await whoami(hub, browser))["role"] == "admin"


async def test_an_address_connects_nobody(hub, visit, school, rules, reasons, count):
    rules(DOMAIN)
    with hub.database.unit(system_call(hub.institution)) as unit:
        unit.session.add(
            User(
                institution_id=unit.institution,
                name="Ada",
                email="Ada@Example.edu",
                role="admin",
            )
        )
    browser = await visit()
    answer = await log_in(browser, school)
    await is_refused(hub, browser, answer, reasons, Refusal.ADDRESS_TAKEN)
    assert count(IdentityLink) == 0


async def test_who_is_switched_off_stays_out(hub, visit, school, rules, reasons):
    rules(DOMAIN)
    await log_in(await visit(), school)
    with hub.database.unit(system_call(hub.institution)) as unit:
        unit.session.execute(
            update(User).where(User.email == "ada@example.edu").values(disabled_at=utcnow())
        )
    browser = await visit()
    answer = await log_in(browser, school)
    await is_refused(hub, browser, answer, reasons, Refusal.DISABLED)


async def test_no_login_leads_to_another_site(visit, school, rules):
    rules(DOMAIN)
    for where in (
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/" + "x" * 3000,
        "/\u202e",
    ):
        answer = await log_in(await visit(), school, f"{START}?{urlencode({'next': where})}")
        assert answer.headers["location"] == "/", where


async def test_a_login_ends_the_session_that_the_browser_had(hub, visit, school, rules, count):
    rules(DOMAIN)
    browser = await visit("learner")
    before = browser.cookies[hub.sessions.cookie]
    answer = await log_in(browser, school)
    assert answer.cookies[hub.sessions.cookie] != before
    assert count(LoginSession) == 1


async def test_looking_does_not_use_a_login_up(visit, school, rules, count):
    rules(DOMAIN)
    browser = await visit()
    assert (await browser.head(START)).status_code == 200
    assert count(IdentityLogin) == 0
    brought = school.log_in((await browser.get(START)).headers["location"])
    url = f"{BACK}?{urlencode(brought)}"
    assert (await browser.head(url)).status_code == 200
    assert (await browser.get(url)).status_code == 303


async def test_to_begin_a_login_is_no_try_of_it(hub, school):
    """A class sits behind one address, of which each has to come back."""
    app = create_app(hub, extra=[identity_pages.router])
    transport = httpx.ASGITransport(app, client=("198.51.100.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as browser:
        begun = {(await browser.head(START)).status_code for _ in range(61)}
        *back, last = [(await browser.head(BACK)).status_code for _ in range(61)]
    assert (begun, set(back), last) == ({200}, {200}, 429)


async def test_an_issuer_that_lies_or_is_away_lets_nobody_in(hub, visit, school, rules, reasons):
    rules(DOMAIN)
    for lie in ({"aud": "another"}, {"nonce": "another"}, {"iss": OTHER}, {"exp": 1}):
        school.claims = lie
        browser = await visit()
        answer = await log_in(browser, school)
        await is_refused(hub, browser, answer, reasons, Refusal.PROVIDER_FAILED, 502)


async def test_signs_that_no_database_takes(hub, visit, school, rules, reasons):
    rules(DOMAIN)
    school.person["sub"] = "ada\x00-1"
    browser = await visit()
    answer = await log_in(browser, school)
    await is_refused(hub, browser, answer, reasons, Refusal.PROVIDER_FAILED, 502)
    school.person |= {"sub": "ada-1", "name": "Ada\x00\u202e Lovelace"}
    await log_in(browser, school)
    assert (await whoami(hub, browser))["name"] == "Ada Lovelace"


async def test_a_provider_that_is_away_is_told_before_anybody_leaves(hub, visit, school, reasons):
    school.metadata = {"issuer": "https://moved.example"}
    browser = await visit()
    answer = await browser.get(START)
    await is_refused(hub, browser, answer, reasons, Refusal.PROVIDER_FAILED, 502)


async def test_the_ways_in_are_listed_and_unknown_ones_are_not_found(hub, visit, outside):
    browser = await visit()
    shown = await browser.get("/login/with?next=/jobs")
    assert "Continue with Riverside" in shown.text
    assert 'href="/login/with/oidc.other?next=/jobs"' in shown.text
    for path in ("/login/with/oidc.none", "/login/with/oidc", "/login/with/%00/callback"):
        assert (await browser.get(path)).status_code == 404
    german = await browser.get(BACK, headers={"accept-language": "de"})
    assert "Diese Anmeldung ist vorbei" in german.text


async def test_an_institution_that_switched_the_plugin_off_has_no_way_in(hub, visit, outside):
    from bloop.kernel.institutions import switch_plugin

    with hub.database.unit(system_call(hub.institution)) as unit:
        switch_plugin(unit, "oidc", enabled=False)
    hub.choices.forget(hub.institution)
    browser = await visit()
    shown = (await browser.get("/login/with?next=/notes")).text
    assert "offers no login" in shown
    assert 'href="/login?next=/notes"' in shown
    over = await browser.get("/login/second-factor?next=/notes")
    assert (over.status_code, 'href="/login?next=/notes"' in over.text) == (403, True)
    assert (await browser.get(START)).status_code == 404


async def test_somebody_connects_an_account_and_logs_in_with_it(hub, visit, school, count):
    browser = await visit("educator")
    me = await whoami(hub, browser)
    answer = await connect(browser, school)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/identities")
    page = await browser.get("/account/identities")
    assert "Riverside" in page.text and "ada@example.edu" in page.text
    (one,) = (await browser.get("/api/v1/account/identities")).json()["items"]
    assert (one["provider"], one["issuer"], one["used_at"]) == ("oidc.school", URL, None)
    other = await visit()
    assert (await log_in(other, school)).status_code == 303
    assert (await whoami(hub, other))["id"] == me["id"]
    await connect(browser, school)  # Again, it changes nothing.
    assert count(IdentityLink) == 1


async def test_only_the_form_of_ones_own_page_connects(visit, outside):
    browser = await visit("learner")
    for form in ({"provider": "oidc.school"}, {"provider": "oidc.school", "csrf": "x"}):
        answer = await browser.post("/account/identities/connect", data=form)
        assert answer.status_code == 403
    guest = await visit()
    answer = await guest.post("/account/identities/connect", data={"provider": "oidc.school"})
    assert answer.status_code == 401
    assert "/authorize" not in outside.school.asked


async def test_an_account_elsewhere_is_one_persons(hub, visit, school, count, reasons):
    await connect(await visit("educator"), school)
    answer = await connect(await visit("learner"), school)
    assert answer.status_code == 403 and "taken" in answer.text
    assert reasons() == [Refusal.LINKED_ELSEWHERE]
    assert count(IdentityLink) == 1


async def test_nothing_is_connected_to_whoever_came_in_meanwhile(
    hub, visit, school, count, reasons
):
    browser, other = await visit("educator"), await visit("learner")
    brought = school.log_in(await connect_url(browser))
    # The proof for the page has given the browser another session cookie than the test's own.
    browser.cookies.delete(hub.sessions.cookie)
    browser.cookies.set(hub.sessions.cookie, other.cookies[hub.sessions.cookie])
    answer = await browser.get(f"{BACK}?{urlencode(brought)}")
    assert answer.status_code == 403
    assert reasons() == [Refusal.OTHER_PERSON]
    assert count(IdentityLink) == 0


async def test_nobody_disconnects_somebody_elses(hub, visit, school, count):
    browser = await visit("educator")
    await connect(browser, school)
    (one,) = (await browser.get("/api/v1/account/identities")).json()["items"]
    other = await visit("operator")
    page = await other.get("/account/identities")
    answer = await other.delete(
        f"/api/v1/account/identities/{one['id']}",
        headers={"x-csrf-token": csrf_of(page)},
    )
    assert answer.status_code == 404
    assert count(IdentityLink) == 1


async def test_a_form_that_was_sent_without_a_session_is_there_after_the_login(
    visit, school, rules
):
    rules(DOMAIN)
    browser = await visit()
    ours = {"sec-fetch-site": "same-origin"}
    asked = await browser.post("/account/keys/new", data={"name": "Export"}, headers=ours)
    assert asked.status_code == 401 and f"{START}?next=/kept" in asked.text
    entered = await log_in(browser, school, f"{START}?next=/kept")
    assert entered.headers["location"] == "/kept"
    # Nobody can tell whose it was: there was no session.
    page = await browser.get("/kept")
    assert "Did you write this?" in page.text and "Export" not in page.text
    await browser.post("/kept/mine", data={"csrf": csrf_of(page)})
    assert "Export" in (await browser.get("/kept")).text
