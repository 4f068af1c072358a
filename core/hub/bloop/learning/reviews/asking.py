"""Which questions are asked of somebody whose concepts are due: one for each, the overdue first.

A question that counts for several of them is asked once. What is about no concept is asked when
it is due itself. Other questions that are due wait until their concept is: they would ask for the
same again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bloop.graph.questions import parts_of
from bloop.learning.log import about
from bloop.learning.quizzes.questions import Manner, manner_of
from bloop.learning.quizzes.views import answered, question_view
from bloop.learning.reviews.answering import day_after, key_of, version_of
from bloop.learning.reviews.queries import (
    ANSWERED_SINCE,
    ASKED,
    ASKED_DATA,
    RESPONSE,
    RESPONSES,
)
from bloop.store.database import Database
from bloop.store.errors import NotFoundError
from bloop.store.statements import moment, parsed, to_dicts
from bloop.store.types import dumps, utcnow
from bloop_sdk import Call

MOST_TOLD = 200


@dataclass(slots=True)
class Candidate:
    """A question that was answered before; ``concepts`` are those that an answer counts for."""

    row: Mapping[str, Any]
    covered: list[tuple[str, str, str]] = field(default_factory=list)
    concepts: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The subject of its card."""
        return f"item:{self.row['item']}:{self.row['part']}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is due today, the longest overdue first, and the questions that there are about it.

    ``next`` is when something is due after that, as text, ``seconds`` how long answers took
    lately, and ``names`` has the concepts that are due.
    """

    due: Sequence[str]
    candidates: Sequence[Candidate]
    names: Mapping[str, str]
    next: str | None
    seconds: float | None

    @property
    def count(self) -> int:
        """How many questions that makes, as far as is known without looking at them."""
        return len(chosen(self.due, self.candidates))


def day_of(now: datetime) -> datetime:
    """When the day began, in UTC."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


async def plan(database: Database, call: Call) -> Plan:
    """What the caller is to be asked until the end of today (UTC)."""
    until = day_after(utcnow())
    rows = to_dicts(ASKED, await database.read(ASKED, call, until=until))
    dues: dict[str, datetime] = {}
    names: dict[str, str] = {}
    for row in rows:
        due = row["concept_due"] and moment(row["concept_due"])
        if due and due < until:
            dues[f"concept:{row['concept']}"] = due
            names[row["concept"]] = row["concept_name"]
    candidates = candidates_of(row for row in rows if row["item"])
    dues |= {one.subject: moment(one.row["due"]) for one in candidates if not one.concepts}
    subjects = sorted(dues, key=lambda subject: (dues[subject], subject))
    first = rows[0]
    return Plan(subjects, candidates, names, first["next"], first["seconds"])


async def asked(database: Database, call: Call) -> dict[str, Any]:
    """What is asked of the caller today: ``questions``, and how many were answered, ``done``."""
    planned = await plan(database, call)
    done = await database.read_one(ANSWERED_SINCE, call, since=day_of(utcnow()))
    assert done is not None, "it has one row"
    if not planned.candidates:
        return {"questions": [], "done": done[0]}
    ids = dumps(sorted({one.row["item"] for one in planned.candidates}))
    data = {row[0]: parsed(row[1]) for row in await database.read(ASKED_DATA, call, ids=ids)}
    questions = {
        one.subject: _question(one.row["item"], one.row["part"], data) for one in planned.candidates
    }
    left = [one for one in planned.candidates if questions[one.subject] is not None]
    found = [
        _told(one, question, planned.names)
        for one in chosen(planned.due, left)
        if (question := questions[one.subject]) is not None
    ]
    return {"questions": found, "done": done[0]}


def candidates_of(rows: Iterable[Mapping[str, Any]]) -> list[Candidate]:
    """The questions of the rows of ``ASKED``, in their order."""
    found: dict[tuple[str, str], Candidate] = {}
    for row in rows:
        one = found.setdefault((row["item"], row["part"]), Candidate(row))
        if row["concept"]:
            one.covered.append((row["covered"], row["concept"], row["role"]))
    for one in found.values():
        one.concepts = about(one.covered, one.row["part"])
    return list(found.values())


def chosen(due: Sequence[str], candidates: Sequence[Candidate]) -> list[Candidate]:
    """What is asked of some subjects that are due, in their order; see the module."""
    by_subject = {one.subject: one for one in candidates}
    by_concept: dict[str, Candidate] = {}
    for one in candidates:
        for concept in one.concepts:
            by_concept.setdefault(concept, one)
    picked: list[Candidate] = []
    covered: set[str] = set()
    for subject in due:
        concept = subject.removeprefix("concept:")
        if concept in covered:
            continue
        fit = by_subject.get(subject) or by_concept.get(concept)
        if fit is not None:
            picked.append(fit)
            covered.update(fit.concepts)
    return picked


async def question_of(
    database: Database, call: Call, item: str, part: str
) -> dict[str, Any] | None:
    """A question as it would be asked, due or not; None where it can't be."""
    rows = await database.read(ASKED_DATA, call, ids=dumps([item]))
    found = _question(item, part, {row[0]: parsed(row[1]) for row in rows})
    return None if found is None else question_view(found)


def _question(item: str, part: str, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A question as it is now, where it can be asked."""
    questions = data.get(item, {}).get("questions", ())
    found = dict(zip(parts_of(questions), questions, strict=True)).get(part)
    return found if found and manner_of(found) is Manner.GRADED else None


def _told(one: Candidate, question: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    row = one.row
    concept = next((id_ for id_ in one.concepts if id_ in names), None)
    return {
        "key": key_of(row["item"], row["part"], row["last"]),
        "version": version_of(question),
        "item": row["item"],
        "part": row["part"],
        "title": row["title"],
        "container": row["container"],
        "course": row["course"],
        "language": row["language"],
        "concept": concept,
        "concept_name": None if concept is None else names[concept],
        "question": question_view(question),
    }


async def response(database: Database, call: Call, id_: str) -> dict[str, Any]:
    """What the caller answered, and what was right; raises NotFoundError."""
    row = await database.read_one(RESPONSE, call, id=id_)
    found = None if row is None else _response(RESPONSE.as_dict(row))
    if found is None:
        raise NotFoundError(f"you have no answer {id_[:40]} in your reviews")
    return found


async def responses_of_today(database: Database, call: Call) -> list[dict[str, Any]]:
    """What the caller has answered in their reviews today (UTC), the first first."""
    since = day_of(utcnow())
    rows = await database.read(RESPONSES, call, since=since, limit=MOST_TOLD)
    return [found for one in to_dicts(RESPONSES, rows) if (found := _response(one)) is not None]


def _response(row: dict[str, Any]) -> dict[str, Any] | None:
    """An answer with its question; None where an older hub named the questions otherwise."""
    questions = parsed(row["data"])["questions"]
    question = dict(zip(parts_of(questions), questions, strict=True)).get(row["part"])
    if question is None:
        return None
    names = ("id", "item", "part", "title", "container", "course", "language", "due")
    return {
        **{name: row[name] for name in names},
        "question": question_view(question),
        "answered": answered(question, row),
    }
