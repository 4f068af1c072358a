"""Every distribution says what it is, carries its licence, and builds into a whole wheel."""

import re
import tomllib
import zipfile
from email.parser import Parser

import build
import pytest
from packaging.specifiers import SpecifierSet
from setup_env import ROOT, distributions

ALL = distributions()
PLUGINS = {name: folder for name, folder in ALL.items() if "plugins" in folder.parts}


def project(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


def package(name):
    return {"bloop-hub": "bloop"}.get(name, name.replace("-", "_"))


@pytest.fixture(params=ALL.items(), ids=ALL)
def distribution(request):
    return request.param


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Each distribution's wheel, built when it is first asked for."""
    built = {}

    def wheel(name):
        if name not in built:
            folder = tmp_path_factory.mktemp(name)
            build.build(ALL[name], folder)
            (built[name],) = folder.glob("*.whl")
        return zipfile.ZipFile(built[name])

    return wheel


def test_metadata_is_complete(distribution):
    name, folder = distribution
    metadata = project(folder)
    assert metadata["version"]
    assert len(metadata["description"]) > 20
    assert metadata["license"] == "Apache-2.0"
    assert metadata["license-files"] == ["LICENSE"]
    assert metadata["readme"] == "README.md"
    assert (folder / "README.md").read_text().startswith(f"# {name}")
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    supported = SpecifierSet(metadata["requires-python"])
    assert "3.11" in supported
    assert "3.10" not in supported


def test_a_wheel_holds_code_licence_and_types(distribution, wheels):
    name, folder = distribution
    with wheels(name) as wheel:
        names = wheel.namelist()
        (metadata,) = (member for member in names if member.endswith("dist-info/METADATA"))
        fields = Parser().parsestr(wheel.read(metadata).decode())
    assert fields["Name"] == name
    assert fields["License-Expression"] == "Apache-2.0"
    assert any(member.endswith("dist-info/licenses/LICENSE") for member in names)
    assert f"{package(name)}/py.typed" in names
    sources = {
        str(file.relative_to(folder))
        for file in (folder / package(name)).rglob("*")
        # Caches of tools are no part of it.
        if file.is_file() and not re.search(r"/(__pycache__|\.\w+)/", str(file))
    }
    assert sources <= set(names)
    assert not any("tests/" in member for member in names)


def test_a_plugin_is_found_by_entry_point_and_manifest(wheels):
    for name, folder in PLUGINS.items():
        manifest = tomllib.loads((folder / "bloop-plugin.toml").read_text())
        entry_points = project(folder)["entry-points"]["bloop.plugins"]
        assert list(entry_points) == [manifest["id"]], name
        assert entry_points[manifest["id"]].split(":")[0].split(".")[0] == package(name)
        with wheels(name) as wheel:
            packed = wheel.read(f"{package(name)}/bloop-plugin.toml")
        assert packed == (folder / "bloop-plugin.toml").read_bytes()


def test_a_plugin_needs_the_sdk_and_not_the_hub():
    for name, folder in PLUGINS.items():
        needed = " ".join(project(folder)["dependencies"])
        assert "bloop-sdk" in needed, name
        assert "bloop-hub" not in needed, name
