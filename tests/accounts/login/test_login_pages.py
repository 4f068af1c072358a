"""The pages of logging in and of one's own account, as people without JavaScript meet them."""

from __future__ import annotations

import re

import pytest

from bloop.web import login_pages
from bloop.web.login_pages import Way
from tests.accounts.login.conftest import EMAIL, NEW_PASSWORD, ORIGIN, PASSWORD, on_sqlite
from tests.support.hub import add_institution
from tests.web.conftest import csrf_of

pytestmark = on_sqlite


def text_of(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


async def send(client, login=EMAIL, password=PASSWORD, path="/login", **more):
    form = {"login": login, "password": password} | more
    return await client.post(path, data=form, headers=ORIGIN)


async def test_one_logs_in_goes_on_to_where_one_was_and_out(hub, ada, visit):
    browser = await visit()
    asked = await browser.get("/jobs?state=failed")
    assert asked.status_code == 401 and "Please log in" in asked.text
    to = re.search(r'name="next" value="([^"]+)"', asked.text)[1]
    assert to == "/jobs?state=failed"
    answer = await send(browser, next=to)
    assert (answer.status_code, answer.headers["location"]) == (303, to)
    page = await browser.get("/account/sessions")
    assert "You are logged in as learner." in page.text and "this one" in text_of(page)
    assert (await browser.get("/login?next=/jobs")).headers["location"] == "/jobs"
    out = await browser.post("/logout", data={"csrf": csrf_of(page)})
    assert out.status_code == 303
    assert (await browser.get("/account/sessions")).status_code == 401


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "x", ""],
)
async def test_a_login_leads_nowhere_but_into_the_hub(ada, visit, elsewhere):
    browser = await visit()
    page = await browser.get("/login", params={"next": elsewhere})
    assert 'name="next" value="/"' in page.text
    answer = await send(browser, next=elsewhere)
    assert answer.headers["location"] == "/"


async def test_a_wrong_password_brings_the_form_back_with_what_was_typed_but_that(ada, visit):
    browser = await visit()
    answer = await send(browser, "Ada <b>", "wrong horse entirely", next="/jobs")
    assert answer.status_code == 401 and "That is not right." in answer.text
    assert 'value="Ada &lt;b&gt;"' in answer.text and "wrong horse" not in answer.text
    assert 'name="next" value="/jobs"' in answer.text and not browser.cookies
    unknown = await send(browser, "nobody@example.org", "wrong horse entirely", next="/jobs")
    assert text_of(unknown) == text_of(answer)


async def test_who_has_to_wait_is_told_how_long(ada, visit, clock):
    browser = await visit()
    for _ in range(9):
        answer = await send(browser, password="wrong horse entirely")
        clock.advance(seconds=int(answer.headers.get("retry-after", 0)))
        if answer.status_code == 429:
            answer = await send(browser, password="wrong horse entirely")
    answer = await send(browser)
    assert answer.status_code == 429 and answer.headers["retry-after"] == "16"
    assert "The next one is possible in 16 sec." in answer.text
    german = await browser.post(
        "/login",
        data={"login": EMAIL, "password": PASSWORD},
        headers=ORIGIN | {"accept-language": "de"},
    )
    assert "Der nächste ist in 16 Sek. möglich." in german.text


async def test_other_ways_in_stand_on_the_page_with_where_one_goes_on_to(hub, visit, monkeypatch):
    async def ways(_request):
        return [Way("Continue with Example", "/login/oidc/example")]

    monkeypatch.setattr(login_pages, "WAYS", [ways])
    page = await (await visit()).get("/login?next=/jobs")
    assert 'href="/login/oidc/example?next=/jobs"' in page.text
    assert "or with a password" in page.text


async def test_the_institution_is_asked_for_where_there_are_several(hub, ada, visit):
    browser = await visit()
    assert 'name="institution"' not in (await browser.get("/login")).text
    add_institution(hub, "other")
    assert 'name="institution"' in (await browser.get("/login")).text
    assert (await send(browser, institution="other")).status_code == 401
    assert (await send(browser, institution="main")).status_code == 303


