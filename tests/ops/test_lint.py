"""`bloop plugins lint`: each rule finds what it is for, and a good plugin has nothing to say."""

import json
import textwrap
import tomllib

import lint_docs
import pytest

from bloop.ops.lint import RULES, find_subjects, lint
from bloop.ops.lint.requirements import clash
from bloop_sdk.testing.distributions import write_plugin
from tests.cli.conftest import bloop, folder  # noqa: F401 - fixtures

MANIFEST = """
id = "good"
family = "lms"
name = "Good"
summary = "Reads courses of the Good system."
api = "1.0"
config = "bloop_good.config:Config"
secrets = ["token"]
hooks = ["navigation"]

[network]
hosts = ["api.good.example", "{address}"]

[provides]
exporter = "bloop_good.provider:Exporter"
"""

FILES = {
    "pyproject.toml": """
        [project]
        name = "bloop-good"
        version = "1.0"
        readme = "README.md"
        license = "MIT"
        license-files = ["LICENSE"]
        dependencies = [
            "bloop-sdk>=0.1,<0.2",
        ]
        [project.entry-points."bloop.plugins"]
        good = "bloop_good:Main"
        [tool.hatch.build.targets.wheel.force-include]
        "bloop-plugin.toml" = "bloop_good/bloop-plugin.toml"
        """,
    "README.md": "Good.",
    "LICENSE": "As you like.",
    "tests/test_good.py": "",
    "bloop_good/py.typed": "",
    "bloop_good/__init__.py": '''
        from bloop_sdk import Plugin, hookimpl
        class Main(Plugin):
            """Good."""
            @hookimpl
            def navigation(self, principal):
                return []
        ''',
    "bloop_good/config.py": '''
        from pydantic import SecretStr
        from bloop_sdk import PluginConfig, setting
        class Config(PluginConfig):
            """Settings."""
            address: str = setting("", description="Where it is")
            token: SecretStr | None = setting(None, description="Access")
            @property
            def site(self):
                return self.address
        ''',
    "bloop_good/provider.py": '''
        BASE = "https://api.good.example/v1"
        class Exporter:
            """Writes courses."""
            media_type, suffix = "text/plain", ".txt"
            def export(self, source, target):
                """Write."""
        ''',
}


class Project:
    """A plugin's folder, in which a test changes something."""

    def __init__(self, root):
        self.root = root
        self.write("bloop-plugin.toml", MANIFEST)
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return self

    def change(self, name, old, new):
        path = self.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return self

    def manifest(self, old, new):
        return self.change("bloop-plugin.toml", old, new)

    def add(self, name, text):
        path = self.root / name
        path.write_text(path.read_text() + textwrap.dedent(text))
        return self

    def remove(self, name):
        (self.root / name).unlink()
        return self

    def lint(self):
        (subject,) = find_subjects([str(self.root)])
        return lint(subject)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "good")


def at_import(code):
    return lambda project: project.add("bloop_good/__init__.py", code)


def in_manifest(text):
    return lambda project: project.add("bloop-plugin.toml", text)


def counted_by(names):
    hosts = '"{address}"]'
    return replaced("bloop-plugin.toml", hosts, f"{hosts}\ncredential = {names}")


def depends(line):
    return lambda project: project.change(
        "pyproject.toml", '"bloop-sdk>=0.1,<0.2",', f'"bloop-sdk>=0.1,<0.2", "{line}",'
    )


def replaced(name, old, new):
    return lambda project: project.change(name, old, new)


def recorded(project):
    exchange = {"request": {"url": "https://other.example/x"}}
    project.write("tests/cassettes/one.json", json.dumps({"exchanges": [exchange]}))
    project.manifest(', "{address}"', "")


def deprecating(project):
    at_import("""
        from bloop_sdk.deprecation import deprecated
        deprecated("old", since="1.1", removed_on="2030-01-01", instead="new")
        """)(project)


