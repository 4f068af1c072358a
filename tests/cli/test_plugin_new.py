"""A new plugin works before its author has begun: its tests, its types, its style, its wheel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import build
import pytest
from setup_env import ROOT

from bloop.cli import plugin_new
from bloop.cli.plugin_new import MAX_NAME, check_name, render, write
from bloop.cli.plugin_test import find
from bloop_sdk import ConfigError
from bloop_sdk.manifest import FAMILIES, load_manifest
from bloop_sdk.providers import CAPABILITIES

LINT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
LONGEST = "n" * MAX_NAME


def run(folder, *command, **env):
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=folder,
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A new plugin of each family, named after it."""
    folder = tmp_path_factory.mktemp("new")
    for family in FAMILIES:
        write(render(family, f"my_{family}"), folder / family)
    return folder


@pytest.fixture(params=FAMILIES)
def plugin(request, written):
    return written / request.param


@pytest.fixture(scope="module")
def outcomes(written, tmp_path_factory):
    """How the tests of each new plugin ended: one run for all families, most of it is the start."""
    report = tmp_path_factory.mktemp("run") / "report.xml"
    folders = {family: find(str(written / family)) for family in FAMILIES}
    paths = [str(root) for folder in folders.values() for root in folder.roots.values()]
    done = run(
        written,
        *("pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={written}", f"--junitxml={report}"),
        f"--config-file={written / FAMILIES[0] / 'pyproject.toml'}",
        *(folder.path / "tests" for folder in folders.values()),
        PYTHONPATH=os.pathsep.join(paths),
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",  # What an author has, and not all of ours.
        PYTEST_PLUGINS="pytest_asyncio.plugin",
    )
    ended = {family: Counter() for family in FAMILIES}
    for case in ET.parse(report).iter("testcase"):
        how = [part.tag for part in case if part.tag in {"failure", "error", "skipped"}]
        ended[case.get("classname").partition(".")[0]][how[0] if how else "passed"] += 1
    return ended, done.stdout


def test_what_is_new_passes_its_tests_without_being_installed(plugin, outcomes):
    ended, told = outcomes
    assert ended[plugin.name]["passed"] >= 3
    assert not ended[plugin.name].keys() & {"failure", "error"}, told


def test_what_is_new_has_nothing_for_the_linter_to_say(written, process):
    """One run for all families: most of it is the start."""
    folders = [written / family for family in FAMILIES]
    done = process("plugins", "lint", *folders, "--strict", "--json")
    assert done.code == 0, done.out + done.err
    assert [one["findings"] for one in done.json["items"]] == [[]] * len(FAMILIES)


def test_what_is_new_is_of_its_family_and_provides_something(plugin):
    manifest = load_manifest(plugin / "bloop-plugin.toml")
    assert manifest.family == plugin.name
    assert manifest.compatible
    assert manifest.hooks if plugin.name == "feature" else set(manifest.provides) <= {*CAPABILITIES}


def test_a_wheel_of_what_is_new_holds_manifest_licence_and_types(plugin, tmp_path):
    build.build(plugin, tmp_path)
    (file,) = tmp_path.glob("*.whl")
    package = f"bloop_my_{plugin.name}"
    with zipfile.ZipFile(file) as wheel:
        names = wheel.namelist()
        assert (
            wheel.read(f"{package}/bloop-plugin.toml")
            == (plugin / "bloop-plugin.toml").read_bytes()
        )
    assert f"{package}/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "tests/" in name]


def test_everything_new_is_strictly_typed_tests_included(written, tmp_path):
    """One run for all families: most of it is reading the libraries."""
    roots = [written / family for family in FAMILIES]
    packages = [root / f"bloop_my_{root.name}" for root in roots]
    tests = [file for root in roots for file in (root / "tests").glob("*.py")]
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nstrict = true\nincremental = false\n")
    path = os.pathsep.join(map(str, roots))
    done = run(written, "mypy", f"--config-file={config}", *packages, *tests, MYPYPATH=path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["ab", "shelf", "my_long_shelf_2", LONGEST])
