"""Plugins that run from the folder they are written in."""

from __future__ import annotations

import importlib
import importlib.metadata
import subprocess
import sys
import textwrap

import pytest

from bloop.kernel import folders
from bloop.kernel.discovery import scan
from bloop.kernel.folders import in_use, read_folder, switched_on, use_folder
from bloop.kernel.states import PluginState
from bloop_sdk import ConfigError
from bloop_sdk.testing.distributions import write_plugin

PYPROJECT = """
[project]
name = "bloop-{id}"
version = "3.0"
dependencies = ["pydantic>=2"]
[project.entry-points."bloop.plugins"]
{id} = "{package}.plugin:Main"
"""


@pytest.fixture(autouse=True)
def finder(monkeypatch):
    """No folder is in use, before and after."""
    monkeypatch.setattr(folders, "_FINDER", folders._Finder())
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))


@pytest.fixture
def tree(tmp_path):
    """Writes the source tree of a plugin that is not installed; gives its folder."""

    def write(plugin_id, *, below="", **options):
        path = tmp_path / f"src-{plugin_id}"
        (path / below).mkdir(parents=True)
        written = write_plugin(tmp_path / "unused", plugin_id, source=path / below, **options)
        text = PYPROJECT.format(id=plugin_id, package=written.package.name)
        (path / "pyproject.toml").write_text(text)
        return path

    return write


def test_a_folder_is_found_whole_and_nothing_of_it_is_imported(tree):
    path = tree("loud", code="raise SystemExit('imported')", files={"__init__.py": "1 / 0"})
    use_folder(read_folder(path))
    found = scan().plugins["loud"]
    assert found.problem is None
    assert (found.distribution, found.version, found.requires) == (
        "bloop-loud",
        "3.0",
        ("pydantic>=2",),
    )
    assert found.folder == path
    assert found.package == path / "bloop_loud"
    assert found.manifest.id == "loud"
    assert not [name for name in sys.modules if name.startswith("bloop_loud")]


def test_it_is_a_distribution_of_this_process(tree, site):
    use_folder(
        read_folder(tree("own", code="import importlib.metadata as m\nV = m.version('bloop-own')"))
    )
    assert importlib.import_module("bloop_own.plugin").V == "3.0"


def test_a_package_in_src_is_found(tree):
    use_folder(read_folder(tree("deep", below="src")))
    assert scan().plugins["deep"].problem is None


def test_nothing_else_in_the_folder_can_be_imported(tree):
    path = tree("tidy")
    (path / "tests").mkdir()
    (path / "stray_module.py").write_text("")
    use_folder(read_folder(path))
    assert importlib.util.find_spec("bloop_tidy") is not None
    assert importlib.util.find_spec("stray_module") is None


@pytest.mark.parametrize("distribution", ["bloop-twin", "somebody-elses"])
def test_an_installed_plugin_of_the_same_name_is_hidden(site, tree, distribution):
    write_plugin(site, "twin", distribution=distribution, version="1.0", package="bloop_twin")
    assert scan().plugins["twin"].version == "1.0"
    path = tree("twin")
    use_folder(read_folder(path))
    found = scan().plugins["twin"]
    assert (found.version, found.folder, found.problem) == ("3.0", path, None)
    assert found.package == path / "bloop_twin"


def test_two_installed_ones_are_still_none(site, tree):
    write_plugin(site, "double", distribution="one")
    write_plugin(site, "double", distribution="two", package="bloop_other")
    use_folder(read_folder(tree("single")))
    assert scan().plugins["double"].problem.state is PluginState.INVALID


def test_two_folders_with_one_plugin_are_refused(tree, tmp_path):
    path = tree("one")
    use_folder(read_folder(path))
    use_folder(read_folder(path))
    other = tmp_path / "copy"
    (other / "bloop_one").mkdir(parents=True)
    (other / "pyproject.toml").write_text((path / "pyproject.toml").read_text())
    with pytest.raises(ConfigError, match="both hold a plugin 'one'"):
        use_folder(read_folder(other))
    assert in_use() == {"one": path}


def test_a_folder_in_use_is_enabled_by_the_environment(tree):
    assert switched_on() == {}
    use_folder(read_folder(tree("my_own")))
    assert switched_on() == {"BLOOP_PLUGINS__MY_OWN__ENABLED": "true"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no pyproject.toml"),
        ("[project", "not TOML"),
        ("", r"\[project\] has no name"),
        ('[project]\nname = "x"', "no plugin is named"),
        ('[project]\nname = "x"\nentry-points = 3', "no plugin is named"),
        (PYPROJECT.format(id="x", package="bloop_x"), "names the package bloop_x"),
    ],
)
def test_a_folder_that_is_no_plugins_is_refused_with_its_cure(tmp_path, text, said):
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigError, match=said) as refused:
        read_folder(tmp_path)
    assert refused.value.cure


def test_a_process_that_uses_no_folder_has_no_finder_for_them():
    code = """
        import sys
        from bloop.kernel.discovery import scan
        scan()
        assert not [one for one in sys.meta_path if type(one).__module__ == "bloop.kernel.folders"]
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