BROKEN = [
    ("M101", in_manifest("colour = 1\n"), "bloop-plugin.toml", "colour"),
    ("M102", replaced("bloop-plugin.toml", '"1.0"', '"1.9"'), "bloop-plugin.toml:6", "1.9"),
    ("M103", replaced("bloop-plugin.toml", "system.", "system"), ":5", "is no sentence"),
    ("M103", replaced("bloop-plugin.toml", "Reads courses of the", "It's"), ":5", "too little"),
    ("M104", replaced("bloop-plugin.toml", '["token"]', "[]"), ":8", "'token' is a secret"),
    ("M104", replaced("bloop-plugin.toml", '"token"', '"token", "address"'), ":8", "'address'"),
    ("M105", replaced("bloop_good/config.py", "Where it is", ""), "config.py:6", "'address'"),
    (
        "M106",
        replaced("bloop_good/config.py", 'setting("", description="Where it is")', '""'),
        "config.py:6",
        "no scope",
    ),
    (
        "M107",
        in_manifest(
            '[[contributes.jobs]]\nkind = "sweep"\nhandler = "bloop_good:Main"\n'
            '[[contributes.schedules]]\njob = "sweep"\nevery = "61 * * * *"\n'
        ),
        "bloop-plugin.toml:19",
        "Bad minute",
    ),
    ("N201", replaced("pyproject.toml", "bloop-good", "good"), "pyproject.toml", "'good'"),
    ("N202", replaced("bloop-plugin.toml", '"good"', '"better"'), "bloop_good", "bloop_good"),
    ("N203", replaced("pyproject.toml", "good = ", "goods = "), "pyproject.toml", "goods"),
    (
        "N204",
        lambda project: project.write(
            "bloop_good/tables.py",
            """
                from sqlalchemy import Column, Integer, MetaData, Table
                metadata = MetaData()
                Table("item", metadata, Column("id", Integer, primary_key=True))
                """,
        ).add(
            "bloop-plugin.toml",
            '[contributes.tables]\nmetadata = "bloop_good.tables:metadata"\n'
            'migrations = "bloop_good.migrations"\n',
        ),
        "bloop-plugin.toml:16",
        "good_item",
    ),
    (
        "N205",
        in_manifest(
            '[[contributes.pages]]\npath = "/"\nview = "bloop_good:Main"\n'
            'action = "good:read"\ntitle = "X"\n'
        ),
        "bloop-plugin.toml:16",
        "nobody declares",
    ),
    ("N206", at_import("def say(unit):\n    unit.emit('other.x', 'a:1', {})\n"), ":9", "other.x"),
    (
        "N207",
        in_manifest(
            '[[contributes.routes]]\npath = "/a/{id}"\nhandler = "bloop_good:Main"\n'
            'action = "content:read"\n[[contributes.pages]]\npath = "/a/{name}"\n'
            'view = "bloop_good:Main"\naction = "content:read"\ntitle = "X"\n'
        ),
        "bloop-plugin.toml:16",
        "GET /a/{}",
    ),
    (
        "N205",
        replaced("bloop-plugin.toml", "[network]", 'scopes = ["content:burn"]\n[network]'),
        "bloop-plugin.toml",
        "the hub has no action content:burn",
    ),
    (
        "N208",
        lambda project: project.write(
            "bloop_good/rules.cedar", '@words("w") permit (principal, action, resource);'
        ).add(
            "bloop-plugin.toml",
            '[contributes]\npolicies = "rules.cedar"\n'
            'actions = [{ name = "good:read", role = "learner", help = "Read." }]\n',
        ),
        "bloop_good/rules.cedar",
        "about every action",
    ),
    ("D301", at_import("URL = 'wss://other.example:8080/x'\n"), "__init__.py:8", "other.example"),
    ("D302", recorded, "tests/cassettes/one.json", "other.example"),
    ("D303", replaced("bloop-plugin.toml", '"api', '"old.example", "api'), ":12", "old.example"),
    ("D304", replaced("bloop-plugin.toml", "{address}", "{url}"), ":12", "{url}"),
    ("D305", replaced("bloop_good/provider.py", "def export", "async def export"), ":15", "export"),
    ("D305", replaced("bloop_good/provider.py", "def export", "def write"), ":15", "missing"),
    ("D306", replaced("bloop-plugin.toml", '["navigation"]', "[]"), ":9", "navigation"),
    ("D306", replaced("bloop-plugin.toml", 'ion"]', 'ion", "content_changed"]'), ":9", "lacks"),
    ("D307", replaced("bloop-plugin.toml", "provider:E", "provider:e"), "toml", "exporter"),
    ("D308", at_import("def f():\n    import numpy\n"), "__init__.py:9", "numpy"),
    (
        "D309",
        at_import('async def f(ctx):\n    await ctx.providers.get("speech", "espeak")\n'),
        "__init__.py:9",
        "'speech'",
    ),
    ("D310", counted_by(["token", "app"]), ":13", "'app'"),
    ("I401", at_import("1 / 0\n"), "__init__.py:8", "ZeroDivisionError"),
    ("I401", at_import("raise SystemExit('no')\n"), "__init__.py:8", "SystemExit: no"),
    ("I401", replaced("bloop_good/__init__.py", "(Plugin)", ""), "pyproject.toml", "no Plugin"),
    ("I402", at_import("import os\nos._exit(3)\n"), "toml", "the import ended the process with"),
    ("I402", at_import("import os\nos.kill(os.getpid(), 11)\n"), "toml", "by signal 11"),
    (
        "I402",
        lambda project: project.add("bloop_good/provider.py", "import os\nos._exit(0)\n"),
        "toml",
        "import of bloop_good.provider:Exporter ended",
    ),
    (
        "I403",
        at_import("import time\nwhile time.process_time() < 0.8: pass\n"),
        "bloop_good",
        "ms of processor time",
    ),
    (
        "I404",
        lambda project: depends("lxml>=5")(project) and at_import("import lxml.etree\n")(project),
        "__init__.py:8",
        "imports lxml",
    ),
    (
        "I405",
        at_import(
            "import socket\ntry:\n socket.getaddrinfo('127.0.0.1', 1)\nexcept OSError: pass\n"
        ),
        "__init__.py:10",
        "socket.getaddrinfo",
    ),
    ("I406", at_import("import subprocess\nsubprocess.run(['true'])\n"), ":9", "true"),
    (
        "I407",
        at_import("import threading\nthreading.Thread(target=int).start()\n"),
        ":9",
        "thread",
    ),
    ("I408", at_import("open('note', 'w').close()\n"), "__init__.py:8", "note"),
    ("I409", at_import("import bloop.hub\n"), "__init__.py:8", "bloop.hub"),
    ("I410", deprecating, "__init__.py:10", "goes on 2030-01-01: use new"),
    ("P501", depends("pydantic<2"), "pyproject.toml:9", "pydantic<2 clashes: the hub asks for"),
    ("P502", replaced("pyproject.toml", ",<0.2", ""), ":9", "lower and upper bound"),
    ("P502", depends("bloop-hub"), ":9", "depends on bloop-hub"),
    ("P503", depends("lxml==6.0.0"), ":9", "pinned"),
    ("P601", replaced("pyproject.toml", "bloop_good/bloop", "else/bloop"), "toml", "wheel"),
    ("P602", lambda project: project.remove("bloop_good/py.typed"), "bloop_good", "py.typed"),
    ("P603", lambda project: project.remove("README.md"), "pyproject.toml", "README"),
    ("P604", lambda project: project.remove("LICENSE"), "pyproject.toml", "licence"),
    ("P605", lambda project: project.remove("tests/test_good.py"), "tests", "no tests"),
    ("P606", at_import("def helper(): pass\n"), "__init__.py:8", "helper"),
    (
        "P607",
        lambda project: project.write("bloop_good/broken.py", "def ("),
        "bloop_good/broken.py",
        "invalid syntax",
    ),
    (
        "P608",
        lambda project: project.write("bloop_good/locale/de.po", 'msgid "Gone"\nmsgstr "Weg"\n'),
        "bloop_good/locale/de.po",
        "no longer used: Gone",
    ),
]


