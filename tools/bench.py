"""Run every benchmark of tests/bench and write its ratios to docs/benchmarks.md.

A benchmark prints, with --json, one object:
`{"bench": NAME, "machine": {...}, "rows": [...], "ratios": {KEY: number}}`.
Named benchmarks alone can be run; the others then keep what they last measured, since each
section of the page stands by itself.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "bench"
PAGE = ROOT / "docs" / "benchmarks.md"
LIMIT_SECONDS = 600
INTRODUCTION = """# Benchmarks

Written by `make bench`. Ratios are taken in one run on one machine, against peers that run
as their own documentation recommends; absolute figures move with the machine. `python
tests/bench/NAME.py` prints one benchmark by itself.
"""


def run(script: Path) -> dict[str, Any] | None:
    """Run one benchmark and give its result; nothing, after saying so, when it fails."""
    start = time.monotonic()
    print(f"==> {script.stem} ...", flush=True)
    try:
        done = subprocess.run(
            [sys.executable, script, "--json"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=LIMIT_SECONDS,
        )
        # The object comes last; what a benchmark says before it is not ours to forbid.
        result: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    except subprocess.TimeoutExpired:
        print(f"    took more than {LIMIT_SECONDS} s")
        return None
    except (subprocess.CalledProcessError, ValueError) as err:
        print(f"    failed: {err}")
        return None
    figures = ", ".join(f"{key} {number(value)}" for key, value in result["ratios"].items())
    print(f"    {figures}  ({time.monotonic() - start:.0f} s)")
    return result


def number(value: Any) -> str:
    """Give a figure with three significant digits, anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}"


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Give rows as a Markdown table; its columns are the keys in the order they come."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for row in rows:
        cells = (number(row.get(column, "")).replace("|", "\\|") for column in columns)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def section(result: dict[str, Any]) -> str:
    """Give one benchmark's part of the page."""
    machine = ", ".join(f"{key} {value}" for key, value in result["machine"].items())
    lines = [f"## {result['bench']}", "", machine, ""]
    lines += table([{"ratio": key, "value": value} for key, value in result["ratios"].items()])
    if result["rows"]:
        lines += ["", *table(result["rows"])]
    return "\n".join(lines) + "\n"


def sections(page: str) -> dict[str, str]:
    """Give the parts of a page written before, by benchmark."""
    parts = re.split(r"^(?=## )", page, flags=re.MULTILINE)[1:]
    return {part.splitlines()[0].removeprefix("## "): part.rstrip() + "\n" for part in parts}


def main() -> int:
    """Run what is named, or all, and write the page; 1 when one failed."""
    named = sys.argv[1:]
    scripts = [script for script in sorted(FOLDER.glob("*.py")) if not script.name.startswith("_")]
    known = {script.stem for script in scripts}
    if unknown := set(named) - known:
        raise SystemExit(f"no benchmark {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    scripts = [script for script in scripts if not named or script.stem in named]

    results = [run(script) for script in scripts]
    parts = sections(PAGE.read_text()) if PAGE.exists() else {}
    parts |= {result["bench"]: section(result) for result in results if result}
    PAGE.write_text("\n".join([INTRODUCTION, *(parts[name] for name in sorted(parts))]))
    print(f"==> {PAGE.relative_to(ROOT)} is written")
    return int(None in results)


if __name__ == "__main__":
    sys.exit(main())
