"""Runs ``probe`` on a plugin, again where the process died, and gathers what it told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bloop.ops.lint.subject import Subject

PROBE = Path(__file__).with_name("probe.py")
SECONDS = 20.0
MOST_DEATHS = 5


@dataclass
class Traced:
    """What the import of a plugin did, by its steps: ``import``, ``config``, each part."""

    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    acts: list[dict[str, Any]] = field(default_factory=list)
    deaths: dict[str, str] = field(default_factory=dict)
    """Step -> how the process ended in it."""
    hooks: list[str] | None = None
    is_plugin: bool = False
    settings: list[dict[str, Any]] | None = None
    settings_fault: bool = False
    properties: list[str] = field(default_factory=list)
    """Of the settings' model."""
    providers: list[dict[str, Any]] = field(default_factory=list)
    tables: str | None = None
    deprecated: list[dict[str, Any]] = field(default_factory=list)

    def take(self, line: dict[str, Any]) -> None:
        """Add a line of the report."""
        if "end" in line:
            self.steps[line["end"]] = line
        elif "act" in line:
            self.acts.append(line)
        elif "hooks" in line:
            self.hooks, self.is_plugin = line["hooks"], line["plugin"]
        elif "settings" in line:
            self.settings, self.settings_fault = line["settings"], line["settings"] is None
            self.properties = line.get("properties", [])
        elif "provider" in line:
            self.providers.append(line)
        elif "tables" in line:
            self.tables = line["tables"]
        elif "deprecated" in line:
            self.deprecated.append(line)


def trace(subject: Subject) -> Traced:
    """Import the plugin in a process of its own; a step that kills it is left out of the next."""
    found = Traced()
    if subject.package is None or not subject.entry_points:
        return found
    with tempfile.TemporaryDirectory(prefix="bloop-lint-") as name:
        folder = Path(name)
        for number in range(MOST_DEATHS):
            done = {*found.steps, *found.deaths}
            ended = _run(subject, folder, number, sorted(done))
            begun = None
            for line in _lines(folder / f"report-{number}"):
                begun = line.get("begin", begun)
                found.take(line)
                if "done" in line:
                    return found
            if begun is None or begun in found.steps:
                found.deaths["import"] = ended
                return found
            found.deaths[begun] = ended
            if begun == "import":
                return found
    return found


def _run(subject: Subject, folder: Path, number: int, skip: list[str]) -> str:
    request = folder / f"request-{number}.json"
    request.write_text(json.dumps(_request(subject, skip)), "utf-8")
    work = folder / "work"
    work.mkdir(exist_ok=True)
    command = [sys.executable, "-B", str(PROBE), str(request), str(folder / f"report-{number}")]
    environment = {**os.environ, "HOME": str(work), "TMPDIR": str(work)}
    try:
        done = subprocess.run(  # noqa: S603 - our own script, in this interpreter
            command,
            cwd=work,
            env=environment,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return f"did not end within {SECONDS:.0f} s"
    if done.returncode < 0:
        return f"ended the process by signal {-done.returncode}"
    return f"ended the process with status {done.returncode}"


def _request(subject: Subject, skip: list[str]) -> dict[str, Any]:
    assert subject.package is not None
    manifest, raw = subject.manifest, subject.raw
    parts: dict[str, str] = {}
    tables = None
    if manifest is not None:
        parts = {path: name for name, path in manifest.provides.items()}
        for path in manifest.dotted_paths():
            if path != manifest.config:
                parts.setdefault(path, "contribution")
        tables = manifest.contributes.tables.metadata if manifest.contributes.tables else None
    config = raw.get("config")
    return {
        "id": subject.id,
        "path": [str(subject.package.parent)],
        "package": subject.package.name,
        "root": str(subject.package),
        "entry": subject.entry_points[0][1],
        "config": config if isinstance(config, str) else None,
        "parts": parts,
        "tables": tables,
        "skip": skip,
    }


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        texts = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    found = []
    for text in texts:
        try:
            found.append(json.loads(text))
        except ValueError:
            break  # A line that was torn by the end of the process.
    return found
