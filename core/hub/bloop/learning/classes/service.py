"""How the learners of a course are doing, made of a few reads: rows, order, and who is stuck."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bloop.learning.classes import queries
from bloop.learning.mastery.service import KNOWN_FROM
from bloop.learning.progress.service import PASSED
from bloop.store.database import Database
from bloop.store.errors import InvalidError
from bloop.store.statements import moment, to_dicts
from bloop.store.types import dumps, utcnow
from bloop_sdk import Call

LEARNERS = 1000
"""Of so many people at most is told how they are doing."""
CONCEPTS = 500
AWAY = timedelta(days=14)
"""Who was not seen for so long, and is not done, is stuck."""
TRIES = 2
"""Who has finished so many attempts at a quiz and passed none is stuck."""
WEAK_BELOW = 0.65
"""Below this chance of a right answer somebody is weak: one wrong answer alone leads there."""
WEEKS = 8

Row = dict[str, Any]


def _seen(row: Row) -> float:
    return -1.0 if row["seen_at"] is None else moment(row["seen_at"]).timestamp()


ORDERS: Mapping[str, Callable[[Row], Any]] = {
    "name": lambda row: row["name"].casefold(),
    "done": lambda row: row["done"],
    "known": lambda row: row["known"],
    "seen": _seen,
}
"""By what learners are sorted; with a ``-`` before it the other way around."""


@dataclass(frozen=True, slots=True)
class Class:
    """A course's learners in order. ``lessons`` are those that it shows.

    A learner is ``{id, name, lessons, done, begun, known, asked, seen_at, stuck}``: lessons that
    are done and begun, concepts of the course that they know and that they answered about, when
    they last did something in it, and why they are stuck: None, or ``{kind, item, title, tries}``
    of the kinds ``tries`` and ``away``.
    """

    learners: Sequence[Row]
    whole: bool

    @property
    def lessons(self) -> int:
        """How many lessons the course shows; 0 as well where nobody learns in it."""
        return int(self.learners[0]["lessons"]) if self.learners else 0

    @property
    def stuck(self) -> list[Row]:
        """Those who are stuck."""
        return [one for one in self.learners if one["stuck"]]

    @property
    def finished(self) -> int:
        """How many have done all of it."""
        return sum(1 for one in self.learners if one["lessons"] and one["done"] >= one["lessons"])


async def class_of(database: Database, call: Call, course: str, order: str = "name") -> Class:
    """How each learner of a course is doing; raises InvalidError for no order that there is.

    Whether whoever asks may know is for the caller to have asked.
    """
    sort = ORDERS.get(order.removeprefix("-"))
    if sort is None:
        raise InvalidError(
            f"sort: nothing is sorted by {order[:40]!r}",
            field="sort",
            cure=f"one of {', '.join(ORDERS)}; with - before it the other way around",
        )
    rows = await database.read(
        queries.LEARNERS_PROGRESS, call, container=course, from_p=KNOWN_FROM, limit=LEARNERS + 1
    )
    tries = await database.read(
        queries.TRIES, call, container=course, tries=TRIES, passed=PASSED, limit=LEARNERS
    )
    failing: dict[str, Row] = {}
    for one in to_dicts(queries.TRIES, tries):
        failing.setdefault(one["user"], one)
    now = utcnow()
    found = [
        _learner(row, failing.get(row["id"]), now)
        for row in to_dicts(queries.LEARNERS_PROGRESS, rows[:LEARNERS])
    ]
    found.sort(key=lambda row: (ORDERS["name"](row), row["id"]))
    found.sort(key=sort, reverse=order.startswith("-"))
    return Class(found, whole=len(rows) <= LEARNERS)


def _learner(row: Row, failing: Row | None, now: datetime) -> Row:
    times = [at for at in (row.pop("progressed_at"), row.pop("answered_at")) if at is not None]
    seen = max(times, key=moment) if times else None
    return {**row, "seen_at": seen, "stuck": _stuck(row, failing, seen, now)}


def _stuck(row: Row, failing: Row | None, seen: Any, now: datetime) -> Row | None:
    if failing is not None:
        told = {name: failing[name] for name in ("item", "title", "tries")}
        return {"kind": "tries", **told}
    if seen is not None and row["done"] < row["lessons"] and now - moment(seen) >= AWAY:
        return {"kind": "away", "item": None, "title": None, "tries": 0}
    return None


async def spread_of(database: Database, call: Call, course: str, learners: int) -> list[Row]:
    """How many of a course's learners know each of its concepts; what fewest know comes first.

    Rows are ``{id, name, known, unsure, weak, silent}``, which add up to ``learners``.
    """
    rows = await database.read(
        queries.SPREAD,
        call,
        container=course,
        from_p=KNOWN_FROM,
        below_p=WEAK_BELOW,
        limit=CONCEPTS,
    )
    found = []
    for one in to_dicts(queries.SPREAD, rows):
        answered = one.pop("answered")
        one["unsure"] = answered - one["known"] - one["weak"]
        found.append({**one, "silent": max(0, learners - answered)})
    return sorted(found, key=lambda one: one["known"])


async def weeks_of(
    database: Database, call: Call, course: str, learners: Iterable[str]
) -> dict[str, list[int]]:
    """How many lessons of a course some learners finished in each of the last weeks."""
    now = utcnow()
    rows = await database.read(
        queries.DONE_SINCE,
        call,
        container=course,
        users=dumps(sorted(learners)),
        since=now - timedelta(weeks=WEEKS),
    )
    found: dict[str, list[int]] = defaultdict(lambda: [0] * WEEKS)
    for user, at in rows:
        ago = (now - moment(at)) // timedelta(weeks=1)
        found[user][WEEKS - 1 - min(max(ago, 0), WEEKS - 1)] += 1
    return found
