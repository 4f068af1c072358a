"""The rules for every plugin: a good one passes, and for each rule broken ones are found."""

import sys

import pytest

from bloop_sdk.testing.distributions import write_plugin
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.suites.plugin import EVERY_PLUGIN, PluginCase

GOOD = """
from bloop_sdk import NavItem, Plugin, hookimpl

class Main(Plugin):
    def start(self):
        self.ctx.log.info("started", path=str(self.ctx.data_dir))

    @hookimpl
    def navigation(self, principal):
        return [NavItem(title="Days", path="/", action="calendar:read")]
"""
CONFIG = """
from pydantic import SecretStr
from bloop_sdk import PluginConfig, Scope, setting

class Config(PluginConfig):
    days: int = setting(7, scope=Scope.USER, description="How many to show")
    token: SecretStr | None = setting(None, scope=Scope.INSTITUTION, description="Access token")
"""
PARTS = """
from bloop_sdk import PageView

async def days(request, ctx):
    return []

async def show(request, ctx):
    return PageView(title="Days", html="")

async def aside(request, ctx, subject):
    return None

async def tidy(ctx, payload):
    return None

def heard(unit, event):
    return None

async def send(ctx, event):
    return None

class Speaker:
    def __init__(self, ctx):
        self.ctx = ctx

    async def deliver(self, *args, **kwargs):
        return None
"""
TABLES = """
from sqlalchemy.orm import Mapped, mapped_column
from bloop_sdk.tables import ID, plugin_base

Base = plugin_base("calendar")

class Day(Base):
    __tablename__ = "calendar_day"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
"""
NOTIFIER = """
class Notifier:
    def __init__(self, ctx):
        self.ctx = ctx

    async def notify(self, notification):
        return None
"""
FILES = {
    "config.py": CONFIG,
    "parts.py": PARTS,
    "tables.py": TABLES,
    "notifier.py": NOTIFIER,
    "migrations/__init__.py": "",
}
MANIFEST = {
    "config": "bloop_calendar.config:Config",
    "hooks": ["navigation"],
    "secrets": ["token"],
    "provides": {"notifier": "bloop_calendar.notifier:Notifier"},
    "contributes": {
        "routes": [
            {"path": "/days", "handler": "bloop_calendar.parts:days", "action": "calendar:read"}
        ],
        "pages": [
            {
                "path": "/",
                "view": "bloop_calendar.parts:show",
                "action": "calendar:read",
                "title": "Days",
            }
        ],
        "panels": [
            {"slot": "course", "view": "bloop_calendar.parts:aside", "action": "calendar:read"}
        ],
        "jobs": [{"kind": "tidy", "handler": "bloop_calendar.parts:tidy"}],
        "consumers": [
            {"name": "heard", "topics": ["content.*"], "handler": "bloop_calendar.parts:heard"},
            {"name": "send", "topics": ["content.*"], "handler": "bloop_calendar.parts:send"},
        ],
        "actions": [{"name": "calendar:read", "role": "learner", "help": "See the days"}],
        "tables": {
            "metadata": "bloop_calendar.tables:BASE_METADATA",
            "migrations": "bloop_calendar.migrations",
        },
    },
}
FILES["tables.py"] += "\nBASE_METADATA = Base.metadata\n"


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Write the good plugin with changes, and check a rule on it."""

    async def check(rule, *, code=GOOD, manifest=None, files=None, settings=None, **options):
        site = tmp_path / "site"
        merged = {**MANIFEST, **(manifest or {})} if not isinstance(manifest, str) else manifest
        write_plugin(
            site,
            "calendar",
            code=code,
            manifest=merged,
            files={**FILES, **(files or {})},
            **options,
        )
        monkeypatch.syspath_prepend(site)
        for name in [name for name in sys.modules if name.partition(".")[0] == "bloop_calendar"]:
            monkeypatch.delitem(sys.modules, name)
        case = PluginCase(PluginUnderTest("bloop_calendar", settings), "", None, tmp_path)
        try:
            await EVERY_PLUGIN.rules[rule].check(case)
        finally:
            for name in [name for name in sys.modules if name.startswith("bloop_calendar")]:
                del sys.modules[name]

    return check


@pytest.mark.parametrize("rule", EVERY_PLUGIN.rules)
async def test_a_good_plugin_keeps_every_rule(rule, check):
    await check(rule)


def contributes(**changes):
    return {"contributes": {**MANIFEST["contributes"], **changes}}


def provider(code):
    return {"files": {"notifier.py": code}}


HOOK = "from bloop_sdk import Plugin, hookimpl\n\nclass Main(Plugin):\n"
BROKEN = [
    ("manifest", {"manifest": "id = 1"}, "id"),
    ("manifest", {"manifest": {"api": "1.9"}}, "api = 1.9; this SDK has"),
    ("dotted_paths", {"manifest": {"config": "bloop_calendar.config:Absent"}}, "Absent"),
    ("dotted_paths", {"manifest": {"provides": {"notifier": "bloop_absent:N"}}}, "bloop_absent"),
    (
        "dotted_paths",
        {
            "manifest": contributes(
                tables={
                    "metadata": "bloop_calendar.tables:BASE_METADATA",
                    "migrations": "bloop_calendar.absent",
                }
            )
        },
        "no package bloop_calendar.absent",
    ),
    ("plugin_class", {"code": "Main = 1"}, "is no class"),
    ("plugin_class", {"code": "class Main:\n    pass"}, "does not derive"),
    ("plugin_class", {"entry_points": "other = bloop_calendar.plugin:Main"}, "no distribution"),
    (
        "plugin_class",
        {"files": {"config.py": CONFIG.replace("setting(7,", "setting(")}},
        r"plugin_tests\(settings=",
    ),
    ("hooks", {"manifest": {"hooks": []}}, "implemented, not declared: navigation"),
    (
        "hooks",
        {"manifest": {"hooks": ["navigation", "health_checks"]}},
        "declared, not implemented: health_checks",
    ),
    ("hooks", {"code": f"{HOOK}    @hookimpl\n    def navigate(self): pass\n"}, "navigate"),
    ("hooks", {"code": f"{HOOK}    @hookimpl\n    def navigation(self, who): pass\n"}, "who"),
    (
        "hooks",
        {"code": f"{HOOK}    @hookimpl(wrapper=True)\n    def navigation(self):\n        yield\n"},
        "wrapper",
    ),
    ("hooks", {"code": f"{HOOK}    @hookimpl\n    async def navigation(self): pass\n"}, "inline"),
    (
        "settings",
        {"files": {"config.py": CONFIG + "    loose: int = 1\n"}},
        "loose has no description",
    ),
    (
        "settings",
        {
            "files": {
                "config.py": CONFIG
                + "    bare: int = __import__('pydantic').Field(1, description='x')\n"
            }
        },
        "bare has no scope",
    ),
    ("settings", {"files": {"config.py": "class Config:\n    pass"}}, "PluginConfig"),
    ("secrets", {"manifest": {"secrets": []}}, "not declared in the manifest: token"),
    ("secrets", {"manifest": {"secrets": ["token", "days"]}}, "no SecretStr setting: days"),
    (
        "light_import",
        {"code": f"import bloop_calendar.notifier\n{GOOD}"},
        "imports the notifier provider",
    ),
    ("light_import", {"code": f"import httpx\n{GOOD}"}, "imports .*httpx"),
    ("light_import", {"code": "raise OSError('no disk')"}, "OSError: no disk"),
    (
        "light_import",
        {
            "code": GOOD + NOTIFIER,
            "manifest": {"provides": {"notifier": "bloop_calendar.plugin:Notifier"}},
        },
        "give it a module of its own",
    ),
    (
        "providers",
        provider("class Notifier:\n    def __init__(self, ctx): pass"),
        "notify is missing",
    ),
    (
        "providers",
        provider(NOTIFIER.replace("async def notify", "def notify")),
        "notify must be async def",
    ),
    (
        "contributions",
        {"files": {"parts.py": PARTS.replace("async def days", "def days")}},
        "route /days: .* must be async def",
    ),
    (
        "contributions",
        {"files": {"parts.py": PARTS.replace("def aside(request, ctx, subject)", "def aside(a)")}},
        "panel course: .* must take 3 arguments",
    ),
    (
        "contributions",
        {"files": {"parts.py": PARTS + "\ntidy = 1\n"}},
        "job tidy: .* cannot be called",
    ),
    (
        "contributions",
        {"files": {"parts.py": PARTS.replace("def heard(unit, event)", "def heard(unit)")}},
        "consumer heard: .* must take 2 arguments",
    ),
    (
        "contributions",
        {"files": {"tables.py": FILES["tables.py"].replace('"calendar_day"', '"day"')}},
        "name it calendar_day",
    ),
    ("contributions", {"manifest": contributes(actions=[])}, "calendar:read is used, but not"),
    ("translations", {"files": {"locale/de.po": 'msgid "Weg"\nmsgstr "Weg"\n'}}, "missing: Days"),
]


@pytest.mark.parametrize(
    ("rule", "changes", "told"), BROKEN, ids=[f"{rule}-{told}" for rule, _, told in BROKEN]
)
async def test_a_broken_plugin_breaks_the_rule(rule, changes, told, check):
    with pytest.raises(AssertionError, match=told):
        await check(rule, **changes)


def test_every_rule_is_broken_by_some_plugin():
    assert {rule for rule, _, _ in BROKEN} == EVERY_PLUGIN.rules.keys()
