from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

import bloop.learning.following  # noqa: F401 - hears answers
from bloop.accounts.models import User
from bloop.content import service as content
from bloop.content.enrolling.service import set_audience
from bloop.content.models import Container
from bloop.graph.service import add_concept, cover, link
from bloop.learning.answers import Given, record
from bloop.store.ids import new_id
from bloop_sdk import Role
from tests.support.database import make_call

BEGAN = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture
def command(database, call):
    """Runs a command in a unit of its own, as an educator unless another call is given."""

    def run(function, *args, as_=None, **kwargs):
        with database.unit(as_ or call) as unit:
            return function(unit, *args, **kwargs)

    return run


@pytest.fixture
def learner(call, command):
    """Makes a learner, and gives their call."""

    def make():
        def add(unit):
            user = User(institution_id=call.institution, name="Lea", role=Role.LEARNER)
            unit.session.add(user)
            unit.session.flush()
            return user.id

        return make_call(call.institution, Role.LEARNER, name=command(add))

    return make


@pytest.fixture
def course(command):
    """A published course that is open to everybody."""

    def make(unit):
        made = content.create_container(unit, title="Chemistry")
        unit.session.flush()
        set_audience(unit, made.id, None, "open")
        content.publish(unit, Container, made.id, None, lambda *_: None)
        return made.id

    return command(make)


@pytest.fixture
def concepts(command):
    """Concepts by their names, made on first use."""

    class Made(dict):
        def __missing__(self, name):
            self[name] = command(add_concept, name)
            return self[name]

    return Made()


@pytest.fixture
def chain(command, concepts):
    """Makes a prerequisite of each name of the next."""

    def make(*names):
        for before, after in pairwise(names):
            command(link, concepts[before], concepts[after])

    return make


@pytest.fixture
def lesson(command, course, concepts):
    """Makes a published page that covers concepts, by their names."""

    def make(title, *names, role="teaches", container=None, published=True):
        def add(unit):
            row = content.create_item(
                unit,
                container_id=container or course,
                kind="page",
                title=title,
                html="<p>x</p>",
                data={},
            )
            row.published = published
            unit.session.flush()
            return row.id

        item = command(add)
        for name in names:
            command(cover, item, concepts[name], role)
        return item

    return make


@pytest.fixture
def answer(command):
    """Has a learner answer: each is an item, a score, and a number of hours."""

    def give(call, *answers):
        given = [
            Given(item=item, key=new_id(), score=score, at=BEGAN + timedelta(hours=hours))
            for item, score, hours in answers
        ]
        return command(record, call.principal.id, given, as_=call)

    return give
