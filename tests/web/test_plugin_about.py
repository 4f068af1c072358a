"""A plugin's own page, its API and its command: what it declares, and what of it is so here."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.jobs import ledger
from bloop.jobs.models import Job
from bloop.store.database import in_unit
from bloop.store.types import utcnow
from bloop_sdk.testing.distributions import write_plugin
from tests.support.hub import add_institution
from tests.web.conftest import csrf_of

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)

CODE = """
    from pydantic import SecretStr
    from bloop_sdk import Plugin, PluginConfig, Scope, setting

    class Config(PluginConfig):
        pin: SecretStr | None = setting(None, scope=Scope.INSTITUTION, description="A pin")
        key: SecretStr | None = setting(None, description="A key")
        token: SecretStr | None = setting(None, scope=Scope.CONNECTION, description="A token")

    class Main(Plugin):
        pass

    async def tidy(ctx, payload):
        return None

    async def doors(request, ctx):
        return []
"""
DOORS = {"path": "/doors", "handler": "bloop_vault.plugin:doors", "action": "vault:open"}
MANIFEST = {
    "config": "bloop_vault.plugin:Config",
    "secrets": ["pin", "key", "token"],
    "network": {"hosts": ["{base_url}", "vault.example"], "downloads": ["files.example"]},
    "contributes": {
        "jobs": [{"kind": "tidy", "handler": "bloop_vault.plugin:tidy", "queue": "slow"}],
        "schedules": [{"job": "tidy", "every": "1d"}],
        "routes": [
            {"path": "/doors", "handler": "bloop_vault.plugin:doors", "action": "vault:open"}
        ],
        "actions": [{"name": "vault:open", "role": "educator", "help": "Open it."}],
    },
}


@pytest.fixture
async def hub(hub_toml, site, monkeypatch):
    write_plugin(site, "vault", code=CODE, manifest=MANIFEST)
    write_plugin(site, "idle")
    monkeypatch.setenv("VAULT_KEY", "hunter2hunter2")
    with hub_toml.open("a") as file:
        file.write('\n[plugins.vault]\nenabled = true\nkey = { env = "VAULT_KEY" }\n')
    hub = Hub.open(hub_toml, "cli")  # Its jobs stay as they are.
    hub.tables.prepare()
    await asyncio.to_thread(hub.load_plugins)
    yield hub
    await hub.database.close()


def work(unit, *, failed_days_ago):
    def enqueue():
        return ledger.enqueue(unit, "vault.tidy", {}, plugin_id="vault", queue="slow")

    enqueue()
    for days in failed_days_ago:
        ended = {"state": "failed", "turn": None, "finished_at": utcnow() - timedelta(days=days)}
        unit.session.execute(update(Job).where(Job.id == enqueue()).values(ended))
    ledger.enqueue(unit, "content.sync", {}, plugin_id="other")


async def test_it_is_told_with_what_it_declares_and_what_of_it_is_so(hub, visit):
    away = add_institution(hub, "away")
    for of, days in ((hub.institution, (1, 2, 9)), (away, (1,))):
        await hub.database.run(in_unit, hub.database, system_call(of), work, failed_days_ago=days)
    admin = await visit("admin")
    told = (await admin.get("/api/v1/plugins/vault")).json()
    assert told["contract"] == {"asks": "1.0", "speaks": "1.0"}
    assert (told["declared"]["hosts"], told["downloads"]) == (
        ["{base_url}", "vault.example"],
        ["files.example"],
    )
    assert {
        one["name"]: (one["scope"], one["is_set"], one["set_by"]) for one in told["secrets"]
    } == {
        "pin": ("institution", False, None),
        "key": ("hub", True, "hub"),
        "token": ("connection", None, None),
    }
    (job,) = told["jobs"]
    assert (job["kind"], job["queue"], job["every"]) == ("vault.tidy", "slow", "1d")
    assert (job["waiting"], job["running"], job["failed"]) == (1, 0, 2)
    (entry,) = told["entries"]
    assert (entry["path"], entry["action"], entry["role"]) == (
        "/x/vault/doors",
        "vault:open",
        "educator",
    )
    page = (await admin.get("/plugins/vault")).text
    for text in (
        "vault.example",
        "files.example",
        "set by whoever runs the hub",
        "GET /x/vault/doors",
    ):
        assert text in page
    assert "hunter2" not in page + str(told)
    failed = re.search(r'href="(/jobs\?state=failed[^"]+)"', page)[1].replace("&amp;", "&")
    assert (await admin.get(failed)).text.count('id="job-') == 3
    assert "content.sync" not in (await admin.get("/jobs?plugin=vault")).text
    listed = (await admin.get("/api/v1/jobs?plugin=vault&state=failed")).json()["items"]
    assert {one["plugin_id"] for one in listed} == {"vault"}


async def test_who_switched_it_stands_there_for_who_may_see_it(hub, visit):
    admin = await visit("admin")
    form = {"csrf": csrf_of(await admin.get("/plugins/vault/institution"))}
    for way in ("off", "on"):
        await admin.post(f"/plugins/vault/institution/{way}", data=form)
    history = (await admin.get("/api/v1/plugins/vault/history")).json()["items"]
    assert [one["action"] for one in history] == ["plugin.switched_on", "plugin.switched_off"]
    assert "switched it off for your institution" in (await admin.get("/plugins/vault")).text
    assert (
        "Nobody of your institution" in (await (await visit("operator")).get("/plugins/idle")).text
    )
    assert (await admin.get("/plugins/idle")).status_code == 404, "an admin sees what is loaded"
    assert (await admin.get("/api/v1/plugins/nothing/history")).status_code == 404
    assert (await (await visit("learner")).get("/plugins/vault")).status_code == 403
