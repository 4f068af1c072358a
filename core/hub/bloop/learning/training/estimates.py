"""What a trained model says of learners, kept where mastery is: asked for in batches, by a job.

The core's model takes an answer in with the unit that records it, since a plugin may be slow, and
others wait for that unit. The job then asks the model in use about all concepts of whoever is out
of line: has answered since, or was told of by another model. It is done when nobody is, so that it
may end at any point and begin again. A row says by its ``model`` who made it; where the one in use
can't be asked, all rows are the core's again, and :class:`~bloop.learning.training.models.Upkeep`
says why.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_, select, true, update

from bloop.jobs.ledger import unfinished
from bloop.jobs.schedules import PRINCIPAL, Enqueue
from bloop.learning.log import Heard, heard
from bloop.learning.mastery.models import Learner
from bloop.learning.mastery.service import hold, restore
from bloop.learning.models import Answer, Mastery
from bloop.learning.training.models import Fault, ModelStanding, TrainedModel, Upkeep
from bloop.learning.training.queries import is_due
from bloop.store.inserting import INSERT
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.telemetry import traces
from bloop_sdk import Call
from bloop_sdk.providers import ai

ESTIMATE_JOB = "learning.estimate"
LEARNERS, ANSWERS = 32, 20_000
"""A batch has no more learners, and no more answers unless one learner alone has them."""
LOOK = timedelta(minutes=5)
"""How often it is looked whether the model in use can be asked, with nobody having answered."""
SOON = timedelta(seconds=1)
"""So long after a job was asked for, the next one may be."""
DIGITS = 6
"""Of a chance: how learners are put together to be asked about must not show in it."""
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A learner who is out of line, with what they have answered at one version of their row."""

    user: str
    version: int
    question: ai.Question


def name_of(kind: str, model: str) -> str:
    """What rows that a trained model made call it: its kind, and its id in the list of models."""
    return f"{kind}-{model}"


def next_of(unit: UnitOfWork, model: str, after: str) -> list[Asked]:
    """The next learners behind ``after`` of whom the model of this name has not said all yet."""
    rows = unit.session.execute(
        select(Learner.user_id, Learner.version, Learner.answers)
        .where(
            Learner.institution_id == unit.institution, Learner.user_id > after, _is_behind(model)
        )
        .order_by(Learner.user_id)
        .limit(LEARNERS)
    ).all()
    versions: dict[str, int] = {}
    total = 0
    for user, version, answers in rows:
        total += answers
        if versions and total > ANSWERS:
            break
        versions[user] = version
    questions = questions_of(unit, list(versions))
    return [Asked(user, version, questions[user]) for user, version in versions.items()]


def _is_behind(model: str) -> ColumnElement[bool]:
    return or_(Learner.estimated_by != model, Learner.estimated != Learner.version)


def questions_of(unit: UnitOfWork, users: Sequence[str]) -> dict[str, ai.Question]:
    """Of each user all answers, and the concepts of their rows, at the time of the last answer."""
    concepts: dict[str, list[str]] = defaultdict(list)
    for user, concept in unit.session.execute(
        select(Mastery.user_id, Mastery.concept_id)
        .where(Mastery.institution_id == unit.institution, Mastery.user_id.in_(users))
        .order_by(Mastery.user_id, Mastery.concept_id)
    ):
        concepts[user].append(concept)
    answers = unit.session.scalars(
        select(Answer).where(Answer.institution_id == unit.institution, Answer.user_id.in_(users))
    ).all()
    whose = {one.id: one.user_id for one in answers}
    logs: dict[str, list[Heard]] = defaultdict(list)
    for one in heard(unit, answers):
        if one.concepts:
            logs[whose[one.id]].append(one)
    return {user: _question(logs[user], concepts[user]) for user in users}


def _question(log: Sequence[Heard], concepts: Iterable[str]) -> ai.Question:
    history = tuple(
        ai.Answer(learner="0", concepts=one.concepts, correct=one.correct, at=one.at) for one in log
    )
    at = history[-1].at if history else utcnow()
    return ai.Question(history=history, concepts=tuple(concepts), at=at)


def checked(asked: Sequence[Asked], found: Any) -> list[dict[str, float]]:
    """What a plugin answered, by learner and concept; raises ValueError for what is no answer."""
    told = [list(one) for one in found]
    if [len(one) for one in told] != [len(one.question.concepts) for one in asked]:
        raise ValueError(f"{len(told)} answers do not fit {len(asked)} questions")
    chances = [[float(one) for one in each] for each in told]
    if not all(math.isfinite(one) and 0 <= one <= 1 for each in chances for one in each):
        raise ValueError("a chance that is not between 0 and 1")
    return [
        {
            concept: round(chance, DIGITS)
            for concept, chance in zip(one.question.concepts, each, strict=True)
        }
        for one, each in zip(asked, chances, strict=True)
    ]


