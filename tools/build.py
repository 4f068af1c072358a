"""Build a wheel of each of our distributions into dist/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from setup_env import ROOT, distributions


def build(folder: Path, destination: Path) -> None:
    """Build one wheel with the locked backend, fetching nothing."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(destination)]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{folder.relative_to(ROOT)} could not be built:\n{done.stderr}")


def main() -> None:
    """Build them all."""
    destination = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"
    destination.mkdir(parents=True, exist_ok=True)
    for folder in distributions().values():
        build(folder, destination.resolve())
    for wheel in sorted(destination.glob("*.whl")):
        print(f"{wheel.name}  {wheel.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
