"""What a case cost: the facts that the test asserts, and that the table tells."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from tests.hostile.cases import Case
from tests.hostile.served import Served


@dataclass(frozen=True)
class Outcome:
    """After a plugin was provoked and the good route answered again."""

    pid: int | None
    status: int | None
    text: str
    state: str
    words: str
    cure: str | None


def outcome_of(hub: Served, case: Case) -> Outcome:
    """Provoke a case, wait for the hub where it has to come back, and ask what it was."""
    before = hub.pid()
    status, text = hub.provoke(case)
    if case.costs == "process" and case.provoke != "start":
        hub.until(lambda: hub.pid() not in {None, before}, f"end of the process by {case.id}")
    hub.ready()
    told = hub.plugin(case.id)
    words = [text, told["reason"], told["last_error"]]
    if case.provoke == "readyz":
        lines = json.loads(text)["checks"]
        words = [line["detail"] for line in lines if line["name"] == case.id]
    if case.costs == "process":
        words += [line for line in hub.said().splitlines() if f"plugin {case.id}:" in line]
    return Outcome(
        hub.pid(),
        status,
        text,
        told["state"],
        "\n".join(word for word in words if word),
        told["cure"] or _cure_in(text),
    )


def _cure_in(text: str) -> str | None:
    """The cure in a problem document, or in the error of a job."""
    found = re.search(r'"cure": ?"((?:[^"\\]|\\.)*)"', text)
    return found[1] if found else None