def test_a_good_plugin_has_nothing_to_say(project):
    counted_by(["token", "site"])(project)
    assert project.lint() == []


@pytest.mark.parametrize(("code", "damage", "where", "what"), BROKEN)
def test_each_rule_finds_what_it_is_for(project, code, damage, where, what):
    damage(project)
    told = [
        f"{one.file}{f':{one.line}' if one.line else ''} {one.message}"
        for one in project.lint()
        if one.code == code
    ]
    assert any(where in line.partition(" ")[0] and what in line for line in told), told


def test_every_rule_has_a_case_and_stands_on_its_page():
    assert {code for code, *_ in BROKEN} == set(RULES)
    page = lint_docs.PAGE.read_text("utf-8")
    assert page == lint_docs.page(), "run make docs"
    for rule in RULES.values():
        assert f"### {rule.code} " in page


def test_what_cannot_be_imported_is_linted_as_far_as_possible(project):
    at_import("import os\nos._exit(3)\n")(project)
    project.manifest("system.", "system").remove("LICENSE")
    assert {one.code for one in project.lint()} == {"I402", "M103", "P604"}


def test_a_part_that_ends_the_process_hides_no_other_fault(project):
    project.add("bloop_good/provider.py", "import os\nos._exit(0)\n")
    project.manifest('["token"]', "[]")
    project.add(
        "bloop-plugin.toml",
        'notifier = "bloop_good.nowhere:Notifier"\n',
    )
    assert {one.code for one in project.lint()} == {"I402", "M104", "D307"}


