"""A model takes over where it is surely better, and never by learners that it has seen."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from bloop.accounts.models import User
from bloop.content import service as content
from bloop.graph import service as graph
from bloop.learning.mastery.comparison import compare
from bloop.learning.mastery.model import DEFAULTS
from bloop.learning.models import Answer
from bloop.learning.training import service
from bloop.learning.training.histories import core_chances, histories_of, read_histories
from bloop.learning.training.models import TrainedModel
from bloop.store.errors import ConflictError
from bloop.store.ids import new_id
from bloop_sdk.providers.ai import MasteryModel

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
LEARNERS = 240


@pytest.fixture
def command(database, call):
    def run(function, *args, **kwargs):
        with database.unit(call) as unit:
            return function(unit, *args, **kwargs)

    return run


@pytest.fixture
def answered(command):
    """Learners who answer at two concepts, one of them far harder than anybody would think."""

    def make(unit):
        course = content.create_container(unit, title="Sums")
        chance = random.Random(1)
        rows = []
        items = {}
        for name, right in (("Easy", 0.95), ("Hard", 0.1)):
            item = content.create_item(unit, course.id, kind="quiz", title=name)
            graph.cover(unit, item.id, graph.add_concept(unit, name), "assesses")
            items[item.id] = right
        for number in range(LEARNERS):
            user = User(institution_id=unit.institution, name=f"L{number}", role="learner")
            unit.session.add(user)
            unit.session.flush()
            for place in range(8):
                item = list(items)[place % 2]
                rows.append(
                    {
                        "institution_id": unit.institution,
                        "id": new_id(),
                        "user_id": user.id,
                        "item_id": item,
                        "part": "",
                        "key": str(place),
                        "score": float(chance.random() < items[item]),
                        "at": BEGIN + timedelta(minutes=place),
                        "source": "hub",
                    }
                )
        unit.session.execute(insert(Answer), rows)

    command(make)


def model(data=b"x"):
    return MasteryModel(data=data, kind="counts", version="1", why="")


def test_learners_are_in_one_part_and_have_no_names(command, answered, database, call):
    found = command(histories_of)
    with database.unit(call):  # It waits for nobody who writes, and they not for it.
        again = read_histories(database, call)
    assert found.learners == LEARNERS
    assert found.answers == LEARNERS * 8
    assert all(found.fit + found.watched + found.held)
    assert [len(part) for part in (found.fit, found.watched, found.held)] == [
        len(part) for part in (again.fit, again.watched, again.held)
    ]
    numbers = {one.learner for part in (found.fit, found.held) for log in part for one in log}
    assert all(number.isdigit() for number in numbers)
    for log in found.fit:
        assert [one.at for one in log] == sorted(one.at for one in log)


def test_the_better_one_takes_over_and_the_next_is_held_against_it(command, answered):
    held = command(histories_of).held
    core = core_chances(DEFAULTS, held)
    known = [[0.95 if place % 2 == 0 else 0.1 for place in range(8)] for _ in held]
    won = compare(held, core, known)
    assert won.takes_over
    facts = {"against": service.CORE, "learners": LEARNERS, "answers": LEARNERS * 8}
    kept = command(service.keep, "tracing", model(), won, **facts)
    assert command(service.in_use).id == kept
    with pytest.raises(ConflictError, match="another model is in use"):
        command(service.keep, "tracing", model(), won, **facts)
    lost = compare(held, known, core)
    assert not lost.takes_over
    facts["against"] = kept
    beaten = command(service.keep, "tracing", model(b"y"), lost, **facts)
    assert command(service.in_use).id == kept
    command(service.use, beaten)
    assert command(service.in_use).id == beaten
    command(service.use, service.CORE)
    assert command(service.in_use) is None


def test_of_what_is_not_in_use_only_the_newest_are_kept(command, answered):
    held = command(histories_of).held
    core = core_chances(DEFAULTS, held)
    same = compare(held, core, core)
    facts = {"against": service.CORE, "learners": 1, "answers": 1}
    made = [
        command(service.keep, "tracing", model(b"x"), same, **facts)
        for _ in range(service.KEPT + 2)
    ]
    with pytest.raises(ConflictError, match="was forgotten"):
        command(service.use, made[0])

    def kept(unit):
        rows = unit.session.scalars(select(TrainedModel)).all()
        return {row.id for row in rows if row.data}

    assert command(kept) == set(made[-service.KEPT :])