async def test_the_first_link_leads_to_a_password_with_which_one_comes_again(hub, visit):
    browser = await visit()
    first = await browser.get(f"/start?token={await hub.login_token()}")
    assert first.headers["location"] == "/setup"
    page = await browser.get("/account/password?first=true")
    assert "Welcome to Here" in page.text and ">Later</a>" in page.text
    form = {"csrf": csrf_of(page), "first": "true", "email": "no address", "password": NEW_PASSWORD}
    wrong = await browser.post("/account/password", data=form)
    assert wrong.status_code == 422 and 'aria-describedby="wrong-email"' in wrong.text
    form["email"] = "Op@Example.org"
    weak = await browser.post("/account/password", data=form | {"password": "op@example.org"})
    assert weak.status_code == 422 and "easy to guess" in weak.text
    done = await browser.post("/account/password", data=form)
    assert (done.status_code, done.headers["location"]) == (303, "/setup")
    assert (await send(await visit(), "op@example.org", NEW_PASSWORD)).status_code == 303
    again = await (await visit()).get(f"/start?token={await hub.login_token()}")
    assert again.headers["location"] == "/setup"


async def test_an_address_of_another_account_is_refused(hub, ada, visit):
    browser = await visit()
    await browser.get(f"/start?token={await hub.login_token()}")
    page = await browser.get("/account/password")
    form = {"csrf": csrf_of(page), "email": EMAIL, "password": NEW_PASSWORD}
    answer = await browser.post("/account/password", data=form)
    assert answer.status_code == 422 and "Another account has this" in answer.text


async def test_one_changes_ones_password(ada, visit):
    browser = await visit()
    await send(browser)
    page = await browser.get("/account/password", headers={"accept-language": "de"})
    assert "<h1>Passwort</h1>" in page.text and "Zuletzt geändert" in page.text
    form = {"csrf": csrf_of(page), "old": "not this one", "password": NEW_PASSWORD}
    wrong = await browser.post("/account/password", data=form)
    assert wrong.status_code == 422 and "That is not your password." in wrong.text
    done = await browser.post("/account/password", data=form | {"old": PASSWORD})
    shown = await browser.get(done.headers["location"])
    assert "Your password is changed" in shown.text
    assert (await send(await visit(), password=NEW_PASSWORD)).status_code == 303


@pytest.mark.parametrize(("which", "left"), [("one", 1), ("others", 1), ("all", 0)])
async def test_sessions_are_ended_from_the_page(ada, visit, which, left):
    browser, other = await visit(), await visit()
    for one in (other, browser):
        await send(one)
    page = await browser.get("/account/sessions")
    value = re.search(r'name="which" value="([0-9a-f-]{36})"', page.text)[1]
    form = {"csrf": csrf_of(page), "which": value if which == "one" else which}
    answer = await browser.post("/account/sessions/end", data=form)
    assert answer.headers["location"] == ("/account/sessions" if left else "/login")
    assert (await other.get("/account/sessions")).status_code == 401
    assert (await browser.get("/account/sessions")).status_code == (200 if left else 401)


async def test_sessions_are_not_ended_by_another_sites_page(ada, visit):
    browser = await visit()
    await send(browser)
    for path in ("/account/sessions/end", "/account/password", "/login"):
        assert (await browser.post(path, data={"which": "all"}, headers=ORIGIN)).status_code == 403
    assert (await browser.get("/account/sessions")).status_code == 200


async def test_a_link_to_a_new_password_that_is_used_up_says_so(hub, visit):
    page = await (await visit()).get("/login/reset?token=nonsense")
    assert page.status_code == 403 and "This link is used up" in page.text
    assert "bloop login-link" not in page.text


async def test_pages_of_logging_in_need_no_script_and_no_cookie(hub, visit):
    browser = await visit()
    for path in ("/login", "/login/forgotten"):
        page = await browser.get(path)
        assert page.status_code == 200 and "<script" not in page.text
        assert "set-cookie" not in page.headers
