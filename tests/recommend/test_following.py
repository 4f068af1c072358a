"""What somebody knows, and what is due, is what their answers and the graph make of it."""

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from bloop.graph.service import cover, merge_concepts, uncover
from bloop.learning import following, merging
from bloop.learning.answers import Given, record
from bloop.learning.mastery.models import Learner
from bloop.learning.models import Mastery
from bloop.learning.progress.goals import set_goal
from bloop.learning.progress.models import Goal
from bloop.learning.recommend.models import RecommendationRule, RecommendationState
from bloop.learning.recommend.rules import rule
from bloop.learning.reviews.models import ReviewCard
from bloop.store.models import OutboxEvent
from tests.recommend.conftest import BEGAN
from tests.recommend.estimating import give_all_back, say_by_model

MODEL = "counts-01a21a71-9893-708c-9441-d45b7b23abe3"


@pytest.fixture
def rows(command):
    """All that is known of a learner, but for whose it is, and how often it was written."""

    def of(call):
        def read(unit):
            user = call.principal.id
            found = []
            for table in (Mastery, ReviewCard, Learner):
                columns = [
                    column
                    for column in table.__table__.columns
                    if column.name not in {"user_id", "version", "followed", "last", "estimated"}
                ]
                made = select(*columns).where(table.user_id == user)
                found += sorted(map(repr, unit.session.execute(made)))
            return [re.sub("'last': '[^']+'", "", one) for one in found]

        return command(read)

    return of


@pytest.fixture
def told(command, system_call, database):
    """Hands the consumer what was said of the graph since the last time."""
    seen = {"seq": 0}
    jobs = []

    def hand():
        taken = following.consumer(lambda _unit, kind, payload: jobs.append((kind, payload)))
        with database.unit(system_call) as unit:
            events = unit.session.execute(
                select(OutboxEvent.seq, OutboxEvent.topic, OutboxEvent.payload)
                .where(OutboxEvent.topic.in_(taken.topics))
                .where(OutboxEvent.seq > seen["seq"])
                .order_by(OutboxEvent.seq)
            ).all()
        for seq, topic, payload in events:
            seen["seq"] = seq
            command(taken.target(), SimpleNamespace(topic=topic, payload=payload))
        return jobs

    return hand


_ANSWERS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.5, 0.7, 1.0])), min_size=1, max_size=7
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), answers=_ANSWERS)
def test_answers_give_the_same_rows_in_whatever_order_they_come(
    data, answers, request, learner, command, rows
):
    lesson = request.getfixturevalue("lesson")
    items = getattr(request, "items", None)
    if items is None:
        items = request.items = [
            lesson("Acids", "Acid", role="assesses"),
            lesson("Bases", "Acid", "Base", role="assesses"),
            lesson("Letters"),
        ]
    one = [
        Given(item=items[item], key=f"k{at}", score=score, at=BEGAN + timedelta(hours=7 * at))
        for at, (item, score) in enumerate(answers)
    ]
    there, here = learner(), learner()
    before = there.principal.id[:-1]
    command(record, there.principal.id, one, as_=there)
    known = rows(there)
    waiting = data.draw(st.permutations(one + one[: data.draw(st.integers(0, 3))]))
    while waiting:
        size = data.draw(st.integers(1, len(waiting)))
        command(record, here.principal.id, waiting[:size], as_=here)
        waiting = waiting[size:]
        if data.draw(st.booleans()):  # A trained model is in use, and looks when it comes to it.
            command(say_by_model, MODEL, before)
    command(say_by_model, MODEL, before)
    told = rows(there)
    assert rows(here) == told != known
    command(following.renew, here.principal.id)
    command(say_by_model, MODEL, before)
    assert rows(here) == told
    command(give_all_back, before)
    assert rows(here) == known == rows(there)


def test_what_changes_in_the_graph_changes_what_is_known(
    lesson, concepts, learner, answer, command, rows, told
):
    acids, bases = lesson("Acids", "Acid", role="assesses"), lesson("Bases")
    told()
    lea, max_ = learner(), learner()
    for one in (lea, max_):
        answer(one, (acids, 1.0, 0), (bases, 0.0, 30), (acids, 1.0, 60))
    before = rows(lea)
    command(cover, bases, concepts["Base"], "assesses")
    told()
    assert len(rows(lea)) == len(before) + 2  # Mastery of it, and its card.
    command(merge_concepts, concepts["Base"], concepts["Acid"])
    told()
    (row,) = [one for one in rows(lea) if concepts["Acid"] in one and "core-" in one]
    assert "'wrong': 1" in row and "'right': 2" in row
    command(uncover, bases, concepts["Acid"])
    assert told() == []
    assert rows(lea) == before == rows(max_)


def test_changes_that_concern_many_are_left_to_a_job(
    lesson, concepts, learner, answer, command, told, monkeypatch
):
    acids = lesson("Acids")
    told()
    people = [learner() for _ in range(3)]
    for one in people:
        answer(one, (acids, 1.0, 0))
    monkeypatch.setattr(following, "AT_HAND", 2)
    command(cover, acids, concepts["Acid"], "assesses")
    ((kind, payload),) = told()
    assert kind == following.RENEW_JOB
    last = ""
    while last is not None:
        last = command(following.renew_after, payload["items"], last, 2)
    assert command(lambda unit: unit.session.scalar(select(func.count(Mastery.p)))) == 3


def test_goals_and_rules_of_a_merged_concept_are_of_the_one_that_stays(
    lesson, concepts, learner, command, told
):
    items = lesson("Acids"), lesson("Bases")
    base, acid = concepts["Base"], concepts["Acid"]
    both, one = learner(), learner()
    for who, concept in ((both, base), (both, acid), (one, base)):
        command(set_goal, "concept", concept, as_=who)
    command(rule, items[0], "hide", concept=base)
    command(rule, items[0], "pin", concept=acid)
    command(rule, items[1], "pin", concept=base)
    versions = select(RecommendationState.version)
    before = command(lambda unit: unit.session.scalar(versions))
    command(merge_concepts, base, acid)
    for _ in range(2):  # Twice is as once.
        command(merging.follow, base, acid)
    goals = command(lambda unit: unit.session.execute(select(Goal.user_id, Goal.subject_id)).all())
    assert sorted(map(tuple, goals)) == sorted((who.principal.id, acid) for who in (both, one))
    columns = select(RecommendationRule.item_id, RecommendationRule.scope, RecommendationRule.act)
    rules = command(lambda unit: unit.session.execute(columns).all())
    assert sorted(map(tuple, rules)) == sorted((item, acid, "pin") for item in items)
    assert command(lambda unit: unit.session.scalar(versions)) == before + 1
    assert told() == []
    # An undone merge, heard late, moves nothing.
    command(rule, items[1], "hide", concept=concepts["Salt"])
    command(merging.follow, concepts["Salt"], acid)
    assert command(lambda unit: len(unit.session.execute(columns).all())) == 3
