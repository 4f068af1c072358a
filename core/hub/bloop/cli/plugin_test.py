"""``bloop plugins test``: a plugin's own tests and the kit's, as its author has it on disk."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bloop.kernel.folders import PluginFolder


@click.command(
    context_settings={"ignore_unknown_options": True},
    short_help="Run a plugin's tests and the kit's.",
)
@click.argument("plugin", default=".", metavar="[PATH_OR_NAME]")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- PYTEST_ARGUMENTS]")
@click.pass_context
def test(ctx: click.Context, plugin: str, arguments: tuple[str, ...]) -> None:
    """Test the plugin in a folder, or an installed one that is in source: its tests and the kit's.

    It need not be installed. What follows -- goes to pytest, whose exit code this has.
    """
    folder = find(plugin)
    _need("pytest", "pytest_asyncio")
    ctx.exit(run(folder, arguments))


def find(plugin: str) -> PluginFolder:
    """The source of a plugin by its path or its name; raises :class:`ConfigError`."""
    from bloop.kernel.discovery import scan
    from bloop.kernel.folders import read_folder
    from bloop_sdk import ConfigError

    if Path(plugin).is_dir() or os.sep in plugin:
        return read_folder(Path(plugin))
    found = scan().plugins.get(plugin)
    if found is None or found.package is None:
        raise ConfigError(
            f"there is no folder {plugin} here, and no such plugin is installed",
            cure="give the path of its folder",
        )
    for path in (found.package.parent, found.package.parent.parent):
        if (path / "pyproject.toml").is_file():
            return read_folder(path)
    raise ConfigError(
        f"{found.distribution} {found.version} is installed without its source and its tests",
        cure="give the path of its source",
    )


def run(folder: PluginFolder, arguments: tuple[str, ...]) -> int:
    """Run pytest in the folder; gives its exit code."""
    tests = folder.path / "tests"
    wanted = [str(tests)] if tests.is_dir() else []
    if not any("plugin_tests(" in file.read_text("utf-8") for file in tests.rglob("*.py")):
        # Its author holds it to the contract no more than the manifest does: the kit does.
        wanted.append(str(Path(__file__).with_name("kit_test.py")))
    paths = [str(root) for root in folder.roots.values()]
    if before := os.environ.get("PYTHONPATH"):
        paths.append(before)
    done = subprocess.run(  # noqa: S603 - this Python, on the caller's own tests
        [sys.executable, "-m", "pytest", f"--rootdir={folder.path}", *wanted, *arguments],
        cwd=folder.path,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(paths), "BLOOP_PLUGIN_PACKAGE": next(iter(folder.roots))},
        check=False,
    )
    return done.returncode


def _need(*modules: str) -> None:
    from bloop_sdk import ConfigError

    if missing := [name for name in modules if importlib.util.find_spec(name) is None]:
        raise ConfigError(
            f"tests need {' and '.join(missing).replace('_', '-')}, not installed here",
            cure="pip install 'bloop-sdk[test]'",
        )
