from __future__ import annotations

import pytest

from bloop.accounts.people import service as people
from bloop.content import service as content
from bloop.content.enrolling.service import set_audience
from bloop.content.models import Container
from bloop_sdk import Role
from tests.support.database import make_call


@pytest.fixture
def command(database, call):
    """Runs a command in a unit of its own, as the hub's educator unless another call is given."""

    def run(function, *args, as_=None, **kwargs):
        with database.unit(as_ or call) as unit:
            return function(unit, *args, **kwargs)

    return run


@pytest.fixture
def learner(database, call, command):
    """The call of a learner with an account."""
    user = command(
        lambda unit: (
            people.add_user(
                unit, name="Lea", email="lea@example.com", role=Role.LEARNER, how="added"
            ).id
        )
    )
    return make_call(call.institution, Role.LEARNER, name=user)


@pytest.fixture
def course(command):
    """A published course."""

    def make(unit):
        made = content.create_container(unit, title="Chemistry")
        unit.session.flush()
        set_audience(unit, made.id, None, "open")
        content.publish(unit, Container, made.id, None, lambda *_: None)
        return made.id

    return command(make)
