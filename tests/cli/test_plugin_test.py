"""`bloop plugins test`: whose tests are run, where, and how it ends."""

from __future__ import annotations

import importlib.util
import re

import pytest
from setup_env import ROOT

from bloop.cli.plugin_new import render, write

BARE = """
[project]
name = "bloop-bare"
version = "1"
[project.entry-points."bloop.plugins"]
bare = "bloop_bare:Bare"
"""
MANIFEST = """
id = "bare"
family = "feature"
name = "Bare"
summary = "Does nothing, and has no tests."
api = "1.0"
"""


@pytest.fixture
def plugin(folder, authors_pytest):
    """A feature plugin in the current folder."""
    write(render("feature", "estimate"), folder / "bloop-estimate")
    return folder / "bloop-estimate"


@pytest.fixture
def bare(folder):
    """A plugin whose author wrote no tests."""
    path = folder / "bare"
    (path / "bloop_bare").mkdir(parents=True)
    (path / "pyproject.toml").write_text(BARE)
    (path / "bloop-plugin.toml").write_text(MANIFEST)
    code = "from bloop_sdk import Plugin\n\n\nclass Bare(Plugin):\n    pass\n"
    (path / "bloop_bare" / "__init__.py").write_text(code)
    return path


def test_what_follows_the_dashes_goes_to_pytest(plugin, process):
    done = process("plugins", "test", "bloop-estimate", "--", "-k", "lesson", "-v")
    assert done.code == 0
    assert "test_a_lesson_says_how_long_it_takes PASSED" in done.out
    assert "3 passed" not in done.out and "deselected" in done.out


def test_its_exit_code_is_pytests(plugin, process):
    test = plugin / "tests" / "test_estimate.py"
    test.write_text(test.read_text() + "\n\ndef test_wrong() -> None:\n    assert 1 == 2\n")
    assert process("plugins", "test", "bloop-estimate").code == 1


def test_the_plugin_of_the_current_folder_needs_no_name(plugin, process, monkeypatch):
    monkeypatch.chdir(plugin)
    done = process("plugins", "test")
    assert done.code == 0, done.out


def test_an_installed_plugin_in_source_is_tested_by_its_name(process):
    done = process("plugins", "test", "cartridge", "--", "--collect-only", "-q")
    assert done.code == 0, done.out
    assert re.search(r"test_conformance\.py::", done.out)


def test_a_plugin_without_tests_is_held_to_the_contract_all_the_same(bare, process):
    done = process("plugins", "test", bare, "--", "-q")
    assert done.code == 0, done.out
    assert int(re.search(r"(\d+) passed", done.out)[1]) >= 8
    (bare / "bloop-plugin.toml").write_text(MANIFEST + 'hooks = ["navigation"]\n')
    done = process("plugins", "test", bare, "--", "-q")
    assert done.code == 1
    assert "declared, not implemented: navigation" in done.out


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "no folder nowhere here, and no such plugin is installed"),
        ("./nowhere", "no plugin's folder: no pyproject.toml"),
    ],
)
def test_what_is_not_there_is_named(bloop, name, said):
    done = bloop("plugins", "test", name)
    assert done.code == 1
    assert said in done.err
    assert "→" in done.err


def test_where_pytest_is_missing_it_says_what_to_install(bloop, plugin, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pytest_asyncio" else find(name)
    )
    done = bloop("plugins", "test", "bloop-estimate")
    assert done.code == 1
    assert "tests need pytest-asyncio" in done.err
    assert "pip install 'bloop-sdk[test]'" in done.err


def test_the_kits_file_is_no_test_of_ours():
    """Its name would have pytest collect it with the hub's own."""
    assert not list((ROOT / "core/hub/bloop").rglob("test_*.py"))
