"""The locks hold everything that is asked for, with hashes, and name no host and no path."""

import re

import lock
import pytest
from packaging.requirements import Requirement


def pins(file):
    """Give the versions locked for each package (several where they differ by platform)."""
    found = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", file.read_text(), flags=re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("file", [lock.RUNTIME, lock.DEV], ids=lambda file: file.name)
def test_a_lock_names_no_host_no_path_and_nothing_forbidden(file):
    assert lock.problems(file.read_text()) == []


@pytest.mark.parametrize("file", [lock.RUNTIME, lock.DEV], ids=lambda file: file.name)
def test_every_pin_has_hashes(file):
    blocks = re.split(r"^(?=[A-Za-z0-9])", file.read_text(), flags=re.MULTILINE)
    assert [block for block in blocks if block and "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("dev", [False, True], ids=["runtime", "dev"])
def test_every_dependency_is_locked_within_its_bounds(dev):
    """Fails when somebody adds a dependency and forgets `make lock`."""
    locked = pins(lock.DEV if dev else lock.RUNTIME)
    unmet = []
    for asker, lines in lock.inputs(dev=dev).items():
        for requirement in map(Requirement, lines):
            versions = locked.get(lock.canonical(requirement.name), set())
            if not any(map(requirement.specifier.contains, versions)):
                unmet.append(f"{asker}: {requirement}: locked {versions or 'nowhere'}")
    assert unmet == []


def test_the_dev_lock_holds_the_runtime_lock():
    runtime, dev = pins(lock.RUNTIME), pins(lock.DEV)
    assert {name: dev.get(name) for name in runtime} == runtime


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://index.invalid/simple",
        "--find-links /somewhere/wheels",
        "six @ file:///somewhere/six.whl",
        "    # via -r /somewhere/pyproject.toml",
        "torch==2.13.0 \\",
        "bloop-sdk==0.1.0 \\",
    ],
)
def test_trouble_is_seen(line):
    assert lock.problems(f"six==1.17.0 \\\n    --hash=sha256:00\n{line}\n")
