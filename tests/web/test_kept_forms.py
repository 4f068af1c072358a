"""A form that is sent without a session: nothing typed is lost, and nothing is sent by itself."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from argon2 import PasswordHasher
from lxml import html
from sqlalchemy import delete, select, update

from bloop.accounts.kept import service
from bloop.accounts.kept.models import KeptForm
from bloop.accounts.login import hashing
from bloop.accounts.login.models import PasswordCredential
from bloop.accounts.mfa import totp
from bloop.accounts.models import LoginSession, User
from bloop.accounts.service import start_session
from bloop.accounts.sessions import system_call
from bloop.content import service as content
from bloop.content.models import Item
from bloop.hub import Hub
from bloop.store.types import utcnow
from tests.web.forms import encoded, forms_of

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)

TEXT = "What I wrote\r\nfor an hour: <b>100 %</b> & more"
PASSWORD = "quiet otters juggle marble"
OURS = {"origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-origin"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def hub(hub_toml, monkeypatch):
    cheap = PasswordHasher(1, 8, 1)
    monkeypatch.setattr(hashing, "hasher", lambda: cheap)
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    with hub.database.unit(system_call(hub.institution)) as unit:
        course = content.create_container(unit, title="Chemistry", published=True)
        item = content.create_item(unit, course.id, kind="page", title="Buffers", html="<p>x</p>")
        content.publish(unit, Item, item.id, None, lambda *_: None)
        hub.lesson = item.id
        for name in ("ada", "ben"):
            user = User(institution_id=hub.institution, name=name, role="learner")
            user.email = f"{name}@example.org"
            unit.session.add(user)
            unit.session.flush()
            kept = PasswordCredential(user_id=user.id, institution_id=hub.institution)
            kept.hash = cheap.hash(PASSWORD)
            unit.session.add(kept)
            setattr(hub, name, user.id)
            setattr(hub, f"{name}_session", start_session(unit, user).token)
    yield hub
    await hub.database.close()


@pytest.fixture
async def ada(hub, visit):
    """A browser in which Ada has the page of a lesson open, and then her session ends."""
    browser = await visit()
    browser.headers.update(OURS)
    browser.cookies.set(hub.sessions.cookie, hub.ada_session, domain="127.0.0.1", path="/")
    page = await browser.get(f"/lessons/{hub.lesson}")
    browser.form = next(
        form
        for form in forms_of("lesson", "learner", "/", page.text)
        if any(field.name == "words" for field in form.fields)
    )
    ended = {"expires_at": utcnow() - timedelta(days=1)}
    changed(hub, update(LoginSession).where(LoginSession.user_id == hub.ada).values(ended))
    hub.sessions.forget(hub.ada_session)
    return browser


def changed(hub, statement):
    with hub.database.unit(system_call(hub.institution)) as unit:
        unit.session.execute(statement)


def rows(hub, what):
    with hub.database.reading(system_call(hub.institution)) as unit:
        return unit.session.scalars(select(what)).all()


async def send(browser, **headers):
    body = encoded(browser.form.with_({"words": TEXT}))
    where = {"referer": "http://127.0.0.1:8080/lessons/x?a=1"}
    return await browser.post(browser.form.action, content=body, headers=FORM | where | headers)


async def log_in(browser, page, name="ada"):
    """Log in with the form of a page, and go where it leads."""
    form = next(one for one in forms_of("", None, "/", page.text) if one.action == "/login")
    given = form.with_({"login": f"{name}@example.org", "password": PASSWORD})
    return await browser.post("/login", content=encoded(given), headers=FORM)


async def press(browser, page, words):
    """Press the button that says so."""
    for form in html.document_fromstring(page.text).iter("form"):
        if words in form.text_content():
            found = next(forms_of("", None, "/", html.tostring(form).decode()))
            return await browser.post(found.action, content=encoded(found.filled()), headers=FORM)
    raise AssertionError(f"no button {words}")


async def test_what_was_typed_is_there_again_after_the_login_and_sent_by_a_button(hub, ada):
    asked = await send(ada)
    assert asked.status_code == 401 and "kept for half an hour" in asked.text
    assert TEXT.encode() not in rows(hub, KeptForm.body)[0]
    entered = await log_in(ada, asked)
    assert (entered.status_code, entered.headers["location"]) == (303, "/kept")
    page = await ada.get("/kept")
    assert page.headers["cache-control"] == "no-store"
    [area] = html.document_fromstring(page.text).iter("textarea")
    assert area.text.split() == TEXT.split()
    assert len(rows(hub, Item.id)) == 1, "it is not sent by itself"
    done = await press(ada, page, "Send it now")
    assert done.status_code == 303 and done.headers["location"].startswith("/lessons/")
    assert "for an hour" in (await ada.get(f"/lessons/{hub.lesson}")).text


async def test_another_account_may_neither_have_it_nor_throw_it_away(hub, ada):
    await log_in(ada, await send(ada), "ben")
    page = await ada.get("/kept")
    assert "kept for that account alone" in page.text and "for an hour" not in page.text
    assert "It is mine" not in page.text and "Throw it away" not in page.text
    csrf = next(one.csrf for one in forms_of("", None, "/", page.text) if one.csrf)
    for path in ("/kept/mine", "/kept/drop"):
        assert (await ada.post(path, data={"csrf": csrf})).status_code == 303
    assert "for an hour" not in (await ada.get("/kept")).text
    ada.cookies.delete(hub.sessions.cookie)
    await log_in(ada, await ada.get("/login"))
    assert "for an hour" in (await ada.get("/kept")).text, "and Ada has it back"


async def test_whose_it_was_is_asked_where_nobody_can_tell(hub, ada):
    changed(hub, delete(LoginSession).where(LoginSession.user_id == hub.ada))
    await log_in(ada, await send(ada))
    page = await ada.get("/kept")
    assert "Did you write this?" in page.text and "for an hour" not in page.text
    await press(ada, page, "It is mine")
    page = await ada.get("/kept")
    assert "for an hour" in page.text
    thrown = await press(ada, page, "Throw it away")
    assert (thrown.status_code, thrown.headers["location"]) == (303, "/lessons/x?a=1")
    assert rows(hub, KeptForm.body) == []
    assert "Nothing is waiting here" in (await ada.get("/kept")).text


async def test_it_comes_along_through_a_second_factor(hub, ada):
    with hub.database.unit(system_call(hub.institution)) as unit:
        begun = totp.enrol(unit, unit.get(User, hub.ada), "Bloop")
        unit.session.flush()
        clock = pyotp.TOTP(begun.key)
        totp.confirm(unit, hub.ada, clock.at(utcnow() - timedelta(seconds=30)))
    second = await log_in(ada, await send(ada))
    page = await ada.get(second.headers["location"])
    form = next(one for one in forms_of("", None, "/", page.text) if "second" in one.action)
    given = encoded(form.with_({"text": clock.now()}))
    done = await ada.post(form.action, content=given, headers=FORM)
    assert done.headers["location"] == "/kept"
    assert "for an hour" in (await ada.get("/kept")).text


async def test_nothing_is_kept_of_another_sites_page_or_of_a_login(hub, ada):
    for site in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert (await send(ada, **site)).status_code == 401
    del ada.headers["origin"], ada.headers["sec-fetch-site"]
    assert (await send(ada)).status_code == 401  # Of whoever sends it nothing is known.
    ada.headers.update(OURS)
    for path in ("/account/password", "/step-up", "/account/security/codes"):
        answer = await ada.post(path, data={"password": PASSWORD, "email": "a@b.c"})
        assert answer.status_code == 401
    assert rows(hub, KeptForm.body) == []


async def test_what_is_too_long_or_one_too_many_is_said_not_to_be_kept(hub, ada, monkeypatch):
    body = encoded(ada.form.with_({"words": "x" * service.MOST_BYTES}))
    assert (await ada.post(ada.form.action, content=body, headers=FORM)).status_code == 401
    monkeypatch.setattr(service, "MOST", 1)
    assert "kept for half an hour" in (await send(ada)).text
    full = await send(ada)
    assert full.status_code == 401 and "too much to be kept" in full.text
    changed(hub, update(KeptForm).values(expires_at=utcnow() - timedelta(seconds=1)))
    assert (await ada.get("/kept")).status_code == 401
    assert "kept for half an hour" in (await send(ada)).text
    assert len(rows(hub, KeptForm.body)) == 1, "what has expired goes"


async def test_of_files_and_secrets_it_is_said_what_to_give_again(hub, ada):
    files = {"file": ("photo <b>.jpg", b"\xff\xd8" * 90_000, "image/jpeg")}
    asked = await ada.post(f"/notes/{hub.lesson}/files?csrf=x", files=files)
    assert asked.status_code == 401 and "Choose again:" in asked.text
    assert "photo &lt;b&gt;.jpg" in asked.text
    await log_in(ada, asked)
    page = (await ada.get("/kept")).text
    assert "photo &lt;b&gt;.jpg" in page and "Send it now" not in page
    ada.cookies.delete(hub.sessions.cookie)
    review = {"key": "0123456789abcdef" * 2, "answer": "b", "reader": "0123456789abcdef"}
    await log_in(ada, await ada.post("/reviews", data=review))
    await press(ada, await ada.get("/kept"), "It is mine")
    page = (await ada.get("/kept")).text
    assert f'name="key" value="{review["key"]}"' in page, "what is answered is no secret"
    assert "Type again" not in page and "Reader" not in page


async def test_a_wrong_token_keeps_what_was_typed_and_may_be_sent_again(hub, visit):
    browser = await visit()
    browser.headers.update(OURS)
    browser.cookies.set(hub.sessions.cookie, hub.ben_session, domain="127.0.0.1", path="/")
    body = encoded([("csrf", "0" * 64), ("words", TEXT), ("secret.key", PASSWORD)])
    path = f"/lessons/{hub.lesson}/notes"
    refused = await browser.post(path, content=body, headers=FORM)
    assert refused.status_code == 403 and "for an hour" in refused.text
    assert PASSWORD not in refused.text and "Type again: key" in refused.text
    assert (await press(browser, refused, "Send it now")).status_code == 303
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        other = await browser.post(path, content=body, headers=FORM | headers)
        assert other.status_code == 403 and "for an hour" not in other.text


async def test_a_fresh_proof_is_asked_for_without_losing_what_was_typed(hub, visit):
    browser = await visit()
    browser.headers.update(OURS)
    browser.cookies.set(hub.sessions.cookie, hub.ben_session, domain="127.0.0.1", path="/")
    old = {"proved_at": utcnow() - timedelta(hours=1)}
    changed(hub, update(LoginSession).where(LoginSession.user_id == hub.ben).values(old))
    path = "/account/keys/new"
    page = await browser.get("/account/keys")
    token = next(forms_of("", None, "/", page.text)).csrf
    body = encoded([("csrf", token), ("name", "Nightly export"), ("days", "30")])
    asked = await browser.post(path, content=body, headers=FORM)
    assert (asked.status_code, asked.headers["location"]) == (303, "/step-up?next=/kept")
    page = await browser.get("/step-up?next=/kept")
    form = next(one for one in forms_of("", None, "/", page.text) if one.action == "/step-up")
    proof = encoded(form.with_({"text": PASSWORD}))
    proved = await browser.post("/step-up", content=proof, headers=FORM)
    assert proved.headers["location"] == "/kept"
    page = await browser.get("/kept")
    assert "Nightly export" in page.text
    refused = await press(browser, page, "Send it now")
    assert refused.status_code == 422 and "Nightly export" in refused.text  # It has no scope yet.
