"""Run all tests in two runs: those that show what the coverage gate is about are traced.

Tracing takes as much time as the tests themselves, and of what the others run nothing is gated.
Paths among the arguments are run alone, without tracing; all else is handed on to pytest.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
TRACED = (
    *("tests/kernel", "tests/sdk", "tests/net", "tests/hub"),
    *("plugins/search", "plugins/sinks"),
    # The dialect of notes is the SDK's; what is large shows nothing more.
    *(f"plugins/notes/markdown/tests/test_{one}.py" for one in ("links", "notes", "vault")),
    *(
        f"plugins/notes/markdown/tests/test_{one}.py"
        for one in ("conformance", "hostile", "watching")
    ),
    # What asks the suite of payments its questions.
    *("plugins/payments/invoice", "plugins/payments/paypal", "plugins/payments/stripe"),
)
NOTHING_COLLECTED = 5


def pytest(*arguments: str) -> int:
    """Run pytest with several workers; its exit code."""
    command = [sys.executable, "-m", "pytest", "--dist", "worksteal", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def main(arguments: Sequence[str]) -> int:
    """0 where all that there was to run has passed."""
    if any(one[0].isalpha() and (ROOT / one.partition("::")[0]).exists() for one in arguments):
        return pytest(*arguments)
    if "--last-failed" in arguments:
        # In one run: where none of the failed is among those selected, pytest would run them all.
        return pytest("--cov", "--cov-report=", *arguments)
    traced = pytest("--cov", "--cov-report=", *TRACED, *arguments)
    rest = pytest(*(f"--ignore={path}" for path in TRACED), *arguments)
    codes = {traced, rest} - {NOTHING_COLLECTED}
    return max(codes, default=NOTHING_COLLECTED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
