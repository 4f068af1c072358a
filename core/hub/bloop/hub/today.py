"""Somebody's day: where they were, what is due and what comes next; and what waits for them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bloop.accounts.actions import may
from bloop.hub.attention import attention
from bloop.learning.quizzes.grading import verdict_of
from bloop.learning.reviews.asking import Plan, plan
from bloop.learning.today import queries
from bloop.store.statements import moment, to_dicts
from bloop.store.types import utcnow
from bloop_sdk import Call

if TYPE_CHECKING:
    from bloop.hub import Hub

CONTINUE, NEXT, DEADLINES, COURSES, GRADED = 3, 3, 6, 50, 5
MOST_DEADLINES = 200
"""So many are looked at: who is far behind still learns what comes next."""
SOON = timedelta(days=14)
LATELY = timedelta(days=7)
"""So long something that was due stays in sight."""
SECONDS = 30.0
"""An answer takes about so long, as far as is known of somebody who has not given any here."""


async def today(hub: Hub, call: Call, *, shown: bool = True) -> dict[str, Any]:
    """The caller's day, who is a user; ``next`` has the facts of reasons, and no sentences.

    Where it is not ``shown`` to that user, what it recommends is not logged as if it were.
    """
    database, now = hub.database, utcnow()
    recommended = hub.recommending.next if shown else hub.recommending.preview
    courses_read = queries.ALL_COURSES if may(call, "content:write") else queries.COURSES
    courses, reviews, dated, following, (in_courses, others) = await asyncio.gather(
        database.read(courses_read, call, limit=COURSES),
        plan(database, call),
        database.read(queries.DATED, call, **_dated(now)),
        recommended(call, None, NEXT),
        attention(hub, call),
    )
    mine = [progressed(one) for one in to_dicts(courses_read, courses)]
    days = to_dicts(queries.DATED, dated)
    teaching = _teaching(mine, in_courses)
    return {
        "continue": [_place(one) for one in mine if one["item"] and not one["teaches"]][:CONTINUE],
        "reviews": _reviews(reviews),
        "next": following,
        "deadlines": _deadlines(days, now),
        "graded": _graded(days),
        "courses": [_shown(one) for one in mine if one["enrolled"] and not one["teaches"]],
        "teaching": teaching,
        "attention": others + _elsewhere(teaching, in_courses),
    }


def _dated(now: datetime) -> dict[str, Any]:
    """A day more on each side: what is written with an offset sorts by its own clock."""
    day = timedelta(days=1)
    return {
        "since": (now - LATELY - day).date().isoformat(),
        "until": (now + SOON + 2 * day).date().isoformat(),
        "limit": MOST_DEADLINES,
        "graded_since": now - SOON,
        "graded_limit": GRADED,
    }


def progressed(row: Mapping[str, Any]) -> dict[str, Any]:
    """A course of the reads, with how many per cent of its lessons are done."""
    return {**row, "percent": 100 * row["done"] // max(1, row["lessons"])}


def _shown(one: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "kind", "title", "code", "state", "lessons", "done", "percent")
    return {name: one[name] for name in names}


def _place(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "item": one["item"],
        "title": one["item_title"],
        "item_kind": one["item_kind"],
        "container": one["id"],
        "course": one["title"],
        "opened_at": one["opened_at"],
        "lessons": one["lessons"],
        "done": one["done"],
        "percent": one["percent"],
    }


def _reviews(planned: Plan) -> dict[str, Any]:
    due = planned.count
    minutes = math.ceil(due * float(planned.seconds or SECONDS) / 60)
    return {"due": due, "minutes": minutes, "next": planned.next}


def _deadlines(rows: list[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    names = ("item", "title", "kind", "container", "course")
    found = []
    for one in rows:
        due = _moment(one["due_at"]) if one["what"] == "due" else None
        if due is not None and now - LATELY <= due <= now + SOON:
            kept = {name: one[name] for name in names}
            found.append({**kept, "due_at": due, "overdue": due < now})
    found.sort(key=lambda one: one["due_at"])
    late = [one for one in found if one["overdue"]]
    soon = [one for one in found if not one["overdue"]]
    # What was missed leaves half of the room to what can still be done in time.
    room = DEADLINES - min(len(soon), DEADLINES // 2)
    shown = late[-room:]
    return shown + soon[: DEADLINES - len(shown)]


def _graded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What people graded lately, the last first."""
    left_out = {"what", "kind", "due_at"}
    found = [
        {name: one[name] for name in one if name not in left_out}
        | {"verdict": verdict_of(one["score"]).value}
        for one in rows
        if one["what"] == "graded"
    ]
    return sorted(found, key=lambda one: one["graded_at"], reverse=True)


def _moment(text: str) -> datetime | None:
    """A time as its source wrote it; None for what is none."""
    try:
        found = moment(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _teaching(
    mine: list[dict[str, Any]], waiting: Mapping[str, list[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """The courses that somebody teaches, each with what waits in it."""
    return [
        {
            "id": one["id"],
            "title": one["title"],
            "waiting": {some["what"]: some["count"] for some in waiting.get(one["id"], ())},
        }
        for one in mine
        if one["teaches"] and one["enrolled"]
    ]


def _elsewhere(
    taught: list[dict[str, Any]], waiting: Mapping[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """What waits in other courses and notebooks, for who looks after all of them."""
    known = {one["id"] for one in taught}
    return [one for id_, some in waiting.items() if id_ not in known for one in some]
