"""How a class is doing as CSV, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from bloop.store.spreadsheets import plain_cell
from bloop.store.statements import moment

COLUMNS = (
    "id",
    "name",
    "lessons",
    "done",
    "begun",
    "known",
    "asked",
    "seen_at",
    "stuck",
    "stuck_at",
)


def csv_of(learners: Iterable[Mapping[str, Any]]) -> bytes:
    """The learners of a class, one a line, in UTF-8 with a mark, without which Excel guesses."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for one in learners:
        seen, stuck = one["seen_at"], one["stuck"] or {}
        counts = [one[name] for name in COLUMNS[2:7]]
        at = "" if seen is None else moment(seen).isoformat(timespec="seconds")
        told = [stuck.get("kind", ""), plain_cell(stuck.get("title") or "")]
        writer.writerow([one["id"], plain_cell(one["name"]), *counts, at, *told])
    return out.getvalue().encode("utf-8-sig")