def test_a_plugin_that_hangs_at_import_is_told(project, monkeypatch):
    monkeypatch.setattr("bloop.ops.lint.traced.SECONDS", 2.0)
    at_import("import time\ntime.sleep(1000)\n")(project)
    assert [one.message for one in project.lint()] == ["the import did not end within 2 s"]


def test_an_installed_wheel_is_linted_without_its_project(tmp_path, monkeypatch):
    site = tmp_path / "site"
    write_plugin(site, "calendar", requires=("bloop-sdk>=0.1",), manifest={"hooks": ["navigation"]})
    monkeypatch.syspath_prepend(site)
    (subject,) = find_subjects(["calendar"])
    codes = {one.code for one in lint(subject)}
    assert {"D306", "P502", "P602"} <= codes
    assert codes.isdisjoint({"M101", "P601", "P604", "P605", "N201", "N202", "N203", "I401"})


def test_requirements_clash_where_no_version_meets_both():
    from packaging.requirements import Requirement

    core = tomllib.loads(
        (lint_docs.PAGE.parents[2] / "core/hub/pyproject.toml").read_text("utf-8")
    )["project"]["dependencies"]
    assert "aiohttp>=3.13,<4" in core
    for line in ("aiohttp>=3", "aiohttp~=3.13", "aiohttp>3.13", "aiohttp!=3.13.0", "numpy<1"):
        assert clash(Requirement(line)) is None, line
    for line in ("aiohttp<3.13", "aiohttp>=4", "aiohttp==3.9.*", "bloop-sdk>=7"):
        assert clash(Requirement(line)) is not None, line


def test_the_command_groups_by_plugin_and_fails_on_errors(project, bloop):  # noqa: F811
    def run(*words):
        return bloop("plugins", "lint", *words)

    assert "nothing to say" in run(project.root).out
    project.remove("LICENSE")
    warned = run(project.root)
    assert warned.code == 0
    assert "warning P604 pyproject.toml  there is no licence" in warned.out
    assert run("--strict", project.root).code == 1
    project.manifest('["token"]', "[]")
    failed = run("--json", project.root, "cartridge")
    assert failed.code == 1
    good, cartridge = failed.json["items"]
    assert [one["code"] for one in good["findings"]] == ["M104", "P604"]
    assert cartridge["id"] == "cartridge"
    assert "neither an installed plugin nor a folder" in run("nowhere").err
