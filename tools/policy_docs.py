"""Writes what is made of the policies: the bitsets that reads use, and the table of docs/admin.

``--check`` writes nothing, and fails where either is not what the policies say.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bloop.accounts.actions import ACTIONS
from bloop.accounts.policy.compile import compiled
from bloop_sdk import Role

ROOT = Path(__file__).resolve().parents[1]
BITS = ROOT / "core/hub/bloop/accounts/policy/bits.py"
PAGE = ROOT / "docs/admin/access.md"
BEGIN, END = "<!-- actions -->\n", "<!-- /actions -->\n"
HEAD = '''"""Which roles have an action: made of the policies by ``python tools/policy_docs.py``.

Bit 0 is a guest's, then learner, educator, admin and operator.
"""

BITS: dict[str, int] = {
'''


def bits(found: dict[str, int]) -> str:
    """The module."""
    lines = [f'    "{action}": 0b{value:05b},\n' for action, value in sorted(found.items())]
    return HEAD + "".join(lines) + "}\n"


def table(found: dict[str, int]) -> str:
    """A line for each action, a column for each role."""
    roles = list(Role)
    lines = [
        "| action | " + " | ".join(roles) + " |\n",
        "| --- |" + " :-: |" * len(roles) + "\n",
    ]
    for action in sorted(ACTIONS):
        marks = ["✓" if found[action] >> rank & 1 else "" for rank in range(len(roles))]
        lines.append(f"| `{action}` | " + " | ".join(marks) + " |\n")
    return "".join(line.replace("  |", " |") for line in lines)


def main() -> int:
    """Write both, or compare."""
    found = compiled()
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = {BITS: bits(found), PAGE: before + BEGIN + table(found) + END + after}
    stale = [path for path, text in made.items() if path.read_text("utf-8") != text]
    if "--check" not in sys.argv:
        for path in stale:
            path.write_text(made[path], "utf-8")
        return 0
    for path in stale:
        print(f"{path.relative_to(ROOT)} is not what the policies say; run: make docs")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
