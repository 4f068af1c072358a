from __future__ import annotations

import asyncio
import sys

import httpx
import pytest
from sqlalchemy import select

from bloop.accounts.models import User
from bloop.accounts.service import start_session
from bloop.accounts.sessions import system_call
from bloop.api.app import create_app
from bloop.store.models import AuditLine
from bloop_sdk import Role
from bloop_sdk.testing.distributions import write_plugin

BROKEN = """
    raise RuntimeError("no luck today")
"""


@pytest.fixture
def config_path(config_path, site):
    """A hub with a good plugin, one that fails to import, and one that is off."""
    write_plugin(site, "good", manifest={"summary": "Does good."})
    write_plugin(site, "broken", code=BROKEN)
    write_plugin(site, "idle")
    write_plugin(site, "asks", manifest={"network": {"hosts": ["a.example", "b.example"]}})
    with config_path.open("a") as file:
        file.write("\n# Kept.\n[plugins.good]\nenabled = true # really\n")
        file.write("[plugins.broken]\nenabled = true\nretries = 3\n")
        file.write('[plugins.asks]\ngranted = ["network:a.example"]\n')
    return config_path


async def states(client) -> dict[str, str]:
    items = (await client.get("/api/v1/plugins")).json()["items"]
    return {item["id"]: item["state"] for item in items}


async def test_a_broken_plugin_costs_itself_alone_and_is_named_with_its_cure(operator):
    found = await states(operator)
    assert (found["good"], found["broken"], found["idle"]) == ("ready", "load_failed", "disabled")
    broken = (await operator.get("/api/v1/plugins/broken")).json()
    assert "no luck today" in broken["reason"]
    assert "bloop plugins disable broken" in broken["cure"]
    assert not broken["healthy"]
    assert "hub.toml:" in broken["settings"]["retries"]
    ready = await operator.get("/readyz")
    assert ready.status_code == 200
    plugins = next(line for line in ready.json()["checks"] if line["name"] == "plugins")
    assert plugins["ok"] is None and "broken" in plugins["detail"]


