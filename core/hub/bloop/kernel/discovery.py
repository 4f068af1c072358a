"""Finding plugins without importing them: entry points, then each one's manifest.

What is wrong with one distribution is told of that one, and costs no other.
"""

from __future__ import annotations

import difflib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

from bloop.kernel.faults import describe
from bloop.kernel.folders import GROUP, PluginFolder
from bloop.kernel.journal import Code
from bloop.kernel.states import PluginState
from bloop_sdk.errors import ManifestError
from bloop_sdk.manifest import API_VERSION, FILE_NAME, Manifest, load_manifest

_DPKG = Path("/var/lib/dpkg/info")
_SITES = {"site-packages", "dist-packages"}

Fields = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a plugin cannot be loaded: the state it has for it, the reason and the cure."""

    state: PluginState
    reason: str
    cure: str


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin as it is installed. Without a problem it has a manifest and a package."""

    id: str
    entry_point: EntryPoint
    distribution: str
    version: str
    requires: tuple[str, ...] = ()
    manifest: Manifest | None = None
    package: Path | None = None
    problem: Problem | None = None

    @property
    def folder(self) -> Path | None:
        """The source tree that it runs from, where it is not installed."""
        source = self.entry_point.dist
        return source.path if isinstance(source, PluginFolder) else None

    @property
    def code(self) -> Code:
        """Which code this is, for the journal."""
        return Code(self.id, self.version, str(self.package or ""))


@dataclass(frozen=True, slots=True)
class Scan:
    """What is installed, by plugin id, and what was wrong with distributions that are none."""

    plugins: dict[str, Found]
    warnings: tuple[str, ...] = ()


class ProblemError(Exception):
    """Carries a :class:`Problem` up to the plugin that it belongs to."""

    def __init__(self, state: PluginState, reason: str, cure: str) -> None:
        super().__init__(reason)
        self.problem = Problem(state, reason, cure)


def cure_of_absence(plugin_id: str, installed: Iterable[str] = ()) -> str:
    """What to do where no plugin of this name is installed; a slip of the pen is named first.

    It names the distribution and says no `pip install`: whoever mistypes a name should not be
    led to whatever an index has under it.
    """
    others = [name for name in installed if name != plugin_id]
    if meant := difflib.get_close_matches(plugin_id, others, n=1, cutoff=0.75):
        return f"did you mean {meant[0]}?"
    distribution = f"bloop-{plugin_id[:40].replace('_', '-')}"
    return f"install the distribution that holds it ({distribution}?), or see `bloop plugins list`"


def scan(missing: Callable[[tuple[str, ...]], tuple[str, ...]] | None = None) -> Scan:
    """Find all installed plugins.

    ``missing`` says which of some system packages are absent; by default Debian is asked.
    """
    importlib.invalidate_caches()
    missing = missing or system_packages_missing
    warnings: list[str] = []
    by_id: dict[str, list[Found]] = {}
    for entry_point, fields in _entry_points(warnings):
        found = _examine(entry_point, fields, missing)
        by_id.setdefault(found.id, []).append(found)
    plugins = {
        plugin_id: same[0] if len(same) == 1 else _one_of(same)
        for plugin_id, same in sorted(by_id.items())
    }
    return Scan(plugins, tuple(warnings))


def _entry_points(warnings: list[str]) -> Iterator[tuple[EntryPoint, Fields]]:
    """As :func:`importlib.metadata.entry_points`, one distribution at a time.

    That function gives up on all when one cannot be read, and parses those of no interest.
    """
    seen = set()
    for distribution in importlib.metadata.distributions():
        try:
            text = distribution.read_text("entry_points.txt")
            if not text or GROUP not in text:
                continue
            points = distribution.entry_points.select(group=GROUP)
            fields = _metadata(distribution)
            if "Name" not in fields:
                warnings.append(f"{_at(distribution)} has plugins, but no METADATA: reinstall it")
                continue
            name = fields["Name"][0]
            key = re.sub(r"[-_.]+", "-", name).lower()
            # Of two copies of one distribution the first on sys.path is imported.
            if key in seen or _shadowed(distribution, name):
                continue
        except Exception as err:  # noqa: BLE001 - whatever is broken in a foreign package.
            warnings.append(f"{_at(distribution)} is broken: {describe(err)}")
            continue
        seen.add(key)
        for point in points:
            yield point, fields


