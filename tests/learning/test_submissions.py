"""Grades of another system are answers of the user whose person there is linked."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bloop.content.enrolling.models import PersonLink
from bloop.content.models import Item, Person, Submission
from bloop.learning import submissions
from bloop.learning.mastery.models import Learner
from bloop.learning.models import Answer
from bloop.learning.statements.models import Statement
from bloop.store.types import utcnow
from bloop_sdk.events import Event
from tests.content.course import connect


@pytest.fixture
def graded(database, call, command, learner, course):
    """Somebody's graded work in another system, where nobody knows yet who that is here."""
    connection = connect(database, call)

    def make(unit):
        own = {"institution_id": unit.institution, "connection_id": connection}
        shared = {**own, "state": "active", "raw_hash": "x"}
        person = Person(**shared, remote_id="p", name="Lea")
        item = Item(
            **shared,
            remote_id="7",
            container_id=course,
            kind="assignment",
            title="Essay",
            published=True,
            html="",
            data={"points": 20.0},
        )
        unit.session.add_all([person, item])
        unit.session.flush()
        work = Submission(
            **shared,
            remote_id="s",
            container_id=course,
            person_id=person.id,
            item_kind="assignment",
            item_remote_id="7",
            status="graded",
            score=15.0,
            graded_at=utcnow(),
        )
        unit.session.add(work)
        unit.session.flush()
        return person.id, work.id

    return command(make)


def event(topic, **payload):
    return Event(
        id="e",
        topic=topic,
        institution="x",
        aggregate="a",
        sequence=1,
        actor="somebody",
        occurred_at=utcnow(),
        payload=payload,
    )


def test_a_grade_is_an_answer_once_its_person_is_known(command, graded, learner):
    person, work = graded
    updated = event("content.submission.updated", id=work)
    command(submissions.take, updated)

    def kept(unit):
        rows = unit.session.scalars(select(Answer).order_by(Answer.id))
        return [(one.user_id, one.score, one.source) for one in rows]

    assert command(kept) == []
    link = {"person_id": person, "user_id": learner.principal.id, "how": "hand"}
    command(lambda unit: unit.session.add(PersonLink(institution_id=unit.institution, **link)))
    linked = event("user.person_linked", id=learner.principal.id, person=person)
    for _ in range(2):
        command(submissions.take, linked)
        command(submissions.take, updated)
    assert command(kept) == [(learner.principal.id, 0.75, "lms")]

    def regrade(unit):
        unit.session.get(Submission, (unit.institution, work)).score = 20.0

    command(regrade)
    command(submissions.take, updated)
    assert [one[1] for one in command(kept)] == [1.0]
    verbs = command(lambda unit: unit.session.scalars(select(Statement.verb)).all())
    assert [one.rpartition("/")[2] for one in verbs] == ["scored", "scored"]


def test_a_grade_counts_as_it_is_now_and_for_who_is_its_person_now(command, graded, learner):
    person, work = graded
    user = learner.principal.id
    updated = event("content.submission.updated", id=work)

    def put(**values):
        def write(unit):
            row = unit.session.get(Submission, (unit.institution, work))
            for name, value in values.items():
                setattr(row, name, value)

        command(write)
        command(submissions.take, updated)
        return command(lambda unit: sorted(unit.session.scalars(select(Answer.score))))

    def linked(to):
        command(
            lambda unit: unit.session.get(PersonLink, (unit.institution, person)).__setattr__(
                "user_id", to
            )
        )

    link = PersonLink(person_id=person, user_id=user, how="hand")

    def first(unit):
        link.institution_id = unit.institution
        unit.session.add(link)

    command(first)
    assert put(score=10.0) == [0.5]
    assert put(score=20.0) == [1.0]
    assert put(score=10.0) == [0.5]  # One that came back is one grade still.
    assert put(score=18.0, attempt=2) == [0.5, 0.9]
    assert put(status="excused") == [0.5]
    assert put(status="graded") == [0.5, 0.9]
    assert put(status="unreleased") == [0.5]  # Their own system shows it to nobody but who teaches.
    assert put(status="graded") == [0.5, 0.9]
    unlinked = event("user.person_unlinked", id=user, person=person)
    command(submissions.take, unlinked)  # They are linked again by the time it is heard.
    assert len(put()) == 2
    linked(None)
    command(submissions.take, unlinked)
    assert put() == []
    assert command(lambda unit: unit.session.scalars(select(Learner.answers)).all()) == [0]