async def test_a_plugin_is_told_with_what_it_declares(operator):
    good = (await operator.get("/api/v1/plugins/good")).json()
    assert good["summary"] == "Does good."
    assert good["version"] == "1.0" and good["wanted"] and good["healthy"]
    assert good["declared"]["hooks"] == [] == good["declared"]["implemented"]
    missing = await operator.get("/api/v1/plugins/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


async def test_a_disabled_plugin_is_not_imported(operator):
    assert "bloop_good" in sys.modules and "bloop_idle" not in sys.modules


async def test_a_plugin_is_switched_on_and_off_while_the_hub_runs(hub, operator):
    on = await operator.post("/api/v1/plugins/idle/enable")
    assert on.status_code == 200, on.text
    assert (on.json()["state"], on.json()["started"]) == ("ready", ["idle"])
    assert "+enabled = true" in on.json()["diff"]
    assert "bloop_idle" in sys.modules
    off = await operator.post("/api/v1/plugins/good/disable")
    assert (off.json()["state"], off.json()["stopped"]) == ("stopped", ["good"])
    text = hub.config.path.read_text()
    assert "# Kept." in text and "enabled = false # really" in text
    again = await operator.post("/api/v1/plugins/good/disable")
    assert again.json()["diff"] == ""


async def test_what_is_not_installed_cannot_be_switched_on(hub, operator):
    before = hub.config.path.read_text()
    answer = await operator.post("/api/v1/plugins/nowhere/enable")
    assert answer.status_code in {404, 503}
    assert "(bloop-nowhere?)" in answer.json()["cure"]
    assert hub.config.path.read_text() == before


@pytest.fixture
async def admin(hub, operator):
    """Another session, of an admin who is no operator."""
    with hub.database.unit(system_call(hub.institution)) as unit:
        user = User(institution_id=hub.institution, name="Ada", role=Role.ADMIN)
        unit.session.add(user)
        unit.session.flush()
        session = start_session(unit, user)
    transport = httpx.ASGITransport(create_app(hub))
    headers = {"authorization": f"Bearer {session.token}"}
    url = "http://127.0.0.1"
    async with httpx.AsyncClient(transport=transport, base_url=url, headers=headers) as client:
        yield client


async def test_an_admin_switches_a_plugin_for_the_own_institution_alone(hub, operator, admin):
    path = "/api/v1/plugins/good"
    assert (await admin.post(f"{path}/disable")).status_code == 403
    assert (await admin.get(path)).json()["enabled"] is True
    answer = await admin.put(f"{path}/institution", json={"enabled": False})
    assert answer.status_code == 204
    assert (await admin.get(path)).json()["enabled"] is False
    assert (await admin.get(path)).json()["state"] == "ready"
    missing = await admin.put("/api/v1/plugins/nothing/institution", json={"enabled": False})
    assert missing.status_code == 404


async def reached(hub, plugin_id, state) -> None:
    async with asyncio.timeout(20):
        while hub.kernel.plugins[plugin_id].status.state != state:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_an_edit_of_the_file_reaches_the_running_hub_and_a_broken_one_does_not(hub):
    path = hub.config.path
    good = path.read_text()
    since = hub.kernel.plugins["broken"].status.since
    path.write_text(good.replace("enabled = true # really", "enabled = false"))
    await reached(hub, "good", "stopped")
    path.write_text('[http]\nport = "nonsense"\n')
    await asyncio.sleep(0.5)
    path.write_text(good)
    await reached(hub, "good", "ready")
    assert hub.kernel.plugins["broken"].status.since == since


async def test_a_plan_says_what_would_happen_and_changes_nothing(hub, operator):
    before = hub.config.path.read_text()
    plan = (await operator.get("/api/v1/plugins/idle/plan?change=enable")).json()
    assert plan["loads"] == ["idle"] and plan["changed"] and not plan["stops"]
    assert "+enabled = true" in plan["diff"] and "+granted = []" in plan["diff"]
    off = (await operator.get("/api/v1/plugins/good/plan", params={"change": "disable"})).json()
    assert off["stops"] == ["good"]
    assert hub.config.path.read_text() == before
    assert hub.kernel.plugins["idle"].status.state == "disabled"
    assert "bloop_idle" not in sys.modules
    wrong = await operator.get("/api/v1/plugins/idle/plan?change=explode")
    assert wrong.status_code == 422
    missing = await operator.get("/api/v1/plugins/nothing/plan?change=disable")
    assert missing.status_code == 404


async def test_a_switch_answers_with_its_plan_and_can_be_undone(hub, operator):
    before = hub.config.path.read_text()
    on = (await operator.post("/api/v1/plugins/idle/enable")).json()
    assert (on["state"], on["plan"]["loads"]) == ("ready", ["idle"])
    undone = await operator.post("/api/v1/plugins/undo")
    assert undone.status_code == 200, undone.text
    assert (undone.json()["id"], undone.json()["stopped"]) == ("idle", ["idle"])
    assert hub.config.path.read_text() == before
    nothing = await operator.post("/api/v1/plugins/undo")
    assert nothing.status_code == 422
    with hub.database.unit(system_call(hub.institution)) as unit:
        told = select(AuditLine.action).where(AuditLine.resource == "plugin:idle")
        assert unit.session.scalars(told).all() == ["plugins.enabled", "plugins.undone"]


async def test_an_undo_shows_what_was_edited_by_hand_since_and_leaves_it(hub, operator):
    await operator.post("/api/v1/plugins/idle/enable")
    by_hand = hub.config.path.read_text() + "order = 7\n"
    hub.config.path.write_text(by_hand)
    refused = await operator.post("/api/v1/plugins/undo")
    assert refused.status_code == 422
    assert "+order = 7" in refused.json()["detail"]
    assert hub.config.path.read_text() == by_hand


async def test_a_plugin_that_asks_for_more_than_was_granted_waits_for_the_operator(hub, operator):
    text = hub.config.path.read_text()
    hub.config.path.write_text(text.replace("[plugins.asks]\n", "[plugins.asks]\nenabled = true\n"))
    await reached(hub, "asks", "blocked")
    held = (await operator.get("/api/v1/plugins/asks")).json()
    assert held["reason"] == "it asks for what was not granted: network:b.example"
    rights = {right["name"]: right["granted"] for right in held["rights"]}
    assert rights == {"network:a.example": True, "network:b.example": False}
    assert (await operator.get("/api/v1/plugins/good")).json()["state"] == "ready"
    plan = (await operator.get("/api/v1/plugins/asks/plan?change=enable")).json()
    assert [right["name"] for right in plan["rights"] if right["new"]] == ["network:b.example"]
    assert (await operator.post("/api/v1/plugins/asks/enable")).json()["state"] == "ready"
    rights = (await operator.get("/api/v1/plugins/asks")).json()["rights"]
    assert all(right["granted"] for right in rights)


async def test_an_admin_sees_rights_and_settings_before_choosing_and_no_plan(admin):
    good = (await admin.get("/api/v1/plugins/good")).json()
    assert good["rights"] == []
    assert good["settings_schema"]["type"] == "object"
    for method, path in (("GET", "good/plan?change=disable"), ("POST", "undo")):
        answer = await admin.request(method, f"/api/v1/plugins/{path}")
        assert answer.status_code == 403
