"""Write requirements.lock and requirements-dev.lock: every dependency pinned, with hashes.

The inputs are the `[project.dependencies]` of our own distributions and the dependency
groups of the root pyproject.toml. Our distributions depend on each other; those lines are
left out, since they are installed from this tree and not from an index.

The locks name no host and no path, so they install from any index that carries the same
files. Versions already locked are kept unless --upgrade is given.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = ROOT / "requirements.lock"
DEV = ROOT / "requirements-dev.lock"
OLDEST_PYTHON = "3.11"

# Torch's wheels differ by platform and a plain install may take gigabytes: plugins ask for
# it in an extra, never in what everybody installs.
NEVER = ("torch", "torchvision", "torchaudio")

OURS = re.compile(r"bloop-[a-z0-9-]+")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
TROUBLE = re.compile(r"https?:|file:|--find-links|--index-url|(?<![\w.])/\w|[A-Za-z]:\\")


def canonical(name: str) -> str:
    """Give the normalised name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_name(requirement: str) -> str:
    """Give the normalised name that a requirement line begins with."""
    match = NAME.match(requirement)
    if match is None:
        message = f"not a requirement: {requirement!r}"
        raise SystemExit(message)
    return canonical(match[0])


def distributions() -> list[Path]:
    """Give the folders of our distributions, the contract first."""
    return [
        ROOT / "core/sdk",
        ROOT / "core/hub",
        *sorted(path.parent for path in ROOT.glob("plugins/*/*/pyproject.toml")),
    ]


def inputs(*, dev: bool) -> dict[str, list[str]]:
    """Give the requirements to resolve, by the name of what asks for them."""
    wanted: dict[str, list[str]] = {}
    for folder in distributions():
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        wanted[project["name"]] = project.get("dependencies", [])
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    wanted["build"] = groups["build"]
    if dev:
        wanted["dev"] = groups["dev"]
    return {
        asker: [line for line in lines if not OURS.fullmatch(requirement_name(line))]
        for asker, lines in wanted.items()
    }


def compile_lock(lock: Path, wanted: dict[str, list[str]], *, upgrade: bool) -> str:
    """Resolve `wanted` for every Python and platform we support and give the lock's text."""
    with tempfile.TemporaryDirectory() as scratch:
        # Relative names in a folder of its own: uv's "# via" comments then hold no path.
        work = Path(scratch)
        for asker, lines in wanted.items():
            (work / f"{asker}.in").write_text("\n".join([*lines, ""]))
        if lock.exists() and not upgrade:
            (work / "out.lock").write_text(lock.read_text())
        command = [
            *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-config"),
            *("--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes"),
            *("--no-header", "--no-emit-index-url", "--no-emit-find-links"),
            *("--output-file", "out.lock"),
        ]
        if lock == DEV:
            # One version of each package in both locks.
            (work / "runtime.lock").write_text(RUNTIME.read_text())
            command += ["--constraint", "runtime.lock"]
        command += [f"{asker}.in" for asker in wanted]
        subprocess.run(command, cwd=work, check=True)
        text = (work / "out.lock").read_text()
    text = re.sub(r"^ +#( via)? -c runtime\.lock\n", "", text, flags=re.MULTILINE)
    return re.sub(r"-r ([a-z0-9-]+)\.in", r"\1", text)


def problems(text: str) -> list[str]:
    """Say what in a lock's text may not stand in one."""
    found = [
        f"line {n}: {line}" for n, line in enumerate(text.splitlines(), 1) if TROUBLE.search(line)
    ]
    for match in re.finditer(r"^([A-Za-z0-9._-]+)==", text, flags=re.MULTILINE):
        name = canonical(match[1])
        if name in NEVER or OURS.fullmatch(name):
            found.append(f"{name} may not be locked")
    return found


def main() -> None:
    """Write both locks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions allowed")
    arguments = parser.parse_args()
    for lock in (RUNTIME, DEV):
        text = compile_lock(lock, inputs(dev=lock == DEV), upgrade=arguments.upgrade)
        if found := problems(text):
            raise SystemExit("\n".join([f"{lock.name} was not written:", *found]))
        lock.write_text(text)
        print(f"{lock.name}: {len(re.findall('==', text))} packages")


if __name__ == "__main__":
    main()
