"""Provoke every hostile plugin and write docs/plugins/hostile.md: what each one cost.

python tests/hostile/table.py
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.hostile.cases import AT_RUN_TIME, AT_START, FEATURE, Case
from tests.hostile.outcome import Outcome, outcome_of
from tests.hostile.served import served

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins" / "hostile.md"
HEAD = """\
# What the hub does with the worst plugins

Written by `python tests/hostile/table.py`, which runs what stands here: each plugin is installed
beside a good one in a real `bloop up`, is provoked, and is asked after with the API that
`bloop plugins doctor` shares. After each of them the good plugin was ready and a good route
answered. Numbers of processes, times and folders are left out.

A plugin in the hub's process is trusted code: nothing here keeps it from reading what the hub can
read. What is promised is that a *broken* plugin costs its own feature, and that one which takes its
process down costs that process once: the supervisor starts another one within seconds, without the
culprit, and connections wait meanwhile.
"""
GROUPS: tuple[tuple[str, str, tuple[Case, ...]], ...] = (
    ("What cost its own feature", "The process lived on.", FEATURE),
    (
        "What cost a process as it started",
        "The process died in it, and the next one left it out.",
        AT_START,
    ),
    (
        "What cost a process later on",
        "The process died of it, and the next one left it out.",
        AT_RUN_TIME,
    ),
)


def rows(cases: Sequence[Case]) -> list[str]:
    """Run some cases in one hub; the lines of their table."""
    lines = [
        "| the plugin | what it cost | what it is now | what the hub says | the cure |",
        "|---|---|---|---|---|",
    ]
    with (
        tempfile.TemporaryDirectory(prefix="bloop-hostile-") as name,
        served(Path(name, "hub"), cases) as hub,
    ):
        for case in cases:
            before, begin = hub.pid(), time.monotonic()
            outcome = outcome_of(hub, case)
            took = time.monotonic() - begin
            cost = _cost(case, outcome, took, alive=outcome.pid == before)
            cells = (case.does, cost, outcome.state, _said(outcome), outcome.cure or "")
            lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return lines


def _cost(case: Case, outcome: Outcome, took: float, *, alive: bool) -> str:
    if case.provoke == "start":
        if case.costs == "process":
            return "one process at its start"
        return "nothing" if outcome.state == "ready" else "itself: it is not loaded"
    if not alive:
        return f"one process; the hub answered again after {took:.0f} s"
    if outcome.status is not None:
        return (
            f"its own part of the page ({outcome.status})"
            if case.provoke
            in {
                "page",
                "readyz",
            }
            else f"the call: {outcome.status}"
        )
    return f"the {case.provoke}"


def _said(outcome: Outcome) -> str:
    """The first thing that was said, without what differs from run to run."""
    text = next((line for line in reversed(outcome.words.splitlines()) if line), "")
    found = re.search(r'"(?:reason|detail|message)": ?"((?:[^"\\]|\\.)*)"', text)
    text = found[1] if found else text
    text = re.sub(r"process \d+", "process N", text)
    text = re.sub(r"/\S*/site/", "", text)
    text = re.sub(r"/\S*/lib/python[\d.]+/", "", text)
    text = re.sub(r", \d{4}-\d\d-\d\dT[\d:+]+\)", ")", text)
    text = re.sub(r"holding \d+ MiB", "holding N MiB", text)
    text = re.sub(r" at 0x[0-9a-f]+", "", text)
    return text if len(text) <= 240 else text[:240] + "…"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def main() -> None:
    """Run all groups and write the page."""
    parts = [HEAD]
    for title, how, cases in GROUPS:
        parts.append(f"\n## {title}\n\n{how}\n\n" + "\n".join(rows(cases)) + "\n")
    PAGE.write_text("".join(parts), "utf-8")


if __name__ == "__main__":
    main()