def test_what_is_new_is_formatted_and_clean_whatever_its_name(name, tmp_path):
    for family in FAMILIES:
        files = render(family, name)
        write(files, tmp_path / family)
        lines = [line for text in files.values() for line in text.split("\n")]
        assert not [line for line in lines if "{{" in line or "{%" in line]
    formatted = run(tmp_path, "ruff", "format", "--no-cache", "--diff", ".")
    assert formatted.returncode == 0, formatted.stdout
    for part, ignored in (
        (f"bloop_{name}", LINT["ignore"]),
        ("tests", LINT["ignore"] + LINT["per-file-ignores"]["**/tests/**"]),
    ):
        options = ("--no-cache", "--select=ALL", f"--ignore={','.join(ignored)}")
        checked = run(tmp_path, "ruff", "check", *options, *(f"{f}/{part}" for f in FAMILIES))
        assert checked.returncode == 0, checked.stdout


def test_the_licence_is_ours():
    licence = plugin_new.SKELETON / "common" / "LICENSE"
    assert licence.read_text() == (ROOT / "LICENSE").read_text()


def test_the_output_ends_with_what_to_do_next(bloop, folder):
    said = bloop("plugins", "new", "feature", "estimate", "--into", "some/where")
    assert said.code == 0
    target = Path("some/where/bloop-estimate")
    assert [line.strip() for line in said.out.splitlines()[-3:]] == [
        f"bloop plugins test {target}",
        f"bloop plugins lint {target}",
        f"bloop up --reload --plugin {target}",
    ]
    assert (folder / target / "bloop_estimate" / "__init__.py").is_file()


def test_programs_are_told_in_json(bloop, folder):
    said = bloop("plugins", "new", "feature", "estimate", "--json").json
    assert said["path"] == "bloop-estimate"
    assert sorted(said["files"]) == sorted(
        str(file.relative_to(folder / "bloop-estimate"))
        for file in (folder / "bloop-estimate").rglob("*")
        if file.is_file()
    )


@pytest.mark.parametrize(
    "name",
    [
        *("", "x", "X", "my-notes", "a b", "a__b", "a_", "_a", "1a", "ä", "a.b", "a\n"),
        *("../up", "/etc", "$(id)", "{{ id }}", "n" * (MAX_NAME + 1), "bloop_x", "class"),
        *("hub", "sdk", "core", "up", "plugins", "cartridge"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_nothing_is_written(bloop, folder, name):
    said = bloop("plugins", "new", "feature", "--into", folder / "in", "--", name)
    assert said.code == 1
    assert repr(name) in said.err
    assert not (folder / "in").exists()


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("My-Notes", "my_notes"),
        ("bloop-canvas-x", "canvas_x"),
        ("2nd course", "nd_course"),
        ("class", "my_class"),
        ("cartridge", "my_cartridge"),
    ],
)
def test_a_refused_name_is_answered_with_one_that_is_free(name, better):
    with pytest.raises(ConfigError) as refused:
        check_name(name)
    assert refused.value.cure == f"try {better}"
    check_name(better)


def test_an_unknown_family_is_answered_with_those_there_are(bloop, folder):
    said = bloop("plugins", "new", "lsm", "x_y")
    assert said.code == 2
    assert "'lms'" in said.err


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_what_exists_is_left_alone(bloop, folder, kind):
    target = folder / "bloop-taken"
    if kind == "folder":
        target.mkdir()
        (target / "mine").write_text("mine")
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to("nowhere")
    said = bloop("plugins", "new", "feature", "taken")
    assert said.code == 1
    assert "exists already" in said.err
    assert [path.name for path in folder.iterdir()] == ["bloop-taken"]
    assert kind == "dangling link" or not (target / "pyproject.toml").exists()


def test_a_folder_that_cannot_be_written_into_is_named(bloop, folder):
    (folder / "file").write_text("")
    said = bloop("plugins", "new", "feature", "some", "--into", "file")
    assert said.code == 1
    assert "file/bloop-some: cannot be written" in said.err


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    files = {"one": "1", "two": "2", "three": "\ud800"}
    with pytest.raises(UnicodeEncodeError):
        write(files, tmp_path / "bloop-half")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match="cannot be written"):
        write({"one": "1", "n" * 300: "too long a name"}, tmp_path / "bloop-half")
    assert list(tmp_path.iterdir()) == []


def test_the_sdk_that_a_new_plugin_asks_for_is_the_one_that_is_here():
    project = tomllib.loads(render("feature", "some")["pyproject.toml"])["project"]
    assert project["dependencies"] == ["bloop-sdk>=0.1,<0.2"]
    assert json.loads(json.dumps(project["optional-dependencies"])) == {
        "test": ["bloop-sdk[test]>=0.1,<0.2"]
    }
