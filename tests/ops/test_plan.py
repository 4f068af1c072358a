"""A plan says what a switch would do, from manifests, files and the database, and does nothing."""

import importlib
import sys

import pytest

from bloop.accounts.service import ensure_institution
from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.jobs.ledger import enqueue
from bloop.kernel.connections import create
from bloop.ops.plan import plan
from bloop.store.errors import NotFoundError
from bloop.store.models import EVERY_INSTITUTION
from bloop_sdk.testing.distributions import write_plugin

CONFIG = """
from pydantic import SecretStr
from bloop_sdk import PluginConfig, Scope, setting

class Base(PluginConfig):
    token: SecretStr = setting(description="Token")
    size: int = setting(7, description="Size")

class Config(Base):
    address: str = setting(description="Address")
    course: str = setting(scope=Scope.INSTITUTION, description="The institution's own")
    words: tuple[str, ...] = setting(default=(), description="Words")
"""
MIGRATION = '''
"""Tables."""
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None

def upgrade():
    op.create_table("wiki_page", sa.Column("id", sa.Integer, primary_key=True))
'''
WIKI = {
    "hooks": ["navigation"],
    "config": "bloop_wiki.config:Config",
    "secrets": ["token"],
    "network": {"hosts": ["wiki.example"]},
    "contributes": {
        "tables": {"metadata": "bloop_wiki.tables:metadata", "migrations": "bloop_wiki.migrations"}
    },
}
CODE = """
from bloop_sdk import Plugin, hookimpl

class Main(Plugin):
    @hookimpl
    def navigation(self, principal):
        return None
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    importlib.invalidate_caches()
    files = {
        "config.py": CONFIG,
        "tables.py": "import sqlalchemy as sa\nmetadata = sa.MetaData()\n",
        "migrations/0001_initial.py": MIGRATION,
    }
    write_plugin(folder, "wiki", code=CODE, manifest=WIKI, files=files)
    for name in ("early", "late"):
        write_plugin(folder, name, code=CODE, manifest={"hooks": ["navigation"]})
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith("bloop_wiki"):
            del sys.modules[name]


@pytest.fixture
async def opened(tmp_path, site, database_urls, monkeypatch):
    """Opens a hub of a hub.toml, with one institution."""
    monkeypatch.setenv("BLOOP_STORE__URL", database_urls[0])
    monkeypatch.setenv("BLOOP_STORE__OWNER_URL", database_urls[1])
    hubs = []

    def open_hub(text):
        path = tmp_path / "hub.toml"
        path.write_text(text)
        hub = Hub.open(path, "cli")
        hubs.append(hub)
        with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
            ensure_institution(unit, name="North School")
        return hub

    yield open_hub
    for hub in hubs:
        await hub.stop()


OTHERS = "[plugins.early]\nenabled = true\norder = 5\n[plugins.late]\nenabled = true\n"


def test_enabling_tells_rights_tables_order_and_what_is_missing(opened):
    hub = opened(f"{OTHERS}[plugins.wiki]\ntoken = {{ env = 'NO_SUCH_VARIABLE' }}\norder = 50\n")
    found = plan(hub, "wiki", "enable")
    assert (found.loads, found.stops, found.changed) == (("wiki",), (), True)
    assert {right.name for right in found.rights if right.new} == {
        "hook:navigation",
        "network:wiki.example",
        "secret:token",
        "tables:wiki_",
    }
    assert found.hosts == ("wiki.example",)
    assert (found.tables.current, found.tables.head) == (None, "0001")
    assert found.hooks == {"navigation": ("early", "wiki", "late")}
    problems = {setting.key: setting.problem for setting in found.missing_settings}
    assert problems == {
        "address": "has to be set",
        "token": "the environment variable NO_SUCH_VARIABLE is not set",
    }
    assert found.unknown is None
    assert "bloop_wiki" not in sys.modules


def test_a_plan_writes_nothing(opened):
    hub = opened("[plugins.wiki]\n")
    before = hub.config.path.read_text()
    found = plan(hub, "wiki", "enable")
    assert found.diff and hub.config.path.read_text() == before
    assert plan(hub, "wiki", "enable").tables.current is None


def test_settings_of_what_is_loaded_are_asked_of_its_model(opened, monkeypatch):
    monkeypatch.setenv("WIKI_TOKEN", "hunter2")
    settings = 'token = { env = "WIKI_TOKEN" }\naddress = "a"\n'
    hub = opened(f"[plugins.wiki]\nenabled = true\n{settings}")
    assert plan(hub, "wiki", "enable").missing_settings == ()
    hub.tables.upgrade()
    hub.load_plugins()
    assert hub.kernel.plugins["wiki"].status.state == "ready"
    monkeypatch.setitem(hub.config.env, "WIKI_TOKEN", "")
    (missing,) = plan(hub, "wiki", "enable").missing_settings
    assert (missing.key, "hunter2" in missing.problem) == ("token", False)


def test_disabling_tells_who_would_miss_it(opened):
    hub = opened("[plugins.wiki]\nenabled = true\n")
    with hub.database.unit(system_call(hub.institution)) as unit:
        for key in ("one", "two"):
            create(unit, plugin_id="wiki", capability="notes", key=key, name=key)
        enqueue(unit, "wiki.sweep", {}, plugin_id="wiki")
    found = plan(hub, "wiki", "disable")
    assert (found.loads, found.stops) == ((), ("wiki",))
    assert found.dependents.connections == {"North School": 2}
    assert (found.dependents.jobs_running, found.dependents.jobs_waiting) == (0, 1)
    assert found.hooks == {"navigation": ()}
    assert not any(right.new for right in found.rights)


def test_only_what_is_new_is_new(opened):
    hub = opened('[plugins.wiki]\nenabled = true\ngranted = ["hook:navigation", "secret:token"]\n')
    found = plan(hub, "wiki", "enable")
    assert [right.name for right in found.new_rights] == ["network:wiki.example", "tables:wiki_"]
    everything = opened("[plugins.wiki]\nenabled = true\n")
    assert plan(everything, "wiki", "enable").new_rights == ()


def test_what_would_not_load_is_told_with_its_cure(opened, site):
    write_plugin(site, "newer", manifest={"api": "9.0"})
    write_plugin(site, "needy", manifest={"requires": {"system": ["no-such-package"]}})
    hub = opened("")
    found = plan(hub, "newer", "enable")
    assert found.loads == () and "plugin API 9.0" in found.problem and found.cure
    assert plan(hub, "needy", "enable").missing_packages == ("no-such-package",)


def test_without_a_database_the_rest_is_told(site, tmp_path, monkeypatch):
    monkeypatch.delenv("BLOOP_STORE__URL", raising=False)
    path = tmp_path / "hub.toml"
    path.write_text("")
    hub = Hub.open(path, "cli")
    found = plan(hub, "wiki", "enable")
    assert found.unknown == "there is no database yet"
    assert (found.tables.current, len(found.rights)) == (None, 4)


def test_what_is_not_installed_has_no_plan_but_can_be_switched_off(opened):
    hub = opened("[plugins.gone]\nenabled = true\n")
    with pytest.raises(NotFoundError, match="nowhere"):
        plan(hub, "nowhere", "disable")
    with pytest.raises(NotFoundError, match="gone"):
        plan(hub, "gone", "enable")
    assert plan(hub, "gone", "disable").stops == ("gone",)