def write(
    unit: UnitOfWork, model: str, asked: Sequence[Asked], chances: Sequence[dict[str, float]]
) -> int:
    """Have rows say what a model does, of those who have not answered since; how many these are."""
    if name_in_use(unit) != model:
        return 0  # Another one took over while this one thought.
    table: Any = Mastery.__table__
    put = (
        update(table)
        .where(
            table.c.institution_id == unit.institution,
            table.c.user_id == bindparam("of_user"),
            table.c.concept_id == bindparam("of_concept"),
        )
        .values(p=bindparam("chance"), model=model)
    )
    done, rows = 0, list[dict[str, Any]]()
    for one, each in zip(asked, chances, strict=True):
        if not _took(unit, one, model):
            continue
        done += 1
        rows += [
            {"of_user": one.user, "of_concept": concept, "chance": chance}
            for concept, chance in each.items()
        ]
    if rows:
        unit.connection.execute(put, rows)
    return done


def _took(unit: UnitOfWork, one: Asked, model: str) -> bool:
    """Whether a learner is as they were when they were asked about; they are in line from now on.

    The version goes on with what is said of them, so that lists of what comes next are made anew.
    """
    changed: Any = unit.session.execute(
        update(Learner)
        .where(
            Learner.institution_id == unit.institution,
            Learner.user_id == one.user,
            Learner.version == one.version,
        )
        .values(version=one.version + 1, estimated=one.version + 1, estimated_by=model)
        .execution_options(synchronize_session=False)
    )
    return bool(changed.rowcount)


def give_back(unit: UnitOfWork, after: str) -> Sequence[str]:
    """Have the rows of some learners behind ``after`` be the core's again; who these are."""
    users = unit.session.scalars(
        select(Learner.user_id)
        .where(
            Learner.institution_id == unit.institution,
            Learner.user_id > after,
            Learner.estimated_by != "",
        )
        .order_by(Learner.user_id)
        .limit(LEARNERS)
    ).all()
    for user in users:
        learner = hold(unit, user)
        restore(unit, learner)
        learner.version += 1
        learner.estimated, learner.estimated_by = learner.version, ""
    unit.session.flush()
    return users


def name_in_use(unit: UnitOfWork) -> str:
    """The name of the model in use, empty where that is the core's."""
    row = unit.session.execute(
        select(TrainedModel.kind, TrainedModel.id).where(
            TrainedModel.institution_id == unit.institution,
            TrainedModel.standing == ModelStanding.IN_USE,
        )
    ).one_or_none()
    return name_of(*row) if row is not None else ""


def look_soon(unit: UnitOfWork) -> None:
    """Have the job look for learners who are out of line, and try a model that could not be asked.

    The first time, the institution is noted as one that has trained a model.
    """
    table: Any = Upkeep.__table__
    make = INSERT[unit.dialect]
    new = {"due_at": utcnow(), "fault": Fault.NONE, "detail": ""}
    added = make(table).values(institution_id=unit.institution, ask_from=utcnow(), **new)
    unit.connection.execute(
        added.on_conflict_do_update(index_elements=["institution_id"], set_=new)
    )


def look_again(unit: UnitOfWork) -> None:
    """Have the job look whether the model in use can be asked: plugins were switched.

    In a unit for every institution, that is for all of them.
    """
    table: Any = Upkeep.__table__
    now = utcnow()
    own = table.c.institution_id == unit.institution
    whose = true() if unit.institution == EVERY_INSTITUTION else own
    unit.connection.execute(update(table).where(whose, table.c.due_at > now).values(due_at=now))


def note(unit: UnitOfWork, fault: Fault, detail: str = "") -> None:
    """Keep whether the model in use can be asked. With none in use there is nothing to look for."""
    table: Any = Upkeep.__table__
    values: dict[str, Any] = {"fault": fault, "detail": detail[:2000]}
    if not name_in_use(unit):
        values["due_at"] = None
    unit.connection.execute(
        update(table).where(table.c.institution_id == unit.institution).values(values)
    )


def fire(unit: UnitOfWork, now: datetime, enqueue: Enqueue) -> int:
    """Ask for the jobs that are due, in a unit for every institution; how many rows were due.

    None is asked for while one is under way: whoever answers meanwhile may be behind it.
    """
    rows = unit.session.scalars(
        select(Upkeep)
        .where(is_due(now))
        .order_by(Upkeep.due_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        own = UnitOfWork(unit.transaction, Call(PRINCIPAL, row.institution_id, traces.start()))
        due_at = max(row.due_at or now, now + SOON)
        if unfinished(own, ESTIMATE_JOB) is None:
            enqueue(own, ESTIMATE_JOB, {}, max_attempts=3)
            due_at = now + LOOK
        unit.session.execute(
            update(Upkeep)
            .where(Upkeep.institution_id == row.institution_id)
            .values(due_at=due_at, ask_from=now + SOON)
            .execution_options(synchronize_session=False)
        )
    return len(rows)
