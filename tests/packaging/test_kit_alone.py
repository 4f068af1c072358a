"""The kit where only bloop-sdk and its test extra are installed."""

import importlib.metadata
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import build
import pytest
from packaging.requirements import Requirement
from setup_env import ROOT

SAMPLE = ROOT / "tests" / "sdk" / "shelf"
TEST = """
from bloop_sdk.testing import System, plugin_tests
from fake_shelf import BAD, EXPIRED, GOOD, FakeJournal, FakeShelf

TestShelf = plugin_tests(
    "bloop_shelf",
    lms=System(make=FakeShelf, good=GOOD, bad=BAD, expired=EXPIRED),
    notes=System(make=FakeJournal, good=GOOD, bad=BAD, without={"expired": "it never does"}),
)


def test_nothing_else_is_there():
    import importlib.util

    for name in ("bloop", "sqlalchemy", "fastapi", "starlette", "aiohttp", "jinja2"):
        assert importlib.util.find_spec(name) is None, name
"""


def closure(requirements):
    """The installed distributions that these bring, by name."""
    found, waiting = {}, [(Requirement(line), "") for line in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        if requirement.name not in found:
            found[requirement.name] = importlib.metadata.distribution(requirement.name)
            lines = found[requirement.name].requires or []
            waiting += [
                (Requirement(line), one) for line in lines for one in requirement.extras or [""]
            ]
    return found.values()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A folder as pip would leave it after `pip install bloop-sdk[test]`."""
    site = tmp_path_factory.mktemp("alone") / "site"
    site.mkdir()
    wheels = site.parent / "wheels"
    build.build(ROOT / "core" / "sdk", wheels)
    (wheel,) = wheels.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    project = tomllib.loads((ROOT / "core" / "sdk" / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    for distribution in closure(wanted):
        for top in {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}:
            if top not in {"bin", "__pycache__"} and not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution.locate_file(top))))
    return site


def test_the_kit_needs_the_sdk_and_its_test_extra_alone(alone, tmp_path):
    shutil.copytree(SAMPLE, tmp_path / "shelf")
    (tmp_path / "shelf" / "test_shelf.py").write_text(TEST)
    start = f"import sys; sys.path[:0] = {[str(alone), str(tmp_path / 'shelf')]!r}; import pytest; "
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"{start}sys.exit(pytest.main(['-q', '-rs', '.']))"],
        cwd=tmp_path / "shelf",
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stdout[-3000:] + done.stderr[-2000:]
    assert "expired: it never does" in done.stdout
    passed = int(done.stdout.splitlines()[-1].split(" passed")[0].split()[-1])
    assert passed > 70
