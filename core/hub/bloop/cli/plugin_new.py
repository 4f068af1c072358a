"""``bloop plugins new``: a whole plugin, which works and is tested before its author has begun."""

from __future__ import annotations

import keyword
import os
import re
import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from bloop.cli.output import json_option, print_json
from bloop_sdk import API_VERSION, ConfigError
from bloop_sdk.manifest import FAMILIES

SKELETON = Path(__file__).with_name("skeleton")
MAX_NAME = 30
"""So that the longest line of a skeleton stays within a hundred characters."""

_NAME = re.compile(rf"[a-z][a-z0-9_]{{1,{MAX_NAME - 1}}}")
_OURS = {"core", "hub", "sdk"}
_PYDANTIC = "pydantic>=2.12,<3"


@dataclass(frozen=True, slots=True)
class _Family:
    """What the skeleton of a family is made with."""

    summary: str
    capability: str = ""
    requires: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)


_FAMILIES: dict[str, _Family] = {
    "lms": _Family(
        "Reads courses and their pages over a small JSON API.",
        "lms",
        (_PYDANTIC,),
        {"container": "course", "item": "page", "body": "html"},
    ),
    "notes": _Family(
        "Reads notebooks and their notes over a small JSON API.",
        "notes",
        (_PYDANTIC,),
        {"container": "notebook", "item": "note", "body": "markdown"},
    ),
    "payments": _Family(
        "Takes payments at a desk, which calls back when somebody has paid.",
        "payments",
        (_PYDANTIC,),
    ),
    "ai": _Family("Gives vectors of texts by hashing their words.", "embedding"),
    "render": _Family(
        "Draws scenes as a bar that fills as time passes.", "renderer", (_PYDANTIC, "av>=18.1,<19")
    ),
    "identity": _Family(
        "Lets people log in with an account elsewhere, by OAuth 2.0.", "identity", (_PYDANTIC,)
    ),
    "search": _Family("Finds content with SQLite's full-text index.", "search"),
    "sinks": _Family("Writes the hub's events as lines of JSON to a file.", "sink"),
    "notify": _Family("Writes messages to people as .eml files.", "notifier"),
    "feature": _Family("Says above each lesson how long it takes to read."),
}


@click.command("new", short_help="Write a new plugin that works.")
@click.argument("family", type=click.Choice(FAMILIES), metavar="FAMILY")
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Folder to write bloop-NAME into, made where it is missing; this one by default.",
)
@json_option
def new(family: str, name: str, into: Path, *, as_json: bool) -> None:
    """Write a plugin NAME that works: code, manifest, README and tests.

    FAMILY is one of lms, notes, payments, ai, render, identity, search, sinks, notify, feature.
    Nothing in it has to be deleted: put your system in the place of the small one it talks to.
    """
    check_name(name)
    files = render(family, name)
    target = into / distribution_of(name)
    write(files, target)
    shown = shlex.quote(str(target))
    commands = [
        f"bloop plugins test {shown}",
        f"bloop plugins lint {shown}",
        f"bloop up --reload --plugin {shown}",
    ]
    if as_json:
        print_json({"id": name, "path": str(target), "files": sorted(files), "next": commands})
        return
    click.echo(f"Wrote {target}: {len(files)} files. Next:\n")
    for command in commands:
        click.echo(f"  {command}")


def distribution_of(name: str) -> str:
    """The distribution's name for a plugin's id."""
    return f"bloop-{name.replace('_', '-')}"


def check_name(name: str) -> None:
    """Raise :class:`ConfigError` where no new plugin can be called this."""
    better = re.sub(r"[^a-z0-9]+", "_", name.lower()).removeprefix("bloop_").strip("_")
    if not _NAME.fullmatch(name) or "__" in name or name.endswith("_"):
        better = re.sub(r"^[0-9_]+", "", better)[:MAX_NAME].strip("_")
        raise ConfigError(
            f"{name!r} cannot be a plugin's name: 2 to {MAX_NAME} lower-case letters and digits, "
            "with single _ between them, the first a letter",
            cure=f"try {better}" if _NAME.fullmatch(better) else None,
        )
    if name.startswith("bloop_"):
        raise ConfigError(f"{name!r}: bloop_ is put before it anyway", cure=f"try {better}")
    if keyword.iskeyword(name):
        raise ConfigError(f"{name!r} is a word of Python's own", cure=f"try my_{name}")
    if taken := _taken(name):
        raise ConfigError(f"the name {name!r} is taken: {taken}", cure=f"try my_{name}")


def _taken(name: str) -> str:
    """By whom a name is taken, if it is."""
    from importlib.metadata import PackageNotFoundError, distribution
    from importlib.util import find_spec

    from bloop.cli.main import COMMANDS
    from bloop.kernel.discovery import scan

    if name in _OURS or name in COMMANDS:
        return "the hub itself goes by it"
    if (found := scan().plugins.get(name)) is not None:
        return f"{found.distribution} {found.version} is installed"
    try:
        installed = distribution(distribution_of(name))
    except PackageNotFoundError:
        pass
    else:
        return f"{installed.name} {installed.version} is installed"
    return f"there is a package bloop_{name}" if find_spec(f"bloop_{name}") else ""


def render(family: str, name: str) -> dict[str, str]:
    """The files of a new plugin: text by path within its folder."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # nosec B701 - it writes source code, which has nothing to escape
        loader=FileSystemLoader(SKELETON),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - as above
    )
    values = _values(family, name)
    files = {}
    for folder in ("common", family):
        for file in (SKELETON / folder).iterdir():
            template = environment.get_template(f"{folder}/{file.name}")
            text = template.render(values) if file.suffix == ".jinja" else file.read_text("utf-8")
            files[_place(file.name.removesuffix(".jinja"), name)] = text
    return files


def _values(family: str, name: str) -> dict[str, Any]:
    made = _FAMILIES[family]
    sdk = _sdk_range()
    return {
        **made.words,
        "id": name,
        "family": family,
        "package": f"bloop_{name}",
        "distribution": distribution_of(name),
        "cls": "".join(part.capitalize() for part in name.split("_")),
        "title": name.replace("_", " ").capitalize(),
        "summary": made.summary,
        "capability": made.capability,
        "requires": (f"bloop-sdk{sdk}", *made.requires),
        "sdk": sdk,
        "api": ".".join(map(str, API_VERSION)),
    }


def _sdk_range() -> str:
    """The versions of the SDK that are compatible with the one installed here."""
    from importlib.metadata import version

    major, minor = (int(part) for part in version("bloop-sdk").split(".")[:2])
    return f">={major}.{minor},<{major}.{minor + 1}" if major == 0 else f">={major}.{minor},<2"


def _place(file: str, name: str) -> str:
    """Where a file of the skeleton goes."""
    if file in {"test.py", "fake.py"}:
        return f"tests/{file.removesuffix('.py')}_{name}.py"
    if file.endswith((".py", ".typed")):
        return f"bloop_{name}/{file}"
    return ".gitignore" if file == "gitignore" else file


def write(files: Mapping[str, str], target: Path) -> None:
    """Write a folder whole or not at all; raises :class:`ConfigError`, also where it exists."""
    if os.path.lexists(target):
        raise ConfigError(f"{target} exists already", cure="choose another name, or --into")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Written beside it and then renamed, so that nobody ever sees half of it.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".bloop-new-") as beside:
            for path, text in files.items():
                file = Path(beside, "whole", path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            Path(beside, "whole").rename(target)
    except OSError as err:
        raise ConfigError(f"{target}: cannot be written: {err.strerror}") from err
