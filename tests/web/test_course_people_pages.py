"""The pages of a course's people, of groups, rules of joining, and required second factors."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from bloop.accounts.identities.models import MembershipRules
from bloop.accounts.people import service as people
from bloop.accounts.sessions import system_call
from bloop.content import service
from bloop.content.models import Container
from bloop.hub import Hub
from bloop_sdk import Role


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
def run(hub):
    def in_unit(function, *args, **kwargs):
        with hub.database.unit(system_call(hub.institution)) as unit:
            return function(unit, *args, **kwargs)

    return in_unit


async def send(client, path, page, **fields):
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)[1]
    return await client.post(path, data={"csrf": csrf} | fields)


def version_of(page):
    return re.search(r'name="version" value="(\d+)"', page.text)[1]


async def test_people_and_groups_are_enrolled_on_the_page_of_a_course(hub, visit, run):
    admin = await visit("admin")
    course = run(service.create_container, title="Acids", published=True).id
    run(people.create, name="Ada Lovelace", email="ada@example.org", role=Role.LEARNER)
    here = f"/courses/{course}/people"
    assert here in (await admin.get(f"/courses/{course}")).text
    empty = await admin.get(here)
    assert "Nobody is enrolled here yet." in empty.text
    wrong = await send(admin, here, empty, email="eve@example.org", role="learner")
    assert wrong.status_code == 422 and "Invite them first" in wrong.text
    await send(admin, here, empty, email="Ada@example.org", role="educator")
    groups = await admin.get("/people/groups")
    made = await send(admin, "/people/groups", groups, name="Class B")
    again = await send(admin, "/people/groups", groups, name="Class B")
    assert again.status_code == 422 and "Another group has this name." in again.text
    group = made.headers["location"]
    shown = await admin.get(group)
    refused = await send(admin, f"{group}/members", shown, emails="nobody@example.org")
    assert refused.status_code == 422 and "nobody@example.org" in refused.text
    await send(admin, f"{group}/members", shown, emails="ada@example.org")
    assert "Ada Lovelace" in (await admin.get(group)).text
    await send(admin, here, empty, group=group.rpartition("/")[2], role="learner")
    full = await admin.get(here)
    assert "Ada Lovelace" in full.text and "Class B" in full.text
    await send(admin, f"/courses/{course}/audience", full, audience="enrolled")
    assert "Only those who are enrolled see it" in (await admin.get(here)).text
    end = re.search(r'action="(/courses/[^"]+/end)"', full.text)[1]
    assert (await send(admin, end, full)).status_code == 303
    assert (await send(admin, end, full)).status_code == 303, "the same again is as good"
    assert "Ada Lovelace" not in (await admin.get(here)).text
    learner = await visit("learner")
    assert (await learner.get(here)).status_code == 403
    assert "none is open to everybody" in (await learner.get("/courses")).text
    with hub.database.reading(system_call(hub.institution)) as unit:
        assert unit.get(Container, course).audience == "enrolled"


async def test_rules_of_joining_are_added_and_removed(hub, visit):
    admin = await visit("admin")
    here = "/people/rules"
    page = await admin.get(here)
    assert "There is no rule yet." in page.text
    wrong = await send(admin, here, page, claim="groups", role="learner", version="0")
    assert wrong.status_code == 422 and "claim and value belong together" in wrong.text
    done = await send(admin, here, page, domain="example.edu", role="educator", version="0")
    assert done.status_code == 303
    page = await admin.get(here)
    assert "An address of example.edu" in page.text
    stale = await send(admin, here, page, domain="example.org", role="learner", version="0")
    assert stale.status_code == 422 and "Somebody else changed this" in stale.text
    await send(admin, here, page, domain="example.org", role="admin", version=version_of(page))
    page = await admin.get(here)
    await send(admin, f"{here}/remove", page, at="0", version=version_of(page))
    with hub.database.reading(system_call(hub.institution)) as unit:
        (rule,) = unit.session.scalars(select(MembershipRules.rules)).one()
    assert (rule["domain"], rule["role"]) == ("example.org", "admin")


async def test_an_institution_asks_roles_for_a_second_factor_on_a_page(hub, visit):
    admin, learner = await visit("admin"), await visit("learner")
    here = "/people/second-factor"
    page = await admin.get(here)
    fields = {"role.learner": "yes", "version": version_of(page)}
    assert (await send(admin, here, page, **fields)).status_code == 303
    assert "checked" in (await admin.get(here)).text
    assert (await send(admin, here, page, **fields)).status_code == 409, "somebody saw an older one"
    hub.sessions.forget(learner.cookies[hub.sessions.cookie])
    sent = await learner.get("/")
    assert (sent.status_code, sent.headers["location"]) == (303, "/account/security")
    assert (await learner.get(here)).status_code in {303, 403}


async def test_an_admin_removes_the_factors_of_who_has_lost_them(hub, visit, run):
    admin = await visit("admin")
    ada = run(people.create, name="Ada", email=None, role=Role.LEARNER)
    assert f"/people/{ada}/factors" in (await admin.get(f"/people/{ada}")).text
    page = await admin.get(f"/people/{ada}/factors")
    assert "Remove all second factors of Ada?" in page.text
    assert (await send(admin, f"/people/{ada}/factors", page)).status_code == 303


async def test_who_has_no_plugin_to_set_is_told_so(visit):
    learner = await visit("learner")
    assert "Nothing to set" in (await learner.get("/account/plugins")).text
    assert (await learner.get("/account/plugins/nothing")).status_code in {404, 503}
