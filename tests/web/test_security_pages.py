"""The pages of factors and step-up, as people without JavaScript meet them."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from types import SimpleNamespace

import pyotp
import pytest
from sqlalchemy import select, update

from bloop.accounts.login.entry import own_path
from bloop.accounts.mfa import guard, login
from bloop.accounts.mfa.models import TotpFactor
from bloop.accounts.models import LoginSession, User
from bloop.accounts.service import Method
from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.store.types import utcnow
from bloop.web.refusals import step_up_path
from tests.web.conftest import csrf_of

HERE = "/account/security"


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


def age(hub, client):
    """Let every proof be some time ago."""
    with hub.database.unit(system_call(hub.institution)) as unit:
        past = utcnow() - guard.FRESH - timedelta(minutes=1)
        unit.session.execute(update(LoginSession).values(proved_at=past))
    hub.sessions.forget(client.cookies[hub.sessions.cookie])


async def post(client, path, page, **fields):
    return await client.post(path, data={"csrf": csrf_of(page)} | fields)


async def add_app(client):
    """Set an app up; gives it with the page of recovery codes."""
    started = await post(client, f"{HERE}/app", await client.get(HERE))
    assert started.headers["location"] == f"{HERE}/app"
    shown = await client.get(f"{HERE}/app")
    key = re.search(r'<code id="key">([A-Z2-7 ]+)</code>', shown.text)[1].replace(" ", "")
    app = pyotp.TOTP(key)
    code = app.at(utcnow().timestamp())
    return app, await post(client, f"{HERE}/app/confirm", shown, code=code), shown


def codes_in(page):
    return re.findall(r"\b[a-z2-9]{6}(?:-[a-z2-9]{6}){3}\b", page.text)


async def test_an_app_is_set_up_by_its_qr_code_and_removed(hub, visit):
    ada = await visit("learner")
    app, codes, shown = await add_app(ada)
    assert "<svg" in shown.text and f"secret={app.secret}" in html.unescape(shown.text)
    assert shown.headers["cache-control"] == codes.headers["cache-control"] == "no-store"
    assert len(set(codes_in(codes))) == 10
    page = await ada.get(HERE)
    assert "10 codes are left." in page.text and app.secret not in page.text
    assert not codes_in(page)
    question = await ada.get(f"{HERE}/remove/app")
    assert "It is your last one." in question.text
    await post(ada, f"{HERE}/remove/app", question)
    assert "codes are left" not in (await ada.get(HERE)).text
    assert (await ada.get(f"{HERE}/remove/app")).status_code == 404


async def test_a_wrong_code_shows_the_same_key_again(hub, visit):
    ada = await visit("learner")
    await post(ada, f"{HERE}/app", await ada.get(HERE))
    shown = await ada.get(f"{HERE}/app")
    wrong = await post(ada, f"{HERE}/app/confirm", shown, code="000000")
    key = re.search(r'<code id="key">[A-Z2-7 ]+</code>', shown.text)[0]
    assert wrong.status_code == 422 and key in wrong.text and 'aria-invalid="true"' in wrong.text
    with hub.database.unit(system_call(hub.institution)) as unit:
        assert unit.session.scalar(select(TotpFactor.confirmed_at)) is None


async def test_new_recovery_codes_are_shown_once(hub, visit):
    ada = await visit("learner")
    _, first, _ = await add_app(ada)
    second = await post(ada, f"{HERE}/codes", await ada.get(HERE))
    assert len(codes_in(second)) == 10 and not set(codes_in(first)) & set(codes_in(second))


async def test_a_form_comes_back_after_a_step_up(hub, visit):
    admin = await visit("admin")
    app, codes, _ = await add_app(admin)
    form = await admin.get("/webhooks/new")
    age(hub, admin)
    asked = await admin.get("/webhooks/new?x=1")
    assert asked.headers["location"] == "/step-up?next=/webhooks/new%3Fx%3D1"
    sent = await admin.post(
        "/webhooks/new",
        data={"csrf": csrf_of(form)},
        headers={"referer": "http://127.0.0.1:8080/webhooks/new"},
    )
    assert (sent.status_code, sent.headers["location"]) == (303, "/step-up?next=/webhooks/new")
    page = await admin.get(sent.headers["location"])
    assert "Is it you?" in page.text and 'autocomplete="one-time-code"' in page.text
    where = {"next": "/webhooks/new"}
    wrong = await post(admin, "/step-up", page, way="totp", text="000000", **where)
    assert wrong.status_code == 422 and "That was not accepted" in wrong.text
    code = app.at(utcnow().timestamp() + 30)
    done = await post(admin, "/step-up", page, way="totp", text=code, **where)
    assert done.headers["location"] == "/webhooks/new"
    assert (await admin.get("/webhooks/new")).status_code == 200
    age(hub, admin)
    recovered = await post(
        admin,
        "/step-up",
        await admin.get("/step-up"),
        way="recovery_code",
        text=codes_in(codes)[0],
        next="//evil.example",
    )
    assert recovered.headers["location"] == "/"


async def test_who_has_nothing_to_prove_it_with_is_told_what_to_do(hub, visit):
    admin = await visit("admin")
    age(hub, admin)
    page = await admin.get("/step-up?next=/plugins")
    assert (
        "Log out and in again" in page.text
        and '<form method="post" action="/step-up"' not in page.text
    )
    german = await admin.get("/step-up", headers={"accept-language": "de"})
    assert "<h1>Sind Sie es?</h1>" in german.text


async def test_a_browser_completes_its_login(hub, visit):
    ada = await visit("educator")
    _, codes, _ = await add_app(ada)
    with hub.database.unit(system_call(hub.institution)) as unit:
        user = unit.session.scalar(select(User).where(User.role == "educator"))
        needed = login.second_factor_needed(unit, user, Method.PASSWORD)
    browser = await visit()
    browser.headers["origin"] = "http://127.0.0.1:8080"
    assert "Please log in again." in (await browser.get("/login/second-factor")).text
    browser.cookies.set("bloop_second", needed.token, domain="127.0.0.1", path="/")
    page = await browser.get("/login/second-factor?next=/jobs")
    assert "One more step" in page.text and 'value="/jobs"' in page.text
    wrong = await browser.post("/login/second-factor", data={"way": "totp", "text": "1"})
    assert wrong.status_code == 422 and "That was not accepted" in wrong.text
    proof = {"way": "recovery_code", "text": codes_in(codes)[0], "next": "/jobs"}
    done = await browser.post("/login/second-factor", data=proof)
    assert (done.status_code, done.headers["location"]) == (303, "/jobs")
    assert "bloop_second" not in browser.cookies
    assert browser.cookies[hub.sessions.cookie] != ada.cookies[hub.sessions.cookie]
    assert (await browser.get("/jobs")).status_code == 200


async def test_who_lacks_what_the_institution_asks_for_is_led_to_enrolment(hub, visit):
    from bloop.accounts.mfa.requirements import require_of

    ada = await visit("educator")
    with hub.database.unit(system_call(hub.institution)) as unit:
        require_of(unit, ["educator"], None)
    refused = await ada.get("/")
    assert (refused.status_code, refused.headers["location"]) == (303, HERE)
    assert "Until you have one, this is all you can do here." in (await ada.get(HERE)).text
    await add_app(ada)
    assert (await ada.get("/")).status_code == 200


async def test_guests_have_no_factors(hub, visit):
    guest = await visit()
    for path in (HERE, f"{HERE}/app", "/step-up"):
        assert (await guest.get(path)).status_code == 401


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        ("/plugins?a=b", "/plugins?a=b"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("https://evil.example", "/"),
        ("", "/"),
    ],
)
def test_nobody_is_led_to_another_site(path, leads):
    assert own_path(path) == leads


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://hub.example/webhooks/new", "/webhooks/new"),
        ("http://evil.example/webhooks/new", "/"),
        ("http://hub.example/step-up?next=/x", "/"),
        ("", "/"),
    ],
)
def test_a_form_of_ours_is_gone_back_to(referer, back):
    headers = {"referer": referer, "host": "hub.example"}
    url = SimpleNamespace(path="/x", query="")
    request = SimpleNamespace(method="POST", headers=headers, url=url)
    assert step_up_path(request) == f"/step-up?next={back}"
