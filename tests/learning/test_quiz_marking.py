"""Grading by people, and what was answered: what counts, whom it reaches, and what stays."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bloop.content import service as content
from bloop.content.changing import SourceWinsError
from bloop.content.history import undo
from bloop.content.models import Item, Version
from bloop.content.publishing import publish_chosen
from bloop.kernel.models import Connection
from bloop.learning.models import Answer
from bloop.learning.progress.models import ItemProgress
from bloop.learning.quizzes import editing, marking, queries, service
from bloop.learning.quizzes.hardness import hardness_of
from bloop.learning.quizzes.models import Attempt, QuizResponse
from bloop.learning.quizzes.problems import IncompleteError
from bloop.learning.quizzes.views import places
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.models import OutboxEvent
from bloop.store.statements import to_dicts
from bloop_sdk import Kind
from tests.learning import quizzes as q

ESSAY = q.ESSAY | {"points": 3.0}


@pytest.fixture
def quiz(command, course):
    """A quiz of a choice and an essay, which has a pass mark."""

    def make(unit):
        data = {"questions": [q.CHOICE, ESSAY], "pass_mark": 0.7}
        row = content.create_item(unit, course, kind=Kind.QUIZ, title="Test", data=data)
        unit.session.flush()
        content.publish(unit, Item, row.id, None, lambda *_: None)
        return row.id

    return command(make)


@pytest.fixture
def attempt(command, quiz, learner):
    """One of which all is answered, the choice rightly."""
    found = command(service.start, quiz, as_=learner)
    command(service.answer, found, 1, "a", as_=learner)
    command(service.answer, found, 2, "Long ago", as_=learner)
    return found


def one(command, model):
    def read(unit):
        row = unit.session.scalars(select(model)).one()
        unit.session.expunge_all()
        return row

    return command(read)


def test_an_essay_counts_from_when_it_is_graded(command, quiz, attempt, learner):
    row = one(command, Attempt)
    assert (row.status, row.score, row.points) == ("finished", 1.0, 1.0)
    command(marking.mark, quiz, attempt, 2, points=1.5, feedback="More of *why*.")
    command(marking.mark, quiz, attempt, 2, points=1.5, feedback="More of *why*.")
    row = one(command, Attempt)
    assert (row.score, row.points) == ((1 + 1.5) / 4, 4.0)

    def told(unit):
        answers = unit.session.scalars(select(Answer).order_by(Answer.at)).all()
        topics = unit.session.scalars(select(OutboxEvent.topic)).all()
        return [(it.part, it.score) for it in answers], topics.count("learning.response_graded")

    assert command(told) == ([("salt", 1.0), ("essay", 0.5)], 1)
    command(marking.mark, quiz, attempt, 2, points=3)
    assert one(command, Attempt).score == 1.0
    assert command(told)[0] == [("salt", 1.0), ("essay", 1.0)]
    with pytest.raises(InvalidError, match="not from 0 to 3"):
        command(marking.mark, quiz, attempt, 2, points=4)
    with pytest.raises(ConflictError, match="graded this meanwhile"):
        command(marking.mark, quiz, attempt, 2, points=0, seen=marking.told_apart(0.5, ""))
    with pytest.raises(NotFoundError):
        command(marking.mark, quiz, attempt, 3, points=0)


def test_who_passes_by_a_grade_is_done(command, course, learner):
    def make(unit):
        data = {"questions": [ESSAY, q.BLANK], "pass_mark": 0.7}
        row = content.create_item(unit, course, kind=Kind.QUIZ, title="Test", data=data)
        unit.session.flush()
        content.publish(unit, Item, row.id, None, lambda *_: None)
        return row.id

    quiz = command(make)
    attempt = command(service.start, quiz, as_=learner)
    command(service.answer, attempt, 2, "cheese", as_=learner)
    command(service.answer, attempt, 1, "Long ago", as_=learner)
    assert one(command, ItemProgress).done_at is None
    command(marking.mark, quiz, attempt, 1, points=3)
    assert one(command, ItemProgress).done_at is not None


def test_what_is_changed_is_for_attempts_that_begin_later(command, quiz, learner):
    running = command(service.start, quiz, as_=learner)
    wrong = q.CHOICE | {"choices": [{**one_, "weight": 0.0} for one_ in q.CHOICE["choices"]]}
    with pytest.raises(IncompleteError, match="Question 1 has no right answer") as refused:
        command(editing.change, quiz, None, {"questions": [wrong]})
    assert refused.value.field == "questions.0.choices"
    command(editing.change, quiz, None, {"questions": [q.BLANK], "attempts": 2, "pass_mark": 1.0})
    command(service.answer, running, 1, "a", as_=learner)
    command(service.finish, running, as_=learner)
    later = command(service.start, quiz, as_=learner)
    command(service.answer, later, 1, "fish & chips", as_=learner)

    def read(unit):
        return [it.part for it in unit.session.scalars(select(QuizResponse)).all()]

    assert sorted(command(read)) == ["dish", "salt"]


def test_a_draft_may_be_incomplete_and_a_synced_quiz_is_its_systems(command, course, quiz):
    def make(unit):
        return content.create_item(unit, course, kind=Kind.QUIZ, title="Draft").id

    draft = command(make)
    empty = q.question("choice", name="", html="")
    command(editing.change, draft, None, {"questions": [empty, q.ESSAY]})
    with pytest.raises(IncompleteError) as refused:
        command(editing.publish, draft, None, lambda *_: None)
    assert [problem.message for problem in refused.value.problems] == [
        "Question 1 has no text",
        "Question 1 has no right answer",
    ]
    # Nor by what publishes anything, much at once, or an earlier version.
    ways = (
        lambda unit: content.publish(unit, Item, draft, None, lambda *_: None),
        lambda unit: publish_chosen(
            unit, course, lambda *_: None, items={draft: None}, nodes={}, container=None
        ),
        lambda unit: content.update_item(unit, quiz, None, {"data": {"questions": [empty]}}),
    )
    for way in ways:
        with pytest.raises(IncompleteError, match="Question 1 has no text"):
            command(way)
    command(editing.change, draft, None, {"questions": [q.CHOICE]})
    published = command(editing.publish, draft, None, lambda *_: None).row_version
    command(content.unpublish, Item, draft, None)
    command(editing.change, draft, None, {"questions": [empty]})
    command(undo, Item, draft, None, lambda *_: None, to=published)
    command(content.unpublish, Item, draft, None)

    def spoil(unit):
        kept = unit.session.scalars(
            select(Version).where(Version.subject_id == draft, Version.row_version == published)
        ).one()
        kept.snapshot = kept.snapshot | {"data": {"questions": [empty]}}

    command(spoil)
    with pytest.raises(IncompleteError, match="'Draft': Question 1 has no text"):
        command(undo, Item, draft, None, lambda *_: None, to=published)

    def sync(unit):
        row = unit.session.get(Item, (unit.institution, quiz))
        connection = Connection(
            institution_id=unit.institution,
            plugin_id="canvas",
            capability="lms",
            key="campus",
            name="Campus",
            settings={},
        )
        unit.session.add(connection)
        unit.session.flush()
        row.connection_id = connection.id

    command(sync)
    with pytest.raises(SourceWinsError, match="'Campus'"):
        command(editing.change, quiz, None, {"title": "Mine"})


async def test_what_was_answered_is_read_for_who_teaches(database, call, command, quiz, attempt):
    rows = await database.read(queries.ANSWERS, call, quiz=quiz, limit=10)
    found = {row["part"]: row for row in to_dicts(queries.ANSWERS, rows)}
    assert (found["salt"]["score"], found["salt"]["response"], found["salt"]["count"]) == (
        1.0,
        None,
        1,
    )
    assert found["essay"]["score"] is None
    asked = {"quiz": quiz, "before": "~", "limit": 10}
    for waiting in (0, 1):
        rows = await database.read(queries.LATEST, call, waiting=waiting, **asked)
        [latest] = to_dicts(queries.LATEST, rows)
        assert (latest["id"], latest["user_name"], latest["waits"]) == (attempt, "Lea", 1)
    command(marking.mark, quiz, attempt, 2, points=0)
    assert await database.read(queries.LATEST, call, waiting=1, **asked) == []


def test_how_hard_a_question_was_is_told_of_what_it_asks_now():
    now = [q.CHOICE, q.BLANK]
    worded = [q.CHOICE | {"html": "<p>Which?</p>"}, q.BLANK]
    other = [q.CHOICE | {"choices": q.CHOICE["choices"][:2]}, q.BLANK]
    rows = [
        {"hash": "now", "part": "salt", "score": 1.0, "response": None, "count": 6},
        {"hash": "worded", "part": "salt", "score": 0.5, "response": "b", "count": 1},
        {"hash": "now", "part": "salt", "score": 0.0, "response": "c", "count": 3},
        {"hash": "other", "part": "salt", "score": 0.0, "response": "b", "count": 9},
        {"hash": "now", "part": "gone", "score": 0.0, "response": "x", "count": 9},
    ]
    salt, dish = hardness_of(now, {"now": now, "worded": worded, "other": other}, rows)
    assert (salt.right, salt.partly, salt.wrong_count, salt.earlier) == (6, 1, 3, 9)
    assert salt.wrong == [("c", 3), ("b", 1)]
    assert salt.share == 0.65
    assert (dish.graded, dish.share) == (0, None)


def test_each_attempt_has_its_own_order_and_what_is_to_read_stays():
    questions = [*[q.BLANK] * 5, q.TEXT, *[q.BLANK] * 5]
    assert places(questions, "") == list(range(1, 12))
    orders = {tuple(places(questions, f"attempt-{number}")) for number in range(5)}
    assert len(orders) == 5
    for order in orders:
        assert order[5] == 6
        assert set(order[:5]) == {1, 2, 3, 4, 5}
