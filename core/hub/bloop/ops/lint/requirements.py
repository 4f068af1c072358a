"""What distributions ask for, and whether two of them can be installed together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import (
    PackageNotFoundError,
    packages_distributions,
    requires,
    version,
)

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

CORE = ("bloop-hub", "bloop-sdk")


def canonical(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parsed(lines: Iterable[str]) -> Iterator[Requirement]:
    """The requirements that apply here; what cannot be parsed is left out."""
    for line in lines:
        try:
            found = Requirement(line)
        except InvalidRequirement:
            continue
        if found.marker is None or found.marker.evaluate({"extra": ""}):
            yield found


def required_names(lines: Iterable[str]) -> set[str]:
    """The distributions that are asked for, with those that their extras bring."""
    names: set[str] = set()
    for line in lines:
        try:
            found = Requirement(line)
        except InvalidRequirement:
            continue
        names.add(canonical(found.name))
        for extra in found.extras:
            for text in _requires(found.name):
                part = Requirement(text)
                if part.marker is not None and part.marker.evaluate({"extra": extra}):
                    names.add(canonical(part.name))
    return names


@cache
def brought_by() -> dict[str, frozenset[str]]:
    """Top-level module -> the distributions that bring it; all metadata is read for it once."""
    return {
        module: frozenset(map(canonical, names))
        for module, names in packages_distributions().items()
    }


def contract_requirements() -> set[str]:
    """What the contract itself is made of, which a plugin has with `bloop-sdk`."""
    return {canonical(one.name) for one in parsed(_requires("bloop-sdk"))}


@cache
def core_requirements() -> dict[str, SpecifierSet]:
    """What the hub and the contract ask for, by distribution."""
    found: dict[str, SpecifierSet] = {}
    for core in CORE:
        for one in parsed(_requires(core)):
            name = canonical(one.name)
            found[name] = found.get(name, SpecifierSet()) & one.specifier
    return found


def clash(requirement: Requirement) -> str | None:
    """Why a requirement cannot be met beside the core's, or None."""
    name = canonical(requirement.name)
    if name in CORE:
        installed = _version(name)
        if installed is None or requirement.specifier.contains(installed, prereleases=True):
            return None
        return f"this hub has {name} {installed}"
    core = core_requirements().get(name)
    if core is None:
        return None
    both = core & requirement.specifier
    if any(both.contains(one, prereleases=True) for one in _candidates(both, name)):
        return None
    return f"the hub asks for {name}{core}"


def _candidates(specifiers: SpecifierSet, name: str) -> Iterator[Version]:
    """Versions of which one meets all specifiers, if any does: the bounds, and just around them."""
    installed = _version(name)
    if installed is not None:
        yield Version(installed)
    for one in specifiers:
        try:
            bound = Version(one.version.removesuffix(".*"))
        except InvalidVersion:
            continue
        release = bound.release
        yield bound
        yield Version(".".join(map(str, (*release, 1))))
        lower = next((at for at in range(len(release) - 1, -1, -1) if release[at]), None)
        if lower is not None:
            below = (*release[:lower], release[lower] - 1, 999999)
            yield Version(".".join(map(str, below)))


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
