"""Rules of the distribution: dependencies, what the wheel holds, and what stands beside it."""

from __future__ import annotations

from collections.abc import Iterator

from bloop.ops.lint.model import Fault, Severity, rule
from bloop.ops.lint.requirements import canonical, clash, parsed
from bloop.ops.lint.subject import Subject, distribution_of, tests_of
from bloop_sdk.manifest import FILE_NAME
from bloop_sdk.translations import translation_faults

PROJECT = "pyproject.toml"


@rule("P501", Severity.ERROR)
def pins_fit(subject: Subject) -> Iterator[Fault]:
    """Every dependency can be met by a version that the hub can live with."""
    for one in parsed(subject.requires):
        why = clash(one)
        if why:
            yield Fault(
                f"{one} clashes: {why}", "widen the requirement", PROJECT, _line(subject, one.name)
            )


@rule("P502", Severity.ERROR)
def contract_required(subject: Subject) -> Iterator[Fault]:
    """`bloop-sdk` is a dependency, with a lower and an upper bound; `bloop-hub` is none."""
    wanted = {canonical(one.name): one for one in parsed(subject.requires)}
    if "bloop-hub" in wanted:
        cure = "a plugin needs bloop-sdk alone"
        yield Fault("it depends on bloop-hub", cure, PROJECT, _line(subject, "bloop-hub"))
    sdk = wanted.get("bloop-sdk")
    bounds = {one.operator for one in sdk.specifier} if sdk else set()
    if sdk is None or not bounds & {"<", "<=", "~=", "=="} or not bounds & {">", ">=", "~=", "=="}:
        said = "has no lower and upper bound" if sdk else "is no dependency"
        cure = 'write "bloop-sdk>=0.1,<0.2"'
        yield Fault(f"bloop-sdk {said}", cure, PROJECT, _line(subject, "bloop-sdk"))


@rule("P503", Severity.WARNING)
def nothing_pinned(subject: Subject) -> Iterator[Fault]:
    """No dependency is pinned to one version: the next plugin's pin would clash with it."""
    for one in parsed(subject.requires):
        if any(
            part.operator in {"==", "==="} and "*" not in part.version for part in one.specifier
        ):
            cure = "write a range"
            yield Fault(f"{one} is pinned to one version", cure, PROJECT, _line(subject, one.name))


@rule("P601", Severity.ERROR)
def manifest_in_wheel(subject: Subject) -> Iterator[Fault]:
    """The wheel holds the manifest, inside the package.

    Without it the plugin works from its source tree and nowhere else.
    """
    if subject.package is None or (subject.package / FILE_NAME).is_file():
        return
    included = _wheel(subject).get("force-include", {})
    if included.get(FILE_NAME) != f"{subject.package.name}/{FILE_NAME}":
        yield Fault(
            f"the wheel will not hold {FILE_NAME}",
            f"[tool.hatch.build.targets.wheel.force-include] "
            f'"{FILE_NAME}" = "{subject.package.name}/{FILE_NAME}"',
            PROJECT,
        )


@rule("P602", Severity.WARNING)
def typed(subject: Subject) -> Iterator[Fault]:
    """The package has a `py.typed`, so that its annotations count for others."""
    if subject.package is not None and not (subject.package / "py.typed").is_file():
        cure = "add an empty file of that name"
        yield Fault("there is no py.typed in the package", cure, subject.show(subject.package))


@rule("P603", Severity.WARNING)
def readme_present(subject: Subject) -> Iterator[Fault]:
    """There is a README, which pages of packages show: what it does, and its settings."""
    if subject.root is None:
        installed = distribution_of(subject)
        text = (installed.read_text("METADATA") or "") if installed else ""
        missing = not text.partition("\n\n")[2].strip()
    else:
        named = subject.project.get("project", {}).get("readme", "README.md")
        path = named.get("file", "README.md") if isinstance(named, dict) else named
        missing = not (subject.root / path).is_file() or "readme" not in subject.project["project"]
    if missing:
        yield Fault("there is no README", 'write README.md, and readme = "README.md"', PROJECT)


@rule("P604", Severity.WARNING)
def licence_present(subject: Subject) -> Iterator[Fault]:
    """A licence is named, and its text is part of the distribution."""
    if subject.root is None:
        return
    table = subject.project.get("project", {})
    if "license" not in table or not [*subject.root.glob("LICEN[CS]E*")]:
        cure = 'add a LICENSE file, and license = "..." with license-files = ["LICENSE"]'
        yield Fault("there is no licence", cure, PROJECT)


@rule("P605", Severity.WARNING)
def tests_present(subject: Subject) -> Iterator[Fault]:
    """There are tests, in `tests/test_*.py`."""
    if subject.root is not None and not any(tests_of(subject)):
        cure = "begin with `plugin_tests` of bloop_sdk.testing"
        yield Fault("there are no tests", cure, "tests")


@rule("P606", Severity.HINT)
def names_documented(subject: Subject) -> Iterator[Fault]:
    """Public classes and functions have a docstring."""
    for source in subject.sources:
        if "migrations" in source.path.parts:
            continue
        for name, line in source.undocumented:
            yield Fault(
                f"{name} has no docstring",
                "say in a line what it gives",
                subject.show(source.path),
                line,
            )


@rule("P607", Severity.ERROR)
def source_parses(subject: Subject) -> Iterator[Fault]:
    """Every Python file of the package parses."""
    for source in subject.sources:
        if source.fault:
            yield Fault(source.fault, "correct it", subject.show(source.path))


@rule("P608", Severity.WARNING)
def translated(subject: Subject) -> Iterator[Fault]:
    """Each catalogue in `locale` says all that code, templates and linked titles say, and no more.

    What is missing is shown in English between what is translated.
    """
    if subject.package is None:
        return
    cure = "correct the catalogue; `bloop_sdk.words` says what stands in it"
    folder = subject.package / "locale"
    for fault in translation_faults(subject.package, subject.manifest):
        name, _, what = fault.partition(": ")
        yield Fault(what, cure, subject.show(folder / name))


def _wheel(subject: Subject) -> dict[str, dict[str, str]]:
    found = subject.project
    for name in ("tool", "hatch", "build", "targets", "wheel"):
        found = found.get(name, {})
    return found


def _line(subject: Subject, name: str) -> int:
    """The line of a requirement in pyproject.toml."""
    if subject.root is None:
        return 0
    lines = (subject.root / PROJECT).read_text("utf-8", "replace").splitlines()
    return next((at for at, line in enumerate(lines, 1) if f'"{name}' in line), 0)
