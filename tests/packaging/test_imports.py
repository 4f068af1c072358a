"""What a distribution may import: plugins nothing of the hub, and nobody what is not declared.

The order within the hub is held by import-linter (the contracts in pyproject.toml).
"""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions, requires

import pytest
from lock import canonical
from packaging.requirements import Requirement
from setup_env import ROOT, distributions

ALL = distributions()
PLUGINS = [name for name, folder in ALL.items() if "plugins" in folder.parts]


def top_level(name):
    return {"bloop-hub": "bloop"}.get(name, name.replace("-", "_"))


def imported(source):
    """Give the module of each absolute import, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, node.lineno


def imports(name):
    """Give what a distribution imports: the top-level module, and where."""
    for file in sorted((ALL[name] / top_level(name)).rglob("*.py")):
        for module, line in imported(file.read_text()):
            yield module.split(".")[0], f"{file.relative_to(ROOT)}:{line}"


def declared(name):
    """Give the normalised names of what a distribution depends on, extras included."""
    project = tomllib.loads((ALL[name] / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()
    lines = [*project.get("dependencies", []), *(line for extra in extras for line in extra)]
    found = set()
    for requirement in map(Requirement, lines):
        found.add(canonical(requirement.name))
        # Whoever asks for psycopg[pool] has asked for psycopg-pool.
        for extra in requirement.extras:
            for line in requires(requirement.name) or []:
                part = Requirement(line)
                if part.marker and part.marker.evaluate({"extra": extra}):
                    found.add(canonical(part.name))
    return found


def test_imports_are_seen_wherever_they_stand():
    source = "def f():\n    import bloop.api as x\n    from bloop.web import y\n    from . import z"
    assert list(imported(source)) == [("bloop.api", 2), ("bloop.web", 3)]


@pytest.mark.parametrize("name", ["bloop-sdk", *PLUGINS])
def test_nothing_of_the_hub_is_imported(name):
    assert [where for module, where in imports(name) if module == "bloop"] == []


@pytest.mark.parametrize("name", ALL)
def test_what_is_imported_is_declared(name):
    """An import that only a dependency's dependency brings breaks when that one changes."""
    providers = packages_distributions()
    ours = {top_level(each): each for each in ALL}
    known = declared(name)
    undeclared = []
    for module, where in imports(name):
        if module in sys.stdlib_module_names or module == top_level(name):
            continue
        # An extra that is not installed here is taken to be named like its module.
        candidates = {ours[module]} if module in ours else {*providers.get(module, [module])}
        if not known & {canonical(candidate) for candidate in candidates}:
            undeclared.append(f"{where}: {module}")
    assert undeclared == []


def test_no_file_names_this_checkout():
    """Nothing that ships knows where it was written."""
    pattern = re.compile(re.escape(str(ROOT)) + r"\b")
    found = [
        str(file.relative_to(ROOT))
        for folder in ALL.values()
        for file in (folder / top_level(folder.name)).rglob("*.py")
        if pattern.search(file.read_text())
    ]
    assert found == []
