"""Whatever happens to jobs that come after each other, they stand where a simple model has them."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bloop.jobs import follow, ledger, system_call
from bloop.jobs.models import Job, JobState
from bloop.store.errors import ConflictError

UNSUCCESSFUL = {"failed", "cancelled", "stopped"}
ABLE = {"cancel": {"waiting", "blocked"}, "retry": UNSUCCESSFUL}
"""Of which states a job can be told to do so."""
NUMBERS = st.integers(0, 30)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.lists(NUMBERS, max_size=3)),
        st.tuples(st.just("run"), st.lists(st.booleans(), min_size=1, max_size=4)),
        st.tuples(st.sampled_from(["cancel", "retry"]), NUMBERS),
    ),
    min_size=12,
    max_size=30,
)
kinds = itertools.count()


class Model:
    """What each job comes after, and how it stands; ``stopped`` is cancelled for another one."""

    def __init__(self):
        self.after = []
        self.state = []

    def ask(self, after):
        self.after.append(set(after))
        self.state.append("")
        self.settle(len(self.state) - 1)

    def settle(self, job):
        """Where a job stands that begins, or begins again."""
        states = {self.state[one] for one in self.after[job]}
        if states & UNSUCCESSFUL:
            self.state[job] = "stopped"
        else:
            self.state[job] = "waiting" if states <= {"succeeded"} else "blocked"

    def end(self, job, state):
        self.state[job] = state
        for later, after in enumerate(self.after):
            if job in after and self.state[later] == "blocked":
                if state in UNSUCCESSFUL:
                    self.end(later, "stopped")
                else:
                    self.settle(later)

    def may_retry(self, job):
        return not {self.state[one] for one in self.after[job]} & UNSUCCESSFUL

    def retry(self, job):
        self.settle(job)
        for later, after in enumerate(self.after):
            if job in after and self.state[later] == "stopped" and self.may_retry(later):
                self.retry(later)


class Ledger:
    """The same by the hub's own means."""

    def __init__(self, database, call):
        self.database = database
        self.call = call
        self.kind = f"work{next(kinds)}"
        self.ids = []

    def ask(self, after):
        with self.database.unit(self.call) as unit:
            after = [self.ids[one] for one in after]
            self.ids.append(ledger.enqueue(unit, self.kind, {}, after=after))

    def act(self, command, job):
        with self.database.unit(self.call) as unit:
            command(unit, self.ids[job])

    def claim(self):
        with self.database.unit(system_call()) as unit:
            claims = ledger.claim(unit, "me", [self.kind], limit=50, lease_seconds=60)
        return {self.ids.index(claim.id): claim for claim in claims}

    def finish(self, claim, state):
        with self.database.unit(system_call()) as unit:
            assert ledger.finish(unit, claim, state)

    def states(self):
        with self.database.unit(system_call()) as unit:
            rows = unit.session.execute(select(Job.id, Job.state, Job.error)).all()
        found = {
            row.id: "stopped" if (row.error or {}).get("code") == follow.STOPPED else row.state
            for row in rows
        }
        return [found[id_] for id_ in self.ids]


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_jobs_stand_where_the_model_has_them(database, call, steps):
    model, real = Model(), Ledger(database, call)
    for act, given_ in steps:
        count = len(model.state)
        if act == "ask":
            after = sorted({number % count for number in given_}) if count else []
            model.ask(after)
            real.ask(after)
        elif act == "run":
            claims = real.claim()
            assert sorted(claims) == [n for n, one in enumerate(model.state) if one == "waiting"]
            for (job, claim), good in zip(claims.items(), itertools.cycle(given_), strict=False):
                state = JobState.SUCCEEDED if good else JobState.FAILED
                model.end(job, state)
                real.finish(claim, state)
        elif able := [n for n, one in enumerate(model.state) if one in ABLE[act]]:
            job = able[given_ % len(able)]
            if act == "cancel":
                model.end(job, "cancelled")
                real.act(ledger.cancel, job)
            elif model.may_retry(job):
                model.retry(job)
                real.act(ledger.retry, job)
            else:
                with pytest.raises(ConflictError):
                    real.act(ledger.retry, job)
        assert real.states() == model.state