def _metadata(distribution: Distribution) -> Fields:
    """The fields of METADATA; importlib.metadata would read the description behind them as well."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    fields: Fields = {}
    for line in text.partition("\n\n")[0].splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.strip())
    return fields


def _at(distribution: Distribution) -> str:
    return f"a distribution in {distribution.locate_file('')}"


def _shadowed(distribution: Distribution, name: str) -> bool:
    first = Distribution.from_name(name)
    return str(first.locate_file("")) != str(distribution.locate_file(""))


def _examine(
    entry_point: EntryPoint,
    fields: Fields,
    missing: Callable[[tuple[str, ...]], tuple[str, ...]],
) -> Found:
    found = Found(
        entry_point.name,
        entry_point,
        fields["Name"][0],
        fields.get("Version", ["unknown"])[0],
        tuple(fields.get("Requires-Dist", ())),
    )
    try:
        package = _package(entry_point, found.distribution)
        found = replace(found, package=package)
        manifest = _manifest(_manifest_path(package), found.distribution)
        found = replace(found, manifest=manifest)
    except ProblemError as err:
        return replace(found, problem=err.problem)
    except Exception as err:  # noqa: BLE001 - whatever a foreign file can do to its reader.
        cure = f"pip install --force-reinstall {found.distribution}"
        return replace(found, problem=Problem(PluginState.INVALID, describe(err), cure))
    if manifest.id != found.id:
        problem = Problem(
            PluginState.INVALID,
            f"{found.distribution} {found.version} names the entry point {found.id!r}, "
            f"but its manifest says id = {manifest.id!r}",
            "give both one name",
        )
        return replace(found, problem=problem)
    if absent := missing(manifest.requires.system):
        problem = Problem(
            PluginState.BLOCKED,
            f"system packages are absent: {', '.join(absent)}",
            f"apt-get install {' '.join(absent)}",
        )
        return replace(found, problem=problem)
    return found


def _package(entry_point: EntryPoint, distribution: str) -> Path:
    """The folder of the top-level package, which the import system names without importing it."""
    target = f"{distribution}: entry point {entry_point.name} = {entry_point.value!r}"
    if not re.fullmatch(r"[\w.]+:\w+", entry_point.value):
        raise ProblemError(
            PluginState.INVALID, f"{target} is not package.module:Class", "correct it"
        )
    top = entry_point.module.partition(".")[0]
    reinstall = f"pip install --force-reinstall {distribution}"
    try:
        spec = importlib.util.find_spec(top)
    except Exception as err:  # An editable install brings a finder of its own.
        raise ProblemError(
            PluginState.INVALID, f"{target}: looking for {top} failed: {describe(err)}", reinstall
        ) from err
    if spec is None:
        raise ProblemError(PluginState.INVALID, f"{target}: there is no package {top}", reinstall)
    if not spec.submodule_search_locations:
        raise ProblemError(
            PluginState.INVALID,
            f"{target}: {top} is a single module, which has no place for a manifest",
            "make it a package",
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _manifest_path(package: Path) -> Path:
    """The manifest in the package, or beside it in a source tree."""
    inside, beside = package / FILE_NAME, package.parent / FILE_NAME
    if inside.is_file():
        return inside
    # Among installed packages, what lies beside one lies beside all.
    if package.parent.name not in _SITES and beside.is_file():
        return beside
    raise ProblemError(
        PluginState.INVALID,
        f"no {FILE_NAME} in {package} or beside it",
        "add one, and see that the wheel contains it",
    )


def _manifest(path: Path, distribution: str) -> Manifest:
    try:
        manifest = load_manifest(path)
    except ManifestError as err:
        # What this hub does not know is no fault of a plugin that asks for a newer one.
        if asked := _newer_api(path):
            raise _incompatible(distribution, asked) from err
        raise ProblemError(
            PluginState.INVALID, err.message, "correct the manifest or update the plugin"
        ) from err
    if not manifest.compatible:
        raise _incompatible(distribution, manifest.api)
    return manifest


def _incompatible(distribution: str, asked: str) -> ProblemError:
    outdated = "bloop-hub" if _version(asked) > API_VERSION else distribution
    return ProblemError(
        PluginState.INCOMPATIBLE,
        f"{distribution} was made for plugin API {asked}, and this hub has "
        + ".".join(map(str, API_VERSION)),
        f"pip install --upgrade {outdated}",
    )


def _newer_api(path: Path) -> str | None:
    """The API version that a manifest asks for, where that is newer than the hub's."""
    try:
        asked = tomllib.loads(path.read_text("utf-8")).get("api")
    except (OSError, ValueError):
        return None
    if (
        isinstance(asked, str)
        and re.fullmatch(r"\d+\.\d+", asked)
        and _version(asked) > API_VERSION
    ):
        return asked
    return None


def _version(api: str) -> tuple[int, ...]:
    return tuple(int(part) for part in api.split("."))


def _one_of(same: list[Found]) -> Found:
    """The one that somebody runs from its folder, which hides those that are installed."""
    in_folders = [found for found in same if found.folder is not None]
    return in_folders[0] if len(in_folders) == 1 else _duplicate(same)


def _duplicate(same: list[Found]) -> Found:
    """One that stands for all: none of them may win by chance."""
    names = [f"{found.distribution} {found.version}" for found in same]
    problem = Problem(
        PluginState.INVALID,
        f"{len(same)} plugins are called {same[0].id!r}: {' and '.join(names)}",
        f"pip uninstall all but one of {' '.join(found.distribution for found in same)}",
    )
    return Found(same[0].id, same[0].entry_point, ", ".join(names), "", problem=problem)


def system_packages_missing(names: tuple[str, ...], info: Path = _DPKG) -> tuple[str, ...]:
    """Those of some Debian packages that are not installed, by dpkg's own folder.

    A program of the package's name that was installed by other means counts as well. On a system
    without dpkg nothing is known, and nothing missing.
    """
    if not names or not info.is_dir():
        return ()
    installed = {
        file.removesuffix(".list").partition(":")[0]
        for file in os.listdir(info)  # noqa: PTH208 - thousands of names, of which no Path is made.
        if file.endswith(".list")
    }
    return tuple(name for name in names if name not in installed and not shutil.which(name))
