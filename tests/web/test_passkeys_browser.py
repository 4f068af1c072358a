"""Passkeys in a real browser, with Chromium's virtual authenticator behind it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from bloop.accounts.mfa import guard, login
from bloop.accounts.models import LoginSession, User
from bloop.accounts.service import Method, start_session
from bloop.store.types import utcnow

pytestmark = pytest.mark.browser

expect = pytest.importorskip("playwright.sync_api").expect

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
LONG = 30_000


@pytest.fixture
def person(served):
    """An admin of the served hub; gives their id and the token of a session."""
    with served.unit() as unit:
        user = User(institution_id=unit.institution, name="Ada Passkey", role="admin")
        unit.session.add(user)
        unit.session.flush()
        return user.id, start_session(unit, user).token


@pytest.fixture
def page(served, browser):
    """A page with a virtual authenticator; passkeys are tied to names, so the hub is localhost."""
    url = served.url.replace("127.0.0.1", "localhost")
    context = browser.new_context(base_url=url, locale="en")
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda said: page.complaints.append(said.text))
    page.devices = context.new_cdp_session(page)
    page.devices.send("WebAuthn.enable")
    page.device = page.devices.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    page.url_of_hub = url
    yield page
    context.close()


def hold(page, name, token):
    page.context.add_cookies([{"name": name, "value": token, "url": page.url_of_hub}])


def credentials(page):
    device = {"authenticatorId": page.device["authenticatorId"]}
    return page.devices.send("WebAuthn.getCredentials", device)["credentials"]


def assert_accessible(page):
    axe_module = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe_module.Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []


def test_a_passkey_is_made_proves_again_and_logs_in(served, page, person):
    user, token = person
    hold(page, "bloop_session", token)
    page.goto("/account/security")
    page.get_by_label("Name of the new passkey").fill("Ada's laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes", timeout=LONG)
    assert len(page.locator("pre").inner_text().split()) == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("heading", name="Ada's laptop")).to_be_visible()
    assert_accessible(page)
    (made,) = credentials(page)
    assert made["rpId"] == "localhost" and made["isResidentCredential"]

    with served.unit() as unit:
        past = utcnow() - guard.FRESH - timedelta(minutes=1)
        mine = update(LoginSession).where(LoginSession.user_id == user)
        unit.session.execute(mine.values(proved_at=past))
    # The hub, another process, hears of it within a second.
    page.goto("/webhooks/new")
    while "/step-up" not in page.url:
        page.wait_for_timeout(100)
        page.goto("/webhooks/new")
    assert_accessible(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Add a webhook", timeout=LONG)

    page.get_by_role("button", name="Log out").click()
    page.goto("/login/passkey?next=/webhooks")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Webhooks", timeout=LONG)

    page.context.clear_cookies()
    with served.unit() as unit:
        needed = login.second_factor_needed(unit, unit.get(User, user), Method.PASSWORD)
    hold(page, "bloop_second", needed.token)
    page.goto("/login/second-factor?next=/webhooks")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Webhooks", timeout=LONG)
    assert [cookie["name"] for cookie in page.context.cookies()] == ["bloop_session"]
    assert credentials(page)[0]["signCount"] >= 4
    assert page.complaints == []


def test_a_device_that_does_not_know_its_holder_gets_nowhere(page, person):
    hold(page, "bloop_session", person[1])
    device = {"authenticatorId": page.device["authenticatorId"], "isUserVerified": False}
    page.devices.send("WebAuthn.setUserVerified", device)
    page.goto("/account/security")
    page.get_by_label("Name of the new passkey").fill("Somebody's")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert")).to_have_text("No passkey was made. Try again.", timeout=LONG)
    expect(page.get_by_role("button", name="Add a passkey")).to_be_enabled()
    assert credentials(page) == []


def test_without_scripts_the_page_says_what_passkeys_need(served, browser, person):
    context = browser.new_context(
        base_url=served.url,
        java_script_enabled=False,
        locale="en",
        viewport={"width": 320, "height": 640},
    )
    page = context.new_page()
    page.context.add_cookies([{"name": "bloop_session", "value": person[1], "url": served.url}])
    page.goto("/account/security")
    expect(page.get_by_text("Passkeys need a hub with a name.")).to_be_visible()
    page.get_by_role("button", name="Set up an app").click()
    expect(page.get_by_role("img", name="QR code of the key below")).to_be_visible()
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= 320
    context.close()
