"""Make or refresh .venv: locked dependencies with their hashes, then our own distributions.

Uses the standard library alone, since it runs before anything is installed. Doing it again
costs nothing until a lock, a distribution's pyproject.toml or a manifest changes: what was
installed is noted in .venv/.bloop-installed.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
NOTE = VENV / ".bloop-installed.json"
DEBIAN_PYTHON = Path("/usr/bin/python3")
SYSTEM_PACKAGES = ROOT / "deploy" / "system-packages.sh"
RUNTIME = "requirements.lock"
DEV = "requirements-dev.lock"


class Installed(TypedDict):
    """What .venv holds: the hash of each lock, and of each distribution's metadata by name."""

    locks: dict[str, str]
    distributions: dict[str, str]


def say(text: str) -> None:
    """Tell whoever waits what is being done."""
    print(f"==> {text}", flush=True)


def fail(what: str, cure: str) -> SystemExit:
    """Give the exit for a step that cannot be done."""
    return SystemExit(f"\nerror: {what}\n       {cure}")


def digest(path: Path) -> str:
    """Give the hash of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_note() -> Installed:
    """Give what .venv holds; nothing, where there is no such note."""
    try:
        note: Installed = json.loads(NOTE.read_text())
    except (FileNotFoundError, ValueError):
        return {"locks": {}, "distributions": {}}
    return note


def distributions() -> dict[str, Path]:
    """Give the folders of our own distributions by name, the contract first."""
    files = [ROOT / "core/sdk/pyproject.toml", ROOT / "core/hub/pyproject.toml"]
    files += sorted(ROOT.glob("plugins/*/*/pyproject.toml"))
    return {tomllib.loads(file.read_text())["project"]["name"]: file.parent for file in files}


def system_packages() -> dict[str, list[str]]:
    """Give the system packages that manifests ask for, with the plugins that ask."""
    wanted: dict[str, list[str]] = {}
    for file in sorted(ROOT.glob("plugins/*/*/bloop-plugin.toml")):
        manifest = tomllib.loads(file.read_text())
        for package in manifest.get("requires", {}).get("system", []):
            wanted.setdefault(package, []).append(file.parent.name)
    return wanted


def install_system_packages() -> None:
    """Install what manifests ask for where that may be done, else say what is missing."""
    wanted = system_packages()
    if not wanted or subprocess.run([SYSTEM_PACKAGES, *wanted], check=False).returncode == 0:
        return
    for package, plugins in wanted.items():
        if subprocess.run([SYSTEM_PACKAGES, "--check", package], check=False).returncode:
            say(f"going on without {', '.join(plugins)}: it needs the system package {package}")


def builds() -> dict[str, list[str]]:
    """Give the system packages without which some distributions cannot be installed, by name."""
    found: dict[str, list[str]] = {}
    for name, folder in distributions().items():
        project = tomllib.loads((folder / "pyproject.toml").read_text())
        if packages := project.get("tool", {}).get("bloop", {}).get("build-packages"):
            found[name] = packages
    return found


def left_out() -> set[str]:
    """Install what is needed to build our distributions; give those that have to be left out."""
    missing = set()
    for name, packages in builds().items():
        if subprocess.run([SYSTEM_PACKAGES, *packages], check=False).returncode:
            say(f"going on without {name}: building what it needs takes {', '.join(packages)}")
            missing.add(name)
    return missing


def without(text: str, gone: set[str]) -> str:
    """Give a lock's text without what only the distributions ``gone`` ask for."""
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
    askers = {entry: set(re.findall(r"#  (?: |via )([a-z0-9._-]+)$", entry, flags=re.MULTILINE))
              | set(re.findall(r"# via ([a-z0-9._-]+)$", entry, flags=re.MULTILINE))
              for entry in entries}  # fmt: skip
    dropped = set(gone)
    while True:
        more = {
            entry.split("==")[0]
            for entry, asked in askers.items()
            if asked and asked <= dropped and entry.split("==")[0] not in dropped
        }
        if not more:
            return "".join(entry for entry in entries if entry.split("==")[0] not in dropped)
        dropped |= more


def make_venv() -> None:
    """Make .venv unless it is there and its Python still runs."""
    version = ".".join(map(str, sys.version_info[:3]))
    probe: list[str | Path] = [
        VENV_PYTHON,
        "-c",
        "import sys, pip; sys.exit(sys.version_info < (3, 11))",
    ]
    if (
        VENV_PYTHON.exists()
        and not subprocess.run(probe, check=False, capture_output=True).returncode
    ):
        return
    say(f"making .venv with Python {version}")
    shutil.rmtree(VENV, ignore_errors=True)
    if not can_make_venv():
        # Debian and Ubuntu ship Python without what venv needs.
        python = Path(sys.executable).resolve()
        package = "python3-venv" if python == DEBIAN_PYTHON.resolve() else f"{python.name}-venv"
        subprocess.run([SYSTEM_PACKAGES, package], check=False)
        if not can_make_venv():
            raise fail(
                f"{python} cannot make environments: ensurepip is missing",
                f"sudo apt-get install {package}, then run this again",
            )
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)


def can_make_venv() -> bool:
    """True when a new process of this Python finds ensurepip."""
    probe = [sys.executable, "-c", "import ensurepip, venv"]
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0


