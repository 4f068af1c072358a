"""An admin reads and sets what the institution may set of a plugin."""

from __future__ import annotations

import pytest

from bloop_sdk.testing.distributions import CODE, write_plugin

CONFIG = """
    from pydantic import SecretStr
    from bloop_sdk import PluginConfig, Scope, setting

    class Config(PluginConfig):
        pool: int = setting(1, description="The operator's own")
        most: int = setting(10, scope=Scope.INSTITUTION, ge=1, description="At most so many")
        word: str = setting("w", scope=Scope.USER, description="Anybody's")
        token: SecretStr | None = setting(None, scope=Scope.INSTITUTION, description="Secret")
        key: SecretStr | None = setting(None, description="The operator's secret")
"""
PATH = "/api/v1/plugins/notebook/settings"


@pytest.fixture
def config_path(config_path, site, monkeypatch):
    manifest = {"config": "bloop_notebook.config:Config"}
    write_plugin(site, "notebook", code=CODE, files={"config.py": CONFIG}, manifest=manifest)
    monkeypatch.setenv("TOKEN", "hunter2-token")
    monkeypatch.setenv("KEY", "hunter2-key")
    with config_path.open("a") as file:
        file.write('\n[plugins.notebook]\nenabled = true\nmost = 20\ntoken = { env = "TOKEN" }\n')
        file.write('key = { env = "KEY" }\n')
    return config_path


async def test_what_may_be_set_is_shown_with_where_it_comes_from_and_no_secret(operator):
    answer = await operator.get(PATH)
    found = answer.json()
    assert (answer.status_code, answer.headers["etag"]) == (200, '"v0"')
    assert set(found["json_schema"]["properties"]) == {"most", "word", "token"}
    assert found["json_schema"]["properties"]["most"]["minimum"] == 1
    assert found["settings"] == {}
    assert found["effective"] == {"most": 20, "word": "w"}
    assert found["secrets"] == {"token": True}
    assert "hub.toml:" in found["origins"]["most"]
    assert found["origins"]["word"] == "default"
    assert "hunter2" not in answer.text


async def test_what_was_set_holds_from_the_next_call_on(operator, hub):
    from bloop.hub.contexts import PluginCall, open_context
    from tests.support.database import make_call

    body = {"settings": {"most": 5}}
    made = await operator.put(PATH, json=body, headers={"if-match": '"v0"'})
    assert (made.status_code, made.headers["etag"]) == (200, '"v1"')
    assert made.json()["effective"] == {"most": 5, "word": "w"}
    assert made.json()["origins"]["most"] == "institution row"
    assert (await operator.get(PATH)).json() == made.json()
    ctx = await open_context(hub, PluginCall, "notebook", make_call(hub.institution))
    assert (ctx.config.most, ctx.config.key.get_secret_value()) == (5, "hunter2-key")
    back = await operator.put(PATH, json={"settings": {}}, headers={"if-match": '"v1"'})
    assert back.json()["effective"]["most"] == 20


async def test_a_stale_version_changes_nothing(operator):
    body = {"settings": {"most": 5}}
    assert (await operator.put(PATH, json=body)).status_code == 428
    assert (await operator.put(PATH, json=body, headers={"if-match": '"v7"'})).status_code == 409
    assert (await operator.put(PATH, json=body, headers={"if-match": "*"})).status_code == 200
    stale = await operator.put(PATH, json=body, headers={"if-match": '"v0"'})
    assert (stale.status_code, stale.headers["etag"]) == (412, '"v1"')


@pytest.mark.parametrize(
    ("settings", "field", "said"),
    [
        ({"most": 0, "pool": 3}, "body.settings.most", "at least 1"),
        ({"most": 0, "pool": 3}, "body.settings.pool", "belongs to the hub"),
        ({"mots": 1}, "body.settings.mots", "unknown"),
        ({"token": "hunter2-new"}, "body.settings.token", "encrypted"),
    ],
)
async def test_each_fault_is_told_by_its_field(operator, settings, field, said):
    headers = {"if-match": '"v0"'}
    answer = await operator.put(PATH, json={"settings": settings}, headers=headers)
    assert answer.status_code == 422
    told = {fault["field"]: fault["message"] for fault in answer.json()["errors"]}
    assert said in told[field]
    assert "hunter2" not in answer.text
    assert (await operator.get(PATH)).headers["etag"] == '"v0"'


async def test_settings_are_for_admins_and_of_plugins_that_run(operator, hub, visit):
    educator, admin = await visit("educator"), await visit("admin")
    assert (await educator.get(PATH)).status_code == 403
    assert (await admin.get(PATH)).status_code == 200
    unknown = await operator.get("/api/v1/plugins/nothing/settings")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "plugin_unknown")
    await operator.post("/api/v1/plugins/notebook/disable")
    off = await operator.get(PATH)
    assert off.status_code == 503
    assert "plugins enable notebook" in off.json()["cure"]
