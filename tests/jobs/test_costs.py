"""What jobs cost in statements: the same, however many wait."""

from __future__ import annotations

from sqlalchemy import insert

from bloop.jobs import ledger, system_call
from bloop.jobs.models import Job, JobState
from bloop.store.ids import new_id
from tests.support.database import make_call
from tests.support.queries import counted


def add_many(database, call, number):
    """Jobs that wait, as enqueue writes them."""
    row = {
        "institution_id": call.institution,
        "kind": "work",
        "payload": {},
        "actor": "user:somebody",
        "actor_role": "educator",
        "trace": str(call.trace),
    }
    with database.unit(call) as unit:
        unit.session.execute(
            insert(Job), [row | {"id": new_id(), "turn": turn} for turn in range(number)]
        )


def test_asking_claiming_and_ending_cost_the_same_whatever_waits(database):
    call = make_call()
    costs = []
    for waiting in (5, 2000):
        add_many(database, call, waiting)
        with counted(database) as found:
            with database.unit(call) as unit:
                ledger.enqueue(unit, "work", {})
            with database.unit(system_call()) as unit:
                claims = ledger.claim(unit, "me", ("work",), limit=3, lease_seconds=60)
            for claim in claims:
                with database.unit(system_call()) as unit:
                    ledger.finish(unit, claim, JobState.SUCCEEDED)
        assert len(claims) == 3
        costs.append(found.total())
    assert costs[0] == costs[1]