def pip(arguments: Iterable[str], total: int) -> None:
    """Run pip in .venv, showing how far it has come instead of its own output."""
    quiet = ("--disable-pip-version-check", "--no-input")
    command: list[str | Path] = [VENV_PYTHON, "-m", "pip", *quiet, *arguments]
    log = VENV / "pip.log"
    seen = 0
    with (
        log.open("w") as file,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            file.write(line)
            if line.startswith(("Collecting ", "Obtaining ")) and sys.stdout.isatty():
                seen += 1
                name = re.split(r"[=<> ]", line.split()[1])[0]
                print(f"\r    {seen}/{max(total, seen)} {name:<40.40}", end="", flush=True)
    if seen:
        print("\r" + " " * 60 + "\r", end="", flush=True)
    if process.returncode:
        print("".join(log.read_text().splitlines(keepends=True)[-25:]), file=sys.stderr)
        raise fail(
            f"pip could not install (exit {process.returncode}); its last lines stand above",
            f"the whole log is {log.relative_to(ROOT)}; make clean-env starts afresh",
        )


def install_lock(name: str, gone: set[str]) -> None:
    """Install a lock, each file checked against its hash, but for what only ``gone`` need.

    A lock holds everything that is needed. Without ``--no-deps`` pip would resolve it once more,
    and take the newest ``coverage`` for somebody's ``coverage[toml]``, which has no hash here.
    """
    text = without((ROOT / name).read_text(), gone)
    count = len(re.findall(r"^[A-Za-z0-9._-]+==", text, flags=re.MULTILINE))
    lock = VENV / name
    lock.write_text(text)
    say(f"installing {count} packages of {name}")
    if not installed_by_uv(lock):
        options = ("--progress-bar", "off", "--no-deps", "--require-hashes")
        pip(["install", *options, "-r", str(lock)], count)


def installed_by_uv(lock: Path) -> bool:
    """Install a lock with uv, in a third of pip's time; False where pip has to do it.

    pip's settings are not uv's: where they name an index, or no index, uv is not asked.
    """
    known = subprocess.run(
        [VENV_PYTHON, "-m", "pip", "config", "list"], check=False, capture_output=True, text=True
    )
    if re.search(r"\.(index-url|no-index)=", known.stdout):
        return False
    entry = re.search(r"^uv==.*\n(?:    --hash=.*\n)+", (ROOT / DEV).read_text(), re.MULTILINE)
    if entry is None:
        return False
    own = VENV / "uv.lock"
    own.write_text(entry[0])
    try:
        pip(
            ["install", "--progress-bar", "off", "--no-deps", "--require-hashes", "-r", str(own)], 1
        )
    except SystemExit:
        return False
    # Compiled as pip does it: a test makes an error of what a compiler warns of.
    options = ("--quiet", "--no-config", "--compile-bytecode", "--no-deps", "--require-hashes")
    uv = (str(VENV / "bin" / "uv"), "pip", "install", "--python", str(VENV_PYTHON))
    if subprocess.run([*uv, *options, "-r", str(lock)], check=False, cwd=ROOT).returncode:
        say("uv could not: once more with pip")
        return False
    return True


def install_ours(folders: dict[str, Path]) -> None:
    """Install our own distributions so that their code is read from this tree."""
    say(f"installing {', '.join(folders)} from this tree")
    editable = [part for folder in folders.values() for part in ("-e", str(folder))]
    # The build backend and every dependency come from the lock, so nothing is fetched here.
    pip(["install", "--no-deps", "--no-build-isolation", *editable], len(folders))


def refresh(lock: str, gone: set[str]) -> None:
    """Bring .venv up to a lock and to the distributions of this tree, but for ``gone``."""
    installed = read_note()

    def state(name: str) -> str:
        return " ".join([digest(ROOT / name), *sorted(gone)])

    if installed["locks"].get(lock) != state(lock):
        install_lock(lock, gone)
        # The dev lock holds all of the other one.
        locks = (RUNTIME, DEV) if lock == DEV else (lock,)
        installed["locks"] |= {name: state(name) for name in locks}
        NOTE.write_text(json.dumps(installed, indent=2))

    ours = {name: folder for name, folder in distributions().items() if name not in gone}
    wanted = {name: digest(folder / "pyproject.toml") for name, folder in ours.items()}
    before = installed["distributions"]
    if unwanted := sorted(before.keys() - wanted.keys()):
        say(f"removing {', '.join(unwanted)}")
        pip(["uninstall", "--yes", *unwanted], 0)
    if changed := {name: ours[name] for name in ours if before.get(name) != wanted[name]}:
        install_ours(changed)
    if before != wanted:
        installed["distributions"] = wanted
        NOTE.write_text(json.dumps(installed, indent=2))


def main() -> None:
    """Make .venv whole."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dev", action="store_true", help="with what tests and checks need")
    arguments = parser.parse_args()
    start = time.monotonic()
    before = NOTE.read_bytes() if NOTE.exists() else b""
    install_system_packages()
    gone = left_out()
    make_venv()
    refresh(DEV if arguments.dev else RUNTIME, gone)
    if NOTE.read_bytes() != before:
        say(f".venv is ready ({time.monotonic() - start:.0f} s)")


if __name__ == "__main__":
    main()
