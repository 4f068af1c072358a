"""The scan: what is installed, without importing any of it."""

from __future__ import annotations

import importlib
import site as site_module
import subprocess
import sys
import textwrap

import pytest

from bloop.kernel.discovery import cure_of_absence, scan, system_packages_missing
from bloop.kernel.states import PluginState
from bloop_sdk.testing.distributions import write_plugin


def nothing_missing(_names):
    return ()


def found(plugin_id, missing=nothing_missing):
    return scan(missing).plugins[plugin_id]


def test_a_wheel_is_found_with_all_that_is_known_of_it(site):
    written = write_plugin(
        site, "canvas_x", manifest={"name": "Canvas"}, version="2.1", requires=("canvasapi>=3",)
    )
    plugin = found("canvas_x")
    assert plugin.problem is None
    assert (plugin.distribution, plugin.version) == ("bloop-canvas-x", "2.1")
    assert plugin.requires == ("canvasapi>=3",)
    assert plugin.manifest.name == "Canvas"
    assert plugin.package == written.package
    assert plugin.entry_point.dist.version == "2.1"


def test_scanning_imports_nothing(site):
    write_plugin(site, "loud", code="raise SystemExit('imported')", files={"__init__.py": "1 / 0"})
    code = f"""
        import sys
        sys.path.insert(0, {str(site)!r})
        from bloop.kernel.discovery import scan
        assert scan().plugins["loud"].problem is None
        assert not [name for name in sys.modules if name.startswith("bloop_loud")]
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_an_editable_install_by_path_is_found_with_its_manifest_beside_it(
    site, tmp_path, monkeypatch
):
    written = write_plugin(site, "tree", source=tmp_path / "src" / "tree")
    monkeypatch.setattr(sys, "path", list(sys.path))
    site_module.addsitedir(str(site))
    plugin = found("tree")
    assert plugin.problem is None
    assert plugin.package == written.package


def test_an_editable_install_by_import_hook_is_found(site, tmp_path, monkeypatch):
    editables = pytest.importorskip("editables")
    source = tmp_path / "src"
    written = write_plugin(site, "hooked", source=source)
    next(site.glob("*.pth")).unlink()
    project = editables.EditableProject("hooked", str(source))
    project.map("bloop_hooked", "bloop_hooked")
    for name, text in project.files():
        (site / name).write_text(text)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    site_module.addsitedir(str(site))
    assert str(source) not in sys.path

    plugin = found("hooked")

    assert plugin.problem is None
    assert plugin.package == written.package


def test_a_stray_manifest_beside_installed_packages_is_nobodys(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages"
    written = write_plugin(folder, "bare")
    written.manifest.rename(folder / "bloop-plugin.toml")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    plugin = found("bare")
    assert plugin.problem.state is PluginState.INVALID
    assert f"no bloop-plugin.toml in {written.package}" in plugin.problem.reason


def test_of_two_plugins_with_one_id_neither_wins(site):
    write_plugin(site, "twin", distribution="bloop-twin-a", package="twin_a", version="1.1")
    write_plugin(site, "twin", distribution="bloop-twin-b", package="twin_b")
    problem = found("twin").problem
    assert problem.state is PluginState.INVALID
    assert "bloop-twin-a 1.1" in problem.reason
    assert "bloop-twin-b 1.0" in problem.reason
    assert "uninstall" in problem.cure


def test_of_two_copies_of_a_distribution_the_first_on_the_path_counts(site, tmp_path, monkeypatch):
    write_plugin(site, "copied", version="2.0")
    later = tmp_path / "later"
    write_plugin(later, "copied", version="1.0")
    monkeypatch.setattr(sys, "path", [*sys.path, str(later)])
    plugin = found("copied")
    assert (plugin.version, plugin.problem) == ("2.0", None)


def test_a_copy_behind_one_that_is_no_plugin_any_more_is_not_found(site, tmp_path, monkeypatch):
    written = write_plugin(site, "gone", version="2.0")
    (written.dist_info / "entry_points.txt").unlink()
    later = tmp_path / "later"
    write_plugin(later, "gone", version="1.0")
    monkeypatch.setattr(sys, "path", [*sys.path, str(later)])
    assert "gone" not in scan().plugins


BROKEN_ENTRY_POINTS = {
    "not utf-8": b"[bloop.plugins]\nx = \xff\xfe:Main\n",
    "not an entry": b"[bloop.plugins]\nno equals sign\n",
}


@pytest.mark.parametrize("content", BROKEN_ENTRY_POINTS.values(), ids=BROKEN_ENTRY_POINTS)
def test_broken_metadata_of_another_distribution_stops_nothing(site, content):
    other = write_plugin(site, "other")
    (other.dist_info / "entry_points.txt").write_bytes(content)
    write_plugin(site, "good")
    result = scan()
    assert result.plugins["good"].problem is None
    assert "other" not in result.plugins
    assert str(site) in " ".join(result.warnings)


def test_a_distribution_without_metadata_is_told_of(site):
    written = write_plugin(site, "nameless")
    (written.dist_info / "METADATA").unlink()
    result = scan()
    assert "nameless" not in result.plugins
    assert "no METADATA" in " ".join(result.warnings)


def test_a_description_is_no_metadata(site):
    written = write_plugin(site, "described", version="1.5")
    path = written.dist_info / "METADATA"
    path.write_text(path.read_text() + "\nVersion: 9 is what we hope for.\nRequires-Dist: luck\n")
    plugin = found("described")
    assert (plugin.version, plugin.requires) == ("1.5", ())


def test_an_unknown_version_is_no_reason_to_fail(site):
    written = write_plugin(site, "unversioned")
    (written.dist_info / "METADATA").write_text("Name: bloop-unversioned\n")
    plugin = found("unversioned")
    assert (plugin.version, plugin.problem) == ("unknown", None)


NEWER = {"api": "1.9", "hooks": ["hook_of_tomorrow"], "novelty": {"key": 1}}
BAD = {
    "id differs from the entry point": (
        {"manifest": {"id": "another"}},
        PluginState.INVALID,
        "entry point 'bad', but its manifest says id = 'another'",
        "give both one name",
    ),
    "entry point to nothing": (
        {"entry_points": "bad = bloop_absent.plugin:Main"},
        PluginState.INVALID,
        "there is no package bloop_absent",
        "pip install --force-reinstall bloop-bad",
    ),
    "entry point of a wrong form": (
        {"entry_points": "bad = bloop_bad.plugin Main"},
        PluginState.INVALID,
        "is not package.module:Class",
        "correct it",
    ),
    "manifest that is no TOML": (
        {"manifest": "id = "},
        PluginState.INVALID,
        "bloop-plugin.toml: not TOML",
        "correct the manifest",
    ),
    "manifest with an unknown hook": (
        {"manifest": {"hooks": ["hook_of_tomorrow"]}},
        PluginState.INVALID,
        "unknown hook 'hook_of_tomorrow'",
        "correct the manifest",
    ),
    "manifest without an api": (
        {"manifest": {"api": None}},
        PluginState.INVALID,
        "api: Field required",
        "correct the manifest",
    ),
    "newer API": (
        {"manifest": {"api": "1.9"}},
        PluginState.INCOMPATIBLE,
        "made for plugin API 1.9, and this hub has 1.0",
        "pip install --upgrade bloop-hub",
    ),
    "newer API with what only that knows": (
        {"manifest": NEWER},
        PluginState.INCOMPATIBLE,
        "made for plugin API 1.9",
        "pip install --upgrade bloop-hub",
    ),
    "older API": (
        {"manifest": {"api": "0.9"}},
        PluginState.INCOMPATIBLE,
        "made for plugin API 0.9",
        "pip install --upgrade bloop-bad",
    ),
    "missing system packages": (
        {"manifest": {"requires": {"system": ["libfoo1", "present"]}}},
        PluginState.BLOCKED,
        "system packages are absent: libfoo1",
        "apt-get install libfoo1",
    ),
}


@pytest.mark.parametrize(("change", "state", "reason", "cure"), BAD.values(), ids=BAD)
def test_a_bad_plugin_says_what_is_wrong_and_what_to_do(site, change, state, reason, cure):
    write_plugin(site, "bad", **change)
    write_plugin(site, "good")
    plugins = scan(lambda names: tuple(name for name in names if name == "libfoo1")).plugins
    problem = plugins["bad"].problem
    assert problem.state is state
    assert reason in problem.reason
    assert cure in problem.cure
    assert plugins["good"].problem is None


def test_a_single_module_has_no_place_for_a_manifest(site):
    write_plugin(site, "single", entry_points="single = bloop_one_file:Main")
    (site / "bloop_one_file.py").write_text("")
    assert "make it a package" in found("single").problem.cure


def test_a_finder_that_raises_costs_its_own_plugin(site, monkeypatch):
    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "bloop_odd":
                raise RuntimeError("the source tree has moved")

    write_plugin(site, "odd")
    write_plugin(site, "good")
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    plugins = scan().plugins
    assert "the source tree has moved" in plugins["odd"].problem.reason
    assert plugins["good"].problem is None


def test_a_manifest_that_cannot_be_reached_costs_its_own_plugin(site, monkeypatch):
    write_plugin(site, "locked")

    def fail(_package):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bloop.kernel.discovery._manifest_path", fail)
    assert "Permission denied" in found("locked").problem.reason


def test_a_plugin_installed_meanwhile_is_found_by_the_next_scan(site):
    assert "late" not in scan().plugins
    write_plugin(site, "late")
    assert found("late").problem is None


def test_an_unreadable_module_table_is_no_obstacle(site, monkeypatch):
    write_plugin(site, "loaded")
    module = type(sys)("bloop_loaded")
    module.__spec__ = None
    monkeypatch.setitem(sys.modules, "bloop_loaded", module)
    importlib.invalidate_caches()
    assert "looking for bloop_loaded failed" in found("loaded").problem.reason


def test_debian_packages_are_looked_up_in_dpkgs_folder(tmp_path):
    for name in ("libfoo1:amd64.list", "libfoo1:amd64.md5sums", "bar.list"):
        (tmp_path / name).write_text("")
    names = ("libfoo1", "bar", "no-such-package", "sh")
    assert system_packages_missing(names, tmp_path) == ("no-such-package",)
    assert system_packages_missing((), tmp_path) == ()


def test_without_dpkg_nothing_is_known_to_be_missing(tmp_path):
    assert system_packages_missing(("libfoo1",), tmp_path / "absent") == ()


def test_a_slip_of_the_pen_is_told_before_a_distribution():
    assert cure_of_absence("cartrige", ["cartridge", "markdown"]) == "did you mean cartridge?"
    assert "(bloop-canvas-x?)" in cure_of_absence("canvas_x", ["cartridge", "markdown"])
    assert "pip install" not in cure_of_absence("canvas")
