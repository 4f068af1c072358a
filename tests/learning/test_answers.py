"""Answers are kept once each, told once, and heard in the unit that keeps them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from bloop.content import service as content
from bloop.learning import answers
from bloop.learning.answers import Given, record
from bloop.learning.models import Answer
from bloop.store.models import OutboxEvent
from bloop.store.types import utcnow
from bloop_sdk import Kind


@pytest.fixture
def item(command, course):
    def make(unit):
        row = content.create_item(
            unit, container_id=course, kind=Kind.PAGE, title="Salt", html="", data={}
        )
        unit.session.flush()
        return row.id

    return command(make)


def test_an_answer_told_twice_is_one_and_what_hears_it_is_of_the_same_unit(
    command, learner, item, monkeypatch
):
    heard = []
    monkeypatch.setattr(answers, "ON_ANSWERED", [lambda unit, user, made: heard.extend(made)])
    user, now = learner.principal.id, utcnow()

    def given(key, at=now, score=1.0):
        return Given(item=item, key=key, score=score, at=at)

    old, late = now - timedelta(days=2), now + timedelta(hours=1)
    told = [given("a"), given("b", old, 0.5), given("c", late), given("a")]
    assert [one.key for one in command(record, user, told)] == ["a", "b", "c"]
    assert command(record, user, [given("b", score=0.0), given("a")]) == []
    assert [one.key for one in heard] == ["a", "b", "c"]

    def kept(unit):
        rows = unit.session.scalars(select(Answer).order_by(Answer.key)).all()
        events = unit.session.scalars(
            select(OutboxEvent.payload).where(OutboxEvent.topic == "learning.answered")
        ).all()
        return [(row.key, row.score, row.at) for row in rows], events

    rows, events = command(kept)
    assert [row[:2] for row in rows] == [("a", 1.0), ("b", 0.5), ("c", 1.0)]
    assert rows[1][2] == old
    assert rows[2][2] < late
    assert [one["clamped"] for one in events] == [False, False, True]
    assert all(datetime.fromisoformat(one["at"]) <= utcnow() for one in events)


def test_what_fails_on_hearing_takes_the_answer_with_it(command, learner, item, monkeypatch):
    def fail(unit, user, made):
        raise RuntimeError("no")

    monkeypatch.setattr(answers, "ON_ANSWERED", [fail])
    given = Given(item=item, key="a", score=1.0, at=utcnow())
    with pytest.raises(RuntimeError):
        command(record, learner.principal.id, [given])
    with pytest.raises(ValueError, match="not from 0 to 1"):
        command(record, learner.principal.id, [Given(item=item, key="b", score=1.1, at=utcnow())])
    assert command(lambda unit: unit.session.scalars(select(Answer)).all()) == []
