"""Hold the coverage of what everything stands on: `make test` first, then this.

Lines and branches are held apart, since coverage.py's own total adds them up and many
covered lines hide a few branches that no test takes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import orjson

ROOT = Path(__file__).resolve().parent.parent
FLOOR = {"lines": 95.0, "branches": 92.0}
GATED = {
    "kernel": "core/hub/bloop/kernel/*",
    "sdk": "core/sdk/bloop_sdk/*",
}


def totals(pattern: str) -> dict[str, int]:
    """Give coverage.py's totals over the files of a pattern."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "coverage.json"
        command = ["coverage", "json", "--quiet", f"--include={pattern}", "-o", str(report)]
        if subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=False).returncode:
            raise SystemExit(f"no coverage of {pattern}; run make test first")
        counts: dict[str, int] = orjson.loads(report.read_bytes())["totals"]
    return counts


def percent(part: int, whole: int) -> float:
    """Give a share in percent; of nothing, all is covered."""
    return 100 * part / whole if whole else 100.0


def main() -> int:
    """Print both shares for each part; 1 when one lies below the floor."""
    low = False
    for name, pattern in GATED.items():
        counts = totals(pattern)
        shares = {
            "lines": percent(counts["covered_lines"], counts["num_statements"]),
            "branches": percent(counts.get("covered_branches", 0), counts.get("num_branches", 0)),
        }
        for what, share in shares.items():
            short = share < FLOOR[what]
            low = low or short
            print(f"{name:<8} {what:<9} {share:6.1f} %" + ("  below the floor" if short else ""))
    if low:
        print(
            f"at least {FLOOR['lines']:.0f} % of lines and {FLOOR['branches']:.0f} % of branches: "
            ".venv/bin/coverage report shows what is missed"
        )
    return int(low)


if __name__ == "__main__":
    sys.exit(main())
