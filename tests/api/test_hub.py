from __future__ import annotations

import httpx
import pytest

from bloop.accounts.models import Institution
from bloop.accounts.service import issue_link
from bloop.accounts.sessions import system_call
from bloop.api.app import create_app
from bloop.hub import Hub
from bloop.ops.health import report
from bloop.store.database import in_unit
from bloop.store.models import EVERY_INSTITUTION
from bloop_sdk import ConfigError
from bloop_sdk.testing.distributions import write_plugin

TABLES = """
    from sqlalchemy.orm import Mapped, mapped_column
    from bloop_sdk.tables import ID, plugin_base

    Base = plugin_base("wiki")
    metadata = Base.metadata

    class Page(Base):
        __tablename__ = "wiki_page"
        id: Mapped[str] = mapped_column(ID, primary_key=True)
"""
FIRST = """
    import sqlalchemy as sa
    from alembic import op

    revision = "0001"
    down_revision = None

    def upgrade():
        op.create_table(
            "wiki_page",
            sa.Column("id", sa.String(36), primary_key=True),
            sa.Column("institution_id", sa.String(36), nullable=False),
        )
"""


@pytest.fixture
def wiki(config_path, site):
    """A plugin with a table of its own."""
    tables = {"metadata": "bloop_wiki.tables:metadata", "migrations": "bloop_wiki.migrations"}
    write_plugin(
        site,
        "wiki",
        files={"tables.py": TABLES, "migrations/0001_initial.py": FIRST},
        manifest={"contributes": {"tables": tables}},
    )
    with config_path.open("a") as file:
        file.write("\n[plugins.wiki]\nenabled = true\n")


async def test_a_hub_that_was_not_prepared_says_how_to(tmp_path, empty_database, monkeypatch):
    monkeypatch.setenv("BLOOP_STORE__URL", empty_database.url.render_as_string(hide_password=False))
    monkeypatch.setenv(
        "BLOOP_STORE__OWNER_URL", empty_database.owner_url.render_as_string(hide_password=False)
    )
    (tmp_path / "hub.toml").write_text("")
    hub = Hub.open(tmp_path / "hub.toml", "cli")
    if hub.embedded:
        hub.tables.prepare()
    else:
        with pytest.raises(ConfigError, match="bloop db upgrade"):
            hub.tables.prepare()
        hub.tables.upgrade()
    assert hub.institution
    hub.tables.prepare()
    await hub.stop()


async def test_a_plugins_tables_are_upgraded_at_once_where_the_hub_is_embedded(wiki, hub):
    status = hub.kernel.plugins["wiki"].status
    if not hub.embedded:
        assert status.state == "needs_upgrade" and "bloop db upgrade" in status.cure
        lines = {line.name: line for line in await report(hub)}
        assert lines["migrations"].ok is None and "wiki" in lines["migrations"].detail
        await hub.database.run(hub.tables.upgrade)
        await hub.reconfigure(hub.config)
    assert hub.kernel.plugins["wiki"].status.state == "ready"
    assert all(line.ok is not False for line in await report(hub))


async def test_an_operator_sees_every_institution_and_each_of_them(hub, operator):
    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        unit.session.add(Institution(slug="other", name="There"))
    listed = (await operator.get("/api/v1/institutions")).json()["items"]
    assert [one["name"] for one in listed] == ["Here", "There"]
    shown = await operator.get(f"/api/v1/institutions/{listed[1]['id']}")
    assert shown.json() == listed[1]
    same = await operator.get(shown.request.url, headers={"if-none-match": shown.headers["etag"]})
    assert same.status_code == 304
    assert (await operator.get("/api/v1/institutions/nowhere")).status_code == 404


async def test_behind_a_public_url_the_cookie_is_for_this_host_alone(config_path):
    text = config_path.read_text()
    config_path.write_text(text + '[http]\npublic_url = "https://learn.example.edu"\n')
    hub = Hub.open(config_path, "api")
    hub.tables.prepare()
    transport = httpx.ASGITransport(create_app(hub))
    url = "https://learn.example.edu"
    async with httpx.AsyncClient(transport=transport, base_url=url) as client:
        call = system_call(hub.institution)
        token = await hub.database.run(in_unit, hub.database, call, issue_link)
        answer = await client.get(f"/start?token={token}")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-bloop=") and "Secure" in cookie and "Path=/" in cookie
        assert "strict-transport-security" in answer.headers
        refused = await client.get("/healthz", headers={"host": "evil.example"})
        assert refused.status_code == 421
        assert (await client.get("/start?token=nonsense")).json()["code"] == "link_refused"
    await hub.stop()


async def test_what_a_hub_tells_of_itself_is_for_this_machine_and_for_operators(hub, operator):
    elsewhere = {"x-forwarded-for": "10.0.0.1"}
    assert (await operator.get("/metrics", headers=elsewhere)).status_code == 200
    assert "checks" in (await operator.get("/readyz", headers=elsewhere)).json()
    operator.headers.pop("authorization")
    assert (await operator.get("/metrics", headers=elsewhere)).status_code == 401
    assert "checks" not in (await operator.get("/readyz", headers=elsewhere)).json()
    assert (await operator.get("/metrics")).status_code == 200
