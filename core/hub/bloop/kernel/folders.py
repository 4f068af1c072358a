"""Plugins that run from the folder they are written in, without being installed.

Such a folder becomes a distribution of this process: the import system finds its package, and
:mod:`importlib.metadata` its entry point, ahead of whatever is installed under the same names.
Everything that looks for plugins then finds it like any other, and imports it no sooner.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from bloop_sdk.errors import ConfigError

GROUP = "bloop.plugins"
_NEW = "`bloop plugins new FAMILY NAME` writes a whole one"


class PluginFolder(Distribution):
    """The source tree of a plugin, as its ``pyproject.toml`` describes it."""

    def __init__(self, path: Path, project: dict[str, Any]) -> None:
        self.path = path
        self.project_name = str(project["name"])
        self.points: dict[str, str] = project["entry-points"][GROUP]
        self.roots = {top: _root(path, top) for top in _tops(self.points.values())}
        """The folder that holds each top-level package."""
        self._files = {"METADATA": _metadata(project), "entry_points.txt": _points(self.points)}

    def read_text(self, filename: str) -> str | None:
        """What a ``.dist-info`` of it would hold."""
        return self._files.get(filename)

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        """A file of it, by its path below the folder that is imported from."""
        return next(iter(self.roots.values())) / os.fspath(path)


class _Finder(DistributionFinder):
    """Finds the packages and distributions of the folders in use, and nothing else of them."""

    def __init__(self) -> None:
        self.folders: list[PluginFolder] = []

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the import system passes it
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """The package of a folder; what is inside a package is found by the package's own path."""
        for folder in self.folders:
            if fullname in folder.roots:
                return PathFinder.find_spec(fullname, [str(folder.roots[fullname])], target)
        return None

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterable[Distribution]:
        """The folders, or the one whose distribution has the name that is asked for."""
        name = context.name if context else None
        return [one for one in self.folders if name is None or _same(name, one.project_name)]


_FINDER = _Finder()


def read_folder(path: Path) -> PluginFolder:
    """Read what a folder holds, importing nothing; raises :class:`ConfigError`."""
    path = path.absolute()
    file = path / "pyproject.toml"
    try:
        project = tomllib.loads(file.read_text("utf-8")).get("project")
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"{path} is no plugin's folder: no pyproject.toml", cure=_NEW) from None
    except OSError as err:
        raise ConfigError(f"{file} cannot be read: {err.strerror}") from err
    except ValueError as err:
        raise ConfigError(f"{file}: not TOML: {err}", cure="see https://toml.io") from err
    if not isinstance(project, dict) or not isinstance(project.get("name"), str):
        raise ConfigError(f"{file}: [project] has no name", cure=_NEW)
    points = project.get("entry-points")
    points = points.get(GROUP) if isinstance(points, dict) else None
    if not points or not isinstance(points, dict):
        raise ConfigError(
            f'{file}: no plugin is named: [project.entry-points."{GROUP}"] is missing or empty',
            cure='write below it: name = "package:PluginClass"',
        )
    return PluginFolder(path, project)


def use_folder(folder: PluginFolder) -> None:
    """Have this process find the plugin of a folder before any installed one.

    Raises :class:`ConfigError` where another folder in use has a plugin of the same name.
    """
    for other in _FINDER.folders:
        if other.path == folder.path:
            return
        if both := sorted(other.points.keys() & folder.points.keys()):
            raise ConfigError(
                f"{other.path} and {folder.path} both hold a plugin {both[0]!r}",
                cure="run one of them",
            )
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    _FINDER.folders.append(folder)


def in_use() -> dict[str, Path]:
    """The plugins that this process runs from folders, and where those are."""
    return {plugin: folder.path for folder in _FINDER.folders for plugin in folder.points}


def switched_on() -> dict[str, str]:
    """The environment that enables the plugins from folders, whatever ``hub.toml`` says."""
    return {f"BLOOP_PLUGINS__{plugin.upper()}__ENABLED": "true" for plugin in in_use()}


def _root(path: Path, top: str) -> Path:
    for root in (path, path / "src"):
        if (root / top).is_dir():
            return root
    raise ConfigError(
        f"{path / 'pyproject.toml'} names the package {top}, which is neither here nor in src/",
        cure="correct the entry point, or name the folder of the package like it",
    )


def _tops(targets: Iterable[Any]) -> set[str]:
    return {str(target).partition(":")[0].partition(".")[0] for target in targets}


def _metadata(project: dict[str, Any]) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}"]
    # What a build would work out is not known here.
    lines.append(f"Version: {project.get('version', '0')}")
    lines += [f"Requires-Dist: {wanted}" for wanted in project.get("dependencies", ())]
    return "\n".join(lines) + "\n"


def _points(points: dict[str, str]) -> str:
    return f"[{GROUP}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())


def _same(one: str, other: str) -> bool:
    return _canonical(one) == _canonical(other)


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
