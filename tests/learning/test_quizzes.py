"""Taking a quiz: one attempt for two tabs, one answer a question, graded by what was shown."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bloop.content import service as content
from bloop.content.codec import authored_columns
from bloop.content.models import Item
from bloop.jobs.models import Job
from bloop.learning.models import Answer
from bloop.learning.progress import certificates
from bloop.learning.progress.goals import set_goal
from bloop.learning.progress.models import Certificate, Goal
from bloop.learning.progress.service import mark
from bloop.learning.quizzes import service
from bloop.learning.quizzes.models import Attempt, QuizResponse
from bloop.learning.statements.models import Statement
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.models import OutboxEvent
from bloop.store.types import utcnow
from bloop_sdk import Kind, Role
from tests.learning import quizzes as q
from tests.support.database import make_call


def show(unit, id_):
    content.publish(unit, Item, id_, None, lambda *_: None)


@pytest.fixture
def quiz(command, course):
    """Makes a published quiz of questions."""

    def make(*questions, **data):
        def making(unit):
            row = content.create_item(
                unit,
                course,
                kind=Kind.QUIZ,
                title="Test",
                data={"questions": list(questions), **data},
            )
            unit.session.flush()
            row.published = True  # Complete or not, as another system brings it.
            unit.session.flush()
            return row.id

        return command(making)

    return make


@pytest.fixture
def take(command, learner):
    """Runs a command of taking as the learner."""

    def run(function, *args, as_=learner):
        return command(function, *args, as_=as_)

    return run


@pytest.fixture
def rows(command):
    def of(model):
        def read(unit):
            found = unit.session.scalars(select(model)).all()
            unit.session.expunge_all()
            return found

        return command(read)

    return of


def test_an_attempt_is_graded_kept_and_told(take, quiz, rows, command):
    id_ = quiz(q.CHOICE | {"points": 3.0}, q.TEXT, q.BLANK, q.FORMULA, q.ESSAY)
    attempt = take(service.start, id_)
    assert take(service.start, id_) == attempt
    take(service.answer, attempt, 1, "a")
    take(service.answer, attempt, 1, "a")  # Sent twice.
    with pytest.raises(ConflictError, match="answered already"):
        take(service.answer, attempt, 1, "b")
    for place in (2, 4):
        with pytest.raises(ConflictError, match="cannot be answered here"):
            take(service.answer, attempt, place, "x")
    with pytest.raises(NotFoundError):
        take(service.answer, attempt, 6, "x")
    with pytest.raises(InvalidError):
        take(service.answer, attempt, 3, " ")
    take(service.answer, attempt, 5, "Once upon a time")
    [row] = rows(Attempt)
    assert (row.status, row.score, row.points) == ("open", 0.75, 4.0)
    take(service.answer, attempt, 3, "cheese")
    take(service.finish, attempt)
    [row] = rows(Attempt)
    assert (row.status, row.score, row.number) == ("finished", 0.75, 1)
    told = sorted((one.key.split(":")[2], one.part, one.score) for one in rows(Answer))
    assert told == [("1", "salt", 1.0), ("3", "dish", 0.0)]
    topics = [one.topic for one in rows(OutboxEvent) if one.topic.startswith("learning.")]
    assert topics.count("learning.answered") == 2
    assert topics.count("learning.attempt_finished") == 1
    verbs = sorted(one.verb.rpartition("/")[2] for one in rows(Statement))
    assert verbs == ["answered", "answered", "completed"]
    take(service.answer, attempt, 3, "cheese")
    second = take(service.start, id_)
    assert second != attempt
    assert {one.number for one in rows(Attempt)} == {1, 2}


def test_what_is_changed_meanwhile_changes_no_attempt(take, quiz, rows, command):
    id_ = quiz(q.CHOICE)
    attempt = take(service.start, id_)
    salt, *_, water = q.CHOICE["choices"]
    other = q.CHOICE | {"choices": [water | {"weight": 100.0}, salt | {"weight": 0.0}]}
    command(content.update_item, id_, None, {"data": {"questions": [other]}})
    take(service.answer, attempt, 1, "a")
    assert rows(Attempt)[0].score == 1.0
    take(service.answer, take(service.start, id_), 1, "c")
    assert [one.score for one in sorted(rows(Attempt), key=lambda one: one.number)] == [1.0, 1.0]


def test_only_who_may_see_a_quiz_takes_it_and_only_their_own_attempt(take, quiz, command, call):
    id_ = quiz(q.CHOICE, q.BLANK)
    attempt = take(service.start, id_)
    stranger = make_call(call.institution, Role.ADMIN, name="other")
    for act in (
        lambda: take(service.answer, attempt, 1, "a", as_=stranger),
        lambda: take(service.finish, attempt, as_=stranger),
    ):
        with pytest.raises(NotFoundError):
            act()
    command(content.unpublish, Item, id_, None)
    with pytest.raises(NotFoundError):
        take(service.answer, attempt, 1, "a")
    with pytest.raises(NotFoundError):
        take(service.start, id_)
    with pytest.raises(ConflictError, match="no questions to answer here"):
        take(service.start, quiz(q.FORMULA, q.TEXT))
    with pytest.raises(ConflictError, match="pool of questions"):
        take(service.start, quiz(q.CHOICE, bank=True))


def test_attempts_and_time_are_limited_where_the_quiz_says_so(take, quiz, rows, command):
    id_ = quiz(q.CHOICE, q.BLANK, attempts=2, time_limit=10)
    first = take(service.start, id_)
    take(service.answer, first, 1, "a")

    def let_pass(unit):
        started = utcnow() - timedelta(minutes=11)
        ends = started + timedelta(minutes=10)
        unit.session.execute(update(Attempt).values(started_at=started, ends_at=ends))

    command(let_pass)
    with pytest.raises(ConflictError, match="time has run out"):
        take(service.answer, first, 2, "chips")
    second = take(service.start, id_)
    assert second != first
    kept = {one.id: one for one in rows(Attempt)}
    assert kept[first].status == "finished"
    assert kept[first].finished_at == kept[first].ends_at
    take(service.finish, second)
    take(service.finish, second)
    with pytest.raises(ConflictError, match="no attempt is left"):
        take(service.start, id_)
    assert len(rows(QuizResponse)) == 1


def test_an_attempt_that_nobody_comes_back_to_counts_once_its_time_is_over(
    take, quiz, rows, command
):
    id_ = quiz(q.CHOICE, q.BLANK | {"points": 1.0}, time_limit=10)
    attempt = take(service.start, id_)
    take(service.answer, attempt, 1, "a")
    [job] = rows(Job)
    due = (job.run_after - utcnow()).total_seconds()
    assert (job.kind, job.payload, due > 590) == (service.CLOSE_JOB, {"attempt": attempt}, True)
    assert command(service.close_over, attempt)
    assert not command(service.close_over, attempt)
    [kept] = rows(Attempt)
    assert (kept.status, kept.finished_at) == ("finished", kept.ends_at)
    assert [one.topic for one in rows(OutboxEvent)].count("learning.attempt_finished") == 1
    # A limit that no clock has is none.
    for limit in (1e15, -3.0, 0):
        take(service.start, quiz(q.CHOICE, time_limit=limit))
    assert len(rows(Job)) == 1


def test_two_tabs_have_one_certificate_and_one_goal(take, quiz, rows, command, course):
    take(service.finish, take(service.start, quiz(q.CHOICE)))
    command(certificates.set_rule, course, items=None, average=0.0)
    [item] = rows(Item)
    take(lambda unit: mark(unit, item.id, done=True))

    def tab(number):
        take(set_goal, "container", course, None)
        return take(certificates.claim, course)

    with ThreadPoolExecutor(4) as tabs:
        found = set(tabs.map(tab, range(4)))
    assert found == {one.id for one in rows(Certificate)}
    assert (len(found), len(rows(Goal))) == (1, 1)


def test_what_is_restricted_in_its_system_is_neither_asked_here_nor_shown(take, quiz, command):
    id_ = quiz(q.CHOICE, q.BLANK)
    attempt = take(service.start, id_)

    def restrict(unit):
        item = unit.session.get(Item, (unit.institution, id_))
        columns = authored_columns(
            Kind.QUIZ, title="Test", published=True, html="", data=item.data | {"restricted": True}
        )
        item.data, item.learner_data = columns["data"], columns["learner_data"]

    command(restrict)
    for doing in (
        (service.answer, attempt, 1, "a"),
        (service.start, quiz(q.CHOICE, restricted=True)),
    ):
        with pytest.raises(ConflictError, match="restricted in its own system"):
            take(*doing)
    shown = command(lambda unit: unit.session.get(Item, (unit.institution, id_)).learner_data)
    assert (shown["questions"], shown["restricted"]) == ([], True)


def test_two_tabs_begin_one_attempt_and_one_of_their_answers_counts(take, quiz, rows):
    id_ = quiz(q.CHOICE, q.BLANK)

    def tab(given):
        attempt = take(service.start, id_)
        try:
            take(service.answer, attempt, 1, given)
        except ConflictError:
            return attempt, False
        return attempt, True

    with ThreadPoolExecutor(2) as tabs:
        found = list(tabs.map(tab, ["a", "b"]))
    assert len({attempt for attempt, _ in found}) == 1
    assert sorted(won for _, won in found) == [False, True]
    assert len(rows(Answer)) == len(rows(QuizResponse)) == 1
