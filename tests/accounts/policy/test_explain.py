"""`bloop policy`, its API and its page say why: each factor, each policy in words."""

from __future__ import annotations

import json

import httpx
import pytest
from click.testing import CliRunner

from bloop.accounts.models import User
from bloop.accounts.sessions import system_call
from bloop.cli.main import cli
from bloop.content import service
from bloop.hub import Hub
from bloop.store.types import utcnow
from bloop_sdk.testing.distributions import CODE, write_plugin
from tests.support.database import make_call
from tests.support.hub import log_in

RULES = """
@id("editors")
@words("educators edit the wiki as well")
permit (principal in Role::"educator", action == Action::"wiki:edit", resource);
"""


@pytest.fixture
def config_path(hub_toml, site):
    contributes = {
        "actions": [{"name": "wiki:edit", "role": "admin", "help": "Edit the wiki."}],
        "policies": "rules.cedar",
    }
    write_plugin(
        site,
        "wiki",
        code=CODE,
        files={"rules.cedar": RULES},
        manifest={"contributes": contributes, "scopes": ["content:read"]},
    )
    with hub_toml.open("a") as file:
        file.write("\n[plugins.wiki]\nenabled = true\n")
    return hub_toml


@pytest.fixture
async def hub(config_path):
    hub = Hub.open(config_path, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
async def people(hub):
    """Somebody of each role, and a draft."""

    def write():
        with hub.database.unit(system_call(hub.institution)) as unit:
            for role in ("learner", "educator", "admin"):
                person = User(
                    institution_id=hub.institution,
                    name=role.title(),
                    email=f"{role}@example.org",
                    role=role,
                )
                unit.session.add(person)
            gone = User(institution_id=hub.institution, name="Gone", email="gone@", role="admin")
            gone.disabled_at = utcnow()
            unit.session.add(gone)
        with hub.database.unit(make_call(hub.institution)) as unit:
            course = service.create_container(unit, title="x", kind="course")
            item = service.create_item(unit, course.id, title="x", kind="page", html="")
            return course.id, item.id

    return await hub.database.run(write)


@pytest.fixture
async def admin(hub, people, visit):
    client = await visit()
    session = await hub.database.run(log_in, hub, "admin", hub.institution)
    client.headers.update(
        {"authorization": f"Bearer {session.token}", "accept": "application/json"}
    )
    return client


async def asked(client: httpx.AsyncClient, user, action, resource="", **more):
    query = {"user": user, "action": action, "resource": resource, **more}
    answer = await client.get("/api/v1/policy/explain", params=query)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    factors = {one["factor"]: one for one in found["factors"]}
    assert found["allowed"] is all(one["allowed"] for one in factors.values())
    return found["allowed"], factors


def ids(factor):
    return [one["id"] for one in factor["policies"]]


async def test_who_may_is_told_by_which_policies(admin):
    allowed, factors = await asked(admin, "educator@example.org", "content:write")
    assert allowed
    assert ids(factors["user"]) == ["educator"]
    assert factors["user"]["policies"][0]["words"].startswith("educators may do this")


async def test_who_has_too_low_a_role_is_told_which_would_do(admin):
    allowed, factors = await asked(admin, "learner@example.org", "content:write")
    assert not allowed
    assert (factors["user"]["needs"], factors["user"]["policies"]) == ("educator", [])
    assert factors["user"]["missing"] == "the role educator or a higher one; this is a learner"


async def test_a_draft_is_told_to_be_one(admin, people):
    _, item = people
    allowed, factors = await asked(admin, "learner@example.org", "content:read", f"item:{item}")
    assert (allowed, ids(factors["user"])) == (False, ["drafts"])
    allowed, factors = await asked(admin, "educator@example.org", "content:read", f"item:{item}")
    assert allowed
    allowed, factors = await asked(
        admin, "educator@example.org", "content:read", f"item:{item}", scopes="content:read"
    )
    assert (allowed, ids(factors["token"])) == (False, ["drafts"])


async def test_a_disabled_account_and_a_guest_are_told(admin):
    allowed, factors = await asked(admin, "gone@", "users:read")
    assert (allowed, ids(factors["user"])) == (False, ["disabled"])
    assert not (await asked(admin, "guest", "jobs:read"))[0]


async def test_each_factor_is_told_by_itself(admin):
    person, action = "educator@example.org", "content:write"
    allowed, factors = await asked(admin, person, action, scopes="content:read", plugin="wiki")
    assert not allowed
    told = {name: (one["allowed"], ids(one)) for name, one in factors.items()}
    assert told == {
        "user": (True, ["educator"]),
        "token": (False, ["token"]),
        "plugin": (False, ["plugin"]),
    }
    allowed, factors = await asked(admin, person, action, scopes="content:read content:write")
    assert allowed


async def test_a_plugins_own_policy_is_told_as_its_own(admin):
    allowed, factors = await asked(admin, "educator@example.org", "wiki:edit", plugin="wiki")
    assert allowed
    assert [(one["id"], one["plugin"]) for one in factors["user"]["policies"]] == [
        ("editors", "wiki")
    ]
    assert not (await asked(admin, "learner@example.org", "wiki:edit"))[0]


@pytest.mark.parametrize(
    ("user", "action", "resource", "status"),
    [
        ("nobody", "content:read", "", 404),
        ("guest", "content:burn", "", 404),
        ("guest", "wiki:burn", "", 404),
        ("guest", "content:read", "item:nothing", 404),
        ("guest", "content:read", "shoe:1", 422),
        ("guest", "jobs:read", "institution", 200),
    ],
)
async def test_what_the_question_names_has_to_be_there(admin, user, action, resource, status):
    query = {"user": user, "action": action, "resource": resource}
    answer = await admin.get("/api/v1/policy/explain", params=query)
    assert answer.status_code == status


async def test_only_admins_ask(visit, hub):
    for role, status in ((None, 401), ("educator", 403), ("admin", 200)):
        client = await visit(role)
        query = {"user": "guest", "action": "content:read"}
        headers = {"accept": "application/json"}
        answer = await client.get("/api/v1/policy/explain", params=query, headers=headers)
        assert answer.status_code == status


async def test_the_page_answers_in_the_visitors_language(visit, people):
    page = await visit("admin")
    assert 'href="/policy"' in (await page.get("/plugins")).text
    query = {"user": "learner@example.org", "action": "content:write"}
    english = await page.get("/policy", params=query)
    assert "No, Learner may not." in english.text
    assert "It needs this role or a higher one: educator." in english.text
    german = await page.get("/policy", params=query, headers={"accept-language": "de"})
    assert "Nein, Learner darf das nicht." in german.text
    wrong = await page.get("/policy", params={**query, "user": "<nobody>"})
    assert (wrong.status_code, "&lt;nobody&gt;" in wrong.text) == (422, True)


async def test_the_command_line_says_the_same(hub, people, config_path):
    _, item = people

    def run(*arguments):
        return CliRunner().invoke(cli, ["--config", str(config_path), "policy", *arguments])

    def everything():
        told = run("explain", "learner@example.org", "content:read", f"item:{item}")
        whole = run("explain", "learner@example.org", "content:write", "--scope", "x", "--json")
        own = run("explain", "educator@example.org", "wiki:edit", "--plugin", "wiki")
        return told, whole, own

    told, whole, own = await hub.database.run(everything)
    assert told.output.startswith("✗ Learner (learner) may not content:read")
    assert "it is not published" in told.output and "(policy drafts)" in told.output
    assert json.loads(whole.output)["factors"][1]["policies"][0]["id"] == "token"
    assert "educators edit the wiki as well (policy editors of wiki)" in own.output


def test_a_file_of_policies_is_checked(tmp_path):
    good, bad = tmp_path / "good.cedar", tmp_path / "bad.cedar"
    good.write_text('permit (principal, action == Action::"content:read", resource);')
    bad.write_text('permit (principal, action == Action::"content:raed", resource);')
    runner = CliRunner()
    assert "1 policy" in runner.invoke(cli, ["policy", "check", str(good)]).output
    refused = runner.invoke(cli, ["policy", "check", str(bad)])
    assert refused.exit_code == 1
    assert "content:raed" in str(refused.exception)
    assert 'action "content:read"' in runner.invoke(cli, ["policy", "schema"]).output
    assert "content:read" in runner.invoke(cli, ["policy", "actions"]).output
