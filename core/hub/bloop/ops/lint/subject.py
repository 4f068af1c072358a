"""One plugin as the linter sees it: manifest, project, source, and what its import does."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from typing import Any

from bloop.kernel.discovery import Found, scan
from bloop.kernel.toml_spans import scan as scan_toml
from bloop.ops.lint.source import Source, read
from bloop.ops.lint.traced import Traced, trace
from bloop.store.errors import NotFoundError
from bloop_sdk import ConfigError, ManifestError
from bloop_sdk.manifest import FILE_NAME, Manifest, load_manifest

GROUP = "bloop.plugins"


@dataclass(frozen=True)
class Subject:
    """A plugin to lint; what could not be found is None or empty.

    ``root`` is the folder of its project, where there is one: an installed wheel has none.
    """

    name: str
    version: str = ""
    distribution: str = ""
    root: Path | None = None
    package: Path | None = None
    entry_points: tuple[tuple[str, str], ...] = ()
    requires: tuple[str, ...] = ()
    problem: str | None = None
    project: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def manifest_path(self) -> Path:
        """Where the manifest lies, or should."""
        places = [folder for folder in (self.package, self.root) if folder is not None]
        for folder in places:
            if (folder / FILE_NAME).is_file():
                return folder / FILE_NAME
        return places[-1] / FILE_NAME

    @cached_property
    def manifest(self) -> Manifest | None:
        """The manifest, where it is valid."""
        try:
            return load_manifest(self.manifest_path)
        except ManifestError:
            return None

    @cached_property
    def manifest_fault(self) -> str | None:
        """Why it is not."""
        try:
            load_manifest(self.manifest_path)
        except ManifestError as err:
            return err.message.removeprefix(f"{self.manifest_path}: ")
        return None

    @cached_property
    def raw(self) -> dict[str, Any]:
        """The manifest's TOML as it stands, also where it is not valid."""
        try:
            return tomllib.loads(self.manifest_path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}

    def line(self, *key: str | int) -> int:
        """The first line of a key of the manifest, or of what is nearest around it; 0 without."""
        if not self.raw:
            return 0
        entries = scan_toml(self.manifest_path.read_text("utf-8"))
        for length in range(len(key), 0, -1):
            for one in entries:
                if one.path[:length] == key[:length]:
                    return one.line
        return 0

    @cached_property
    def id(self) -> str:
        """The id that it claims."""
        claimed = self.raw.get("id")
        return claimed if isinstance(claimed, str) else self.name

    @cached_property
    def sources(self) -> list[Source]:
        """Every Python file of the package."""
        if self.package is None:
            return []
        return [read(path) for path in sorted(self.package.rglob("*.py"))]

    @property
    def at_work(self) -> list[Source]:
        """Those that it works with; in a package ``testing`` is what it ships for tests."""
        return [one for one in self.sources if "testing" not in one.path.parts[-3:-1]]

    def source(self, module: str) -> Source | None:
        """The file of a dotted module."""
        if self.package is None:
            return None
        base = self.package.parent.joinpath(*module.split("."))
        wanted = {base.with_suffix(".py"), base / "__init__.py"}
        return next((one for one in self.sources if one.path in wanted), None)

    @cached_property
    def traced(self) -> Traced:
        """What its import does, found out in a process of its own."""
        return trace(self)

    def show(self, path: Path | str) -> str:
        """A path as findings show it: from the project's folder, or from the package's."""
        base = self.root or (self.package.parent if self.package else None)
        given = Path(path)
        return str(given.relative_to(base)) if base and given.is_relative_to(base) else str(given)

    @property
    def manifest_name(self) -> str:
        """The manifest in findings."""
        return self.show(self.manifest_path)


def find_subjects(wanted: Sequence[str]) -> list[Subject]:
    """Those named by id or folder, or all that are installed; raises NotFoundError."""
    found = scan(missing=lambda _: ()).plugins
    if not wanted:
        return [_installed(one) for one in found.values()]
    return [_subject(name, found) for name in wanted]


def _subject(name: str, found: dict[str, Found]) -> Subject:
    if name in found:
        return _installed(found[name])
    folder = Path(name)
    if not folder.is_dir():
        raise NotFoundError(
            f"{name!r} is neither an installed plugin nor a folder",
            cure="`bloop plugins list` shows what is installed",
        )
    return from_folder(folder.resolve())


def _installed(found: Found) -> Subject:
    package = found.package
    root = package.parent if package and (package.parent / "pyproject.toml").is_file() else None
    if root is not None:
        subject = from_folder(root)
        if subject.package == package:
            return subject
    value = found.entry_point.value
    return Subject(
        name=found.id,
        version=found.version,
        distribution=found.distribution,
        package=package,
        entry_points=((found.entry_point.name, value),),
        requires=found.requires,
        problem=found.problem.reason if found.problem and package is None else None,
    )


def from_folder(root: Path) -> Subject:
    """A project that need not be installed; raises ConfigError for what is none."""
    path = root / "pyproject.toml"
    try:
        project = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as err:
        raise ConfigError(
            f"{root}: no pyproject.toml", cure="name the folder of a plugin's project"
        ) from err
    except (OSError, ValueError) as err:
        raise ConfigError(f"{path}: cannot be read: {err}") from err
    table = project.get("project", {})
    points = table.get("entry-points", {}).get(GROUP, {})
    return Subject(
        name=next(iter(points), root.name),
        version=str(table.get("version", "")),
        distribution=str(table.get("name", "")),
        root=root,
        package=_package(root, points.values()),
        entry_points=tuple(points.items()),
        requires=tuple(table.get("dependencies", ())),
        project=project,
    )


def _package(root: Path, points: Iterable[str]) -> Path | None:
    """The package that an entry point names, in the folder or in its ``src``."""
    named = [str(value).partition(":")[0].partition(".")[0] for value in points]
    for folder in (root, root / "src"):
        for name in named or [path.parent.name for path in sorted(folder.glob("*/__init__.py"))]:
            if (folder / name / "__init__.py").is_file():
                return folder / name
    return None


def distribution_of(subject: Subject) -> Distribution | None:
    """The installed distribution, where it is installed."""
    try:
        return Distribution.from_name(subject.distribution)
    except (PackageNotFoundError, ValueError):
        return None


def tests_of(subject: Subject) -> Iterator[Path]:
    """The test files of the project."""
    if subject.root is not None:
        yield from sorted(subject.root.glob("tests/**/test_*.py"))
