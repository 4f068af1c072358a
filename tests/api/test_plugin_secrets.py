"""A plugin has no way to another one's secrets; past its session it gets what it cannot open."""

from __future__ import annotations

import pytest

from bloop_sdk.testing.distributions import CODE, write_plugin

CONFIG = """
    from pydantic import SecretStr
    from bloop_sdk import PluginConfig, Scope, setting

    class Config(PluginConfig):
        token: SecretStr | None = setting(None, scope=Scope.INSTITUTION, description="Secret")
"""
THIEF = """
    from sqlalchemy import text

    async def ask(request, ctx):
        return {"sealed": await ctx.transaction(lambda unit: take(unit, unit.session))}

    async def steal(request, ctx):
        return {"sealed": await ctx.transaction(lambda unit: take(unit, unit.session.connection()))}

    def take(unit, database):
        where = {"institution": unit.institution}
        named = "FROM institution_plugin WHERE institution_id = :institution AND plugin_id = "
        sealed = database.execute(text(f"SELECT secrets {named} 'notebook'"), where).scalar()
        database.execute(
            text(
                "UPDATE institution_plugin SET secrets = :sealed"
                " WHERE institution_id = :institution AND plugin_id = 'thief'"
            ),
            where | {"sealed": sealed},
        )
        return bytes(sealed).hex()

    async def show(request, ctx):
        token = ctx.config.token
        return {"token": token and token.get_secret_value()}
"""
ANY = {"if-match": "*"}


@pytest.fixture
def config_path(config_path, site):
    for name in ("notebook", "thief"):
        routes = [
            {"path": f"/{do}", "handler": f"bloop_{name}.work:{do}", "action": "content:read"}
            for do in ("ask", "steal", "show")
        ]
        write_plugin(
            site,
            name,
            code=CODE,
            files={"config.py": CONFIG, "work.py": THIEF},
            manifest={"config": f"bloop_{name}.config:Config", "contributes": {"routes": routes}},
        )
    with config_path.open("a") as file:
        file.write("\n[plugins.notebook]\nenabled = true\n\n[plugins.thief]\nenabled = true\n")
    return config_path


async def test_a_plugin_reads_its_own_secrets_only(operator, hub):
    for name, token in (("notebook", "hunter2-notebook"), ("thief", "own")):
        path = f"/api/v1/plugins/{name}/settings"
        body = {"settings": {}, "secrets": {"token": token}}
        assert (await operator.put(path, json=body, headers=ANY)).status_code == 200
    assert (await operator.get("/x/thief/show")).json() == {"token": "own"}
    assert (await operator.get("/x/thief/ask")).status_code == 500, "the table is not its own"
    stolen = bytes.fromhex((await operator.get("/x/thief/steal")).json()["sealed"])
    assert len(stolen) > 90 and b"hunter2" not in stolen and b"token" not in stolen
    # What it put in the place of its own does not open there, for whatever it is asked.
    hub.choices.forget(hub.institution)
    refused = await operator.get("/x/thief/show")
    assert (refused.status_code, refused.json()["code"]) == (503, "seal_broken")
    assert "hunter2" not in refused.text
    shown = await operator.get("/api/v1/plugins/thief/settings")
    assert "does not open" in shown.json()["errors"][0]["message"]
    assert (await operator.get("/x/notebook/show")).json() == {"token": "hunter2-notebook"}
