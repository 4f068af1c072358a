"""The pages of people, as people without JavaScript meet them."""

from __future__ import annotations

import html
import re

import pytest
from sqlalchemy import select

from bloop.accounts.models import LoginSession, User
from bloop.accounts.people import registration
from bloop.accounts.people.models import Invitation
from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from tests.support.hub import add_institution
from tests.web.conftest import csrf_of

HERE = {"origin": "http://127.0.0.1:8080"}


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    yield hub
    await hub.database.close()


@pytest.fixture
def add(hub):
    """Makes a user past all guards; gives their id."""

    def put(role="learner", institution=None, **values):
        with hub.database.unit(system_call(institution or hub.institution)) as unit:
            made = User(institution_id=unit.institution, role=role, **{"name": "Ada"} | values)
            unit.session.add(made)
            unit.session.flush()
            return made.id

    return put


def rows(hub, model):
    with hub.database.unit(system_call(hub.institution)) as unit:
        return unit.session.scalars(select(model).order_by(model.id)).all()


def text_of(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def field_of(page, name):
    return html.unescape(re.search(rf'name="{name}" value="([^"]*)"', page.text)[1])


async def invite(browser, **more):
    """The link that the page shows once."""
    csrf = csrf_of(await browser.get("/people/invite"))
    form = {"csrf": csrf, "role": "learner", "email": "", "uses": "1", "days": "7"} | more
    made = await browser.post("/people/invite", data=form)
    assert made.status_code == 200, text_of(made)
    return html.unescape(re.search(r'id="link" value="([^"]+)"', made.text)[1]), made


async def test_people_are_listed_found_and_read_in_german(visit, add):
    admin = await visit("admin")
    add(name="<b>Ada</b>", email="ada@example.org")
    add("educator", name="Bo")
    page = await admin.get("/people")
    assert "&lt;b&gt;Ada" in page.text and "<b>Ada" not in page.text
    found = text_of(await admin.get("/people", params={"search": "ADA"}))
    assert "ada@example.org" in found and "Bo" not in found
    assert "Nobody like that is here." in text_of(await admin.get("/people?search=xyz"))
    german = text_of(await admin.get("/people", headers={"accept-language": "de"}))
    assert "Personen" in german and "keine E-Mail-Adresse" in german


async def test_a_long_list_has_pages(visit, add, monkeypatch):
    monkeypatch.setattr("bloop.web.people_pages.PEOPLE_AT_ONCE", 2)
    admin = await visit("admin")
    for number in range(3):
        add(name=f"N {number}")
    page = await admin.get("/people?role=learner")
    assert ("N 1" in page.text, "N 2" in page.text) == (True, False)
    more = html.unescape(re.search(r'rel="next" href="([^"]+)"', page.text)[1])
    page = await admin.get(more)
    assert ("N 1" in page.text, "N 2" in page.text) == (False, True)


async def test_only_admins_see_people(visit, add):
    user = add()
    for role, status in (("learner", 403), ("educator", 403), (None, 401)):
        browser = await visit(role)
        for path in ("/people", "/people/invite", "/people/registration", f"/people/{user}"):
            assert (await browser.get(path)).status_code == status, (role, path)


async def test_a_role_is_changed_by_a_form_and_takes_effect_at_once(visit, add, hub):
    admin, educator = await visit("admin"), await visit("educator")
    assert (await educator.get("/jobs")).status_code == 200
    (user,) = [one.id for one in rows(hub, User) if one.role == "educator"]
    page = await admin.get(f"/people/{user}")
    form = {"csrf": csrf_of(page), "version": field_of(page, "version")}
    form |= {"name": "Bo", "email": "Bo@Example.org", "role": "learner"}
    saved = await admin.post(f"/people/{user}", data=form)
    assert saved.headers["location"] == f"/people/{user}?saved=yes"
    assert "Saved." in text_of(await admin.get(saved.headers["location"]))
    assert (await educator.get("/jobs")).status_code == 403
    stale = await admin.post(f"/people/{user}", data=form | {"role": "educator"})
    assert (stale.status_code, "meanwhile" in text_of(stale)) == (422, True)
    wrong = await admin.post(
        f"/people/{user}", data=form | {"version": field_of(stale, "version"), "email": "nobody"}
    )
    assert (wrong.status_code, 'id="wrong-email"' in wrong.text) == (422, True)
    (changed,) = [one for one in rows(hub, User) if one.id == user]
    assert (changed.name, changed.email, changed.role) == ("Bo", "bo@example.org", "learner")


async def test_an_admin_is_offered_no_more_than_they_have(visit, add):
    admin = await visit("admin")
    page = await admin.get(f"/people/{add()}")
    assert 'value="admin"' in page.text and 'value="operator"' not in page.text
    assert 'value="operator"' not in (await admin.get("/people/invite")).text
    operator = add("operator")
    page = await admin.get(f"/people/{operator}")
    assert "<select" not in page.text and "Disable" not in page.text
    csrf = csrf_of(await admin.get("/people/invite"))
    form = {"csrf": csrf, "version": "1", "name": "Eve", "email": "", "role": "learner"}
    for path, data in (
        (f"/people/{operator}", form),
        (f"/people/{operator}/disable", {"csrf": csrf}),
        (f"/people/{operator}/enable", {"csrf": csrf}),
        ("/people/invite", {"csrf": csrf, "role": "operator", "uses": "1", "days": "7"}),
    ):
        assert (await admin.post(path, data=data)).status_code == 403, path


async def test_an_account_is_disabled_after_a_question_and_enabled_again(visit, add, hub):
    admin, learner = await visit("admin"), await visit("learner")
    (user,) = [one.id for one in rows(hub, User) if one.role == "learner"]
    page = await admin.get(f"/people/{user}/disable")
    assert "Disable learner?" in text_of(page)
    done = await admin.post(f"/people/{user}/disable", data={"csrf": csrf_of(page)})
    assert "logged out everywhere" in text_of(await admin.get(done.headers["location"]))
    assert (await learner.get("/people")).status_code == 401
    page = await admin.get(f"/people/{user}")
    await admin.post(f"/people/{user}/enable", data={"csrf": csrf_of(page)})
    assert [one.disabled_at for one in rows(hub, User) if one.id == user] == [None]


async def test_the_last_operator_is_not_disabled_and_the_page_says_why(visit, hub):
    operator = await visit("operator")
    first, second = [one.id for one in rows(hub, User) if one.role == "operator"]
    csrf = csrf_of(await operator.get("/people/invite"))
    assert (await operator.post(f"/people/{first}/disable", data={"csrf": csrf})).status_code == 303
    refused = await operator.post(f"/people/{second}/disable", data={"csrf": csrf})
    assert (refused.status_code, "last operator" in text_of(refused)) == (409, True)


async def test_pages_of_another_institutions_people_are_not_there(visit, add, hub):
    admin, user = await visit("admin"), add("learner", add_institution(hub, "other"))
    csrf = csrf_of(await admin.get("/people/invite"))
    for method, path in (
        ("GET", f"/people/{user}"),
        ("GET", f"/people/{user}/disable"),
        ("POST", f"/people/{user}"),
        ("POST", f"/people/{user}/disable"),
        ("POST", f"/people/{user}/enable"),
        ("POST", f"/people/invitations/{user}/withdraw"),
    ):
        data = {"data": {"csrf": csrf}} if method == "POST" else {}
        assert (await admin.request(method, path, **data)).status_code == 404, (method, path)


async def test_an_invitation_leads_from_its_link_to_being_logged_in(visit, hub):
    admin, guest = await visit("admin"), await visit()
    url, made = await invite(admin, role="educator")
    assert made.headers["cache-control"] == "no-store"
    path = "/join" + url.partition("/join")[2]
    assert url.rpartition("=")[2] not in (await admin.get("/people/invite")).text
    for _ in range(2):
        assert (await guest.head(path)).status_code == 200
        page = await guest.get(path)  # Whoever only looks uses nothing up.
        assert "Join Here" in text_of(page) and "invited as educator" in text_of(page)
    assert page.headers["cache-control"] == "no-store"
    form = {"token": field_of(page, "token"), "name": "Bo", "email": "nobody"}
    wrong = await guest.post("/join", data=form, headers=HERE)
    assert (wrong.status_code, 'value="Bo"' in wrong.text) == (422, True)
    came = await guest.post("/join", data=form | {"email": "bo@example.org"}, headers=HERE)
    assert (came.status_code, came.headers["location"]) == (303, "/account/password?first=true")
    assert "You are logged in as educator." in text_of(await guest.get("/"))
    late = await visit()
    for answer in (
        await late.get(path),
        await late.post("/join", data=form | {"email": "eve@example.org"}, headers=HERE),
        await late.get(path[:-1] + ("A" if path[-1] != "A" else "B")),
        await late.get("/join?token=nonsense"),
    ):
        assert answer.status_code == 403
        assert "This invitation is no longer good" in text_of(answer)
        assert "set-cookie" not in answer.headers
    assert "used up" in text_of(await admin.get("/people/invite"))


async def test_another_sites_page_logs_nobody_in(visit, hub):
    url, _ = await invite(await visit("admin"))
    form = {"token": url.rpartition("=")[2], "name": "Eve", "email": "eve@example.org"}
    guest = await visit()
    answer = await guest.post("/join", data=form, headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    member = await visit("learner")
    assert (await member.post("/join", data=form, headers=HERE)).status_code == 403
    assert [one.uses for one in rows(hub, Invitation)] == [0]


async def test_an_invitation_is_withdrawn_with_a_button(visit, hub):
    admin = await visit("admin")
    url, _ = await invite(admin, email="bo@example.org")
    page = await admin.get("/people/invite")
    assert "bo@example.org" in page.text
    path = re.search(r'action="(/people/invitations/[^"]+)"', page.text)[1]
    done = await admin.post(path, data={"csrf": csrf_of(page)})
    assert "lets nobody in" in text_of(await admin.get(done.headers["location"]))
    assert (await (await visit()).get("/join" + url.partition("/join")[2])).status_code == 403


NONSENSE = [
    ({"uses": "0"}, "uses"),
    ({"uses": "x"}, "uses"),
    ({"email": "x"}, "email"),
    ({"days": "8"}, "days"),
    ({"role": "king"}, "role"),
    ({"email": "a@example.org", "uses": "2"}, "uses"),
]


async def test_a_form_that_is_wrong_comes_back_with_what_is(visit, hub):
    admin = await visit("admin")
    form = {"csrf": csrf_of(await admin.get("/people/invite")), "role": "educator"}
    form |= {"email": "", "uses": "1", "days": "30"}
    for wrong, field in NONSENSE:
        answer = await admin.post("/people/invite", data=form | wrong)
        assert answer.status_code == 422
        assert f'id="wrong-{field}"' in answer.text
    assert rows(hub, Invitation) == []


async def test_registration_is_decided_on_a_page_and_used_on_another(visit, hub):
    admin, guest = await visit("admin"), await visit()
    assert (await guest.get("/join")).status_code == 404
    page = await admin.get("/people/registration")
    form = {"csrf": csrf_of(page), "mode": "domains", "domains": ""}
    wrong = await admin.post("/people/registration", data=form)
    assert (wrong.status_code, 'id="wrong-domains"' in wrong.text) == (422, True)
    form["domains"] = "example.edu\n example.org"
    assert (await admin.post("/people/registration", data=form)).status_code == 303
    page = await admin.get("/people/registration")
    assert "example.edu\nexample.org" in page.text and "/join?institution=main" in page.text
    sessions = len(rows(hub, LoginSession))
    for path in ("/join", "/join?institution=main"):
        page = await guest.get(path)
        assert "With an address of: example.edu, example.org." in text_of(page)
    person = {"institution": "main", "token": "", "name": "Bo", "email": "bo@evil.org"}
    assert (await guest.post("/join", data=person, headers=HERE)).status_code == 422
    came = await guest.post("/join", data=person | {"email": "bo@example.edu"}, headers=HERE)
    assert "almost there" in text_of(came) and "set-cookie" not in came.headers
    assert len(rows(hub, LoginSession)) == sessions
    waiting = await admin.get("/people?state=waiting")
    path = re.search(r'href="(/people/[0-9a-f-]{36})"', waiting.text)[1]
    page = await admin.get(path)
    await admin.post(f"{path}/enable", data={"csrf": csrf_of(page)})
    assert "Bo" not in text_of(await admin.get("/people?state=waiting"))


async def test_everybody_registers_where_it_is_open_at_the_institution_that_is_named(visit, hub):
    other, guest = add_institution(hub, "other"), await visit()
    with hub.database.unit(system_call(other)) as unit:
        registration.set_registration(unit, None, mode="open", domains=[])
    for nowhere in ("", "?institution=main", "?institution=nowhere"):
        assert (await guest.get(f"/join{nowhere}")).status_code == 404
    assert "Join Other" in text_of(await guest.get("/join?institution=other"))
    person = {"institution": "other", "token": "", "name": "Bo", "email": "bo@example.org"}
    came = await guest.post("/join", data=person, headers=HERE)
    assert came.status_code == 303
    assert "You are logged in as learner." in text_of(await guest.get("/join?institution=other"))
    again = await (await visit()).post("/join", data=person, headers=HERE)
    assert (again.status_code, 'id="wrong-email"' in again.text) == (422, True)


NOWHERE = [
    "/join?institution=%00",
    "/join?institution=*",
    f"/join?institution={'x' * 3000}",
    f"/join?token={'%00' * 36}.{'x' * 43}",
    f"/join?token={'*' * 36}.{'x' * 43}",
    f"/join?token=*.{'x' * 43}",
    f"/join?token={'x' * 36}.{'%00' * 43}",
    f"/join?token={'%F0%9F%8E%88' * 36}.{'x' * 43}",
]


async def test_doors_that_there_are_not_let_nobody_in(visit, hub):
    guest = await visit()
    for path in NOWHERE:
        answer = await guest.get(path)
        assert answer.status_code in {403, 404, 422}, (path, answer.status_code)
        given = dict([path.partition("?")[2].split("=")])
        answer = await guest.post(
            "/join", data={"name": "A", "email": "a@example.org"} | given, headers=HERE
        )
        assert answer.status_code in {403, 404, 422}, (path, answer.status_code)
        assert "set-cookie" not in answer.headers
    admin = await visit("admin")
    for path in ("/people?search=%00", "/people?search=a%00b", f"/people?search={'%25' * 60}"):
        assert (await admin.get(path)).status_code == 200, path
    for path in ("/people?cursor=AA==", "/people/invite?cursor=AA=="):
        assert (await admin.get(path)).status_code == 422, path
    assert (await admin.get("/people/%00")).status_code in {404, 422}
