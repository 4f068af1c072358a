"""Jobs in any order of asking, running, dying and waking up late: the laws of leases hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import delete, select

from bloop.jobs import ledger, system_call
from bloop.jobs.models import OVER, Job, JobState, JobTurn
from bloop.store.errors import ConflictError
from bloop.store.types import utcnow
from tests.support.database import HOME, OTHER, make_call

LEASE = 5.0
ENDINGS = st.sampled_from(["beat", "succeed", "fail", "give_back", "cancelled"])
ANY = st.integers(0, 50)
PEOPLE = {HOME: make_call(HOME), OTHER: make_call(OTHER)}


@dataclass
class Known:
    """What the model knows of a job; ``holder`` is the claim whose writes count."""

    institution: str
    max_attempts: int
    due: datetime
    state: JobState = JobState.WAITING
    attempts: int = 0
    holder: ledger.Claim | None = None
    lease_until: datetime | None = None
    cancel: bool = False
    claims: list[ledger.Claim] = field(default_factory=list)

    def let_go(self, state: JobState) -> None:
        self.state, self.holder, self.lease_until = state, None, None


class HaltedError(Exception):
    """What stands for a process that ends before its commit."""


class Leases(RuleBasedStateMachine):
    """The model beside the ledger; a moved clock stands for time."""

    @initialize()
    def begin(self):
        self.jobs: dict[str, Known] = {}
        self.keys: dict[tuple[str, str], tuple[str, int]] = {}
        self.ahead = timedelta()
        self.patch.setattr(ledger, "utcnow", self.now)
        with self.database.unit(system_call()) as unit:
            unit.session.execute(delete(Job))
            unit.session.execute(delete(JobTurn))
        for max_attempts in (1, 2, 3):
            self.ask(HOME, None, 1, max_attempts, 0.0)

    def now(self):
        return utcnow() + self.ahead

    def do(self, function, *args, call=None, **kwargs):
        with self.database.unit(call or system_call()) as unit:
            return function(unit, *args, **kwargs)

    def rows(self):
        with self.database.unit(system_call()) as unit:
            return {row.id: row for row in unit.session.execute(select(Job.__table__))}

    # -- people

    @rule(
        who=st.sampled_from([HOME, OTHER]),
        key=st.sampled_from([None, "a", "b"]),
        n=st.sampled_from([1, 2]),
        max_attempts=st.sampled_from([1, 2, 3]),
        delay=st.sampled_from([0.0, 30.0]),
    )
    def ask(self, who, key, n, max_attempts, delay):
        options = {"key": key, "max_attempts": max_attempts, "delay": delay}
        known = self.keys.get((who, key))
        if known is not None and known[1] != n:
            with pytest.raises(ConflictError):
                self.do(ledger.enqueue, "work", {"n": n}, call=PEOPLE[who], **options)
            return
        id_ = self.do(ledger.enqueue, "work", {"n": n}, call=PEOPLE[who], **options)
        if known is not None:
            assert id_ == known[0], "one key, one job"
            return
        assert id_ not in self.jobs
        self.jobs[id_] = Known(who, max_attempts, self.now() + timedelta(seconds=delay))
        if key is not None:
            self.keys[who, key] = id_, n

    def chosen(self, which):
        ids = sorted(self.jobs)
        id_ = ids[which % len(ids)]
        return id_, self.jobs[id_]

    @rule(which=ANY)
    def cancel(self, which):
        id_, job = self.chosen(which)
        if job.state in OVER:
            with pytest.raises(ConflictError):
                self.do(ledger.cancel, id_, call=PEOPLE[job.institution])
            return
        self.do(ledger.cancel, id_, call=PEOPLE[job.institution])
        if job.state == JobState.WAITING:
            job.let_go(JobState.CANCELLED)
        else:
            job.cancel = True

    @rule(which=ANY)
    def retry(self, which):
        id_, job = self.chosen(which)
        if job.state not in {JobState.FAILED, JobState.CANCELLED}:
            with pytest.raises(ConflictError):
                self.do(ledger.retry, id_, call=PEOPLE[job.institution])
            return
        self.do(ledger.retry, id_, call=PEOPLE[job.institution])
        job.let_go(JobState.WAITING)
        job.attempts, job.cancel, job.due = 0, False, self.now()

    # -- runners

    @rule(owner=st.sampled_from(["north:1:1", "south:1:1"]), limit=st.integers(1, 3))
    def claim(self, owner, limit):
        due = {
            id_
            for id_, job in self.jobs.items()
            if job.state == JobState.WAITING and job.due <= self.now()
        }
        claims = self.do(ledger.claim, owner, ["work"], limit=limit, lease_seconds=LEASE)
        assert len(claims) == min(limit, len(due)), "what is due is claimed, and nothing else"
        for claim in claims:
            assert claim.id in due, "nobody else holds it"
            job = self.jobs[claim.id]
            assert not job.cancel, "what was to be cancelled does not begin again"
            job.state, job.attempts = JobState.RUNNING, job.attempts + 1
            job.holder, job.lease_until = claim, self.now() + timedelta(seconds=LEASE)
            job.claims.append(claim)
            assert claim.attempt == job.attempts <= job.max_attempts
            assert claim.call.institution == job.institution

    @rule(again=st.booleans())
    def lose_all_leases(self, again):
        """The machine sleeps, others take back what it held, and it may claim anew."""
        self.claim("north:1:1", 3)
        self.ahead += timedelta(seconds=LEASE + 1)
        self.reap(keeps=False)
        if again:
            self.claim("north:1:1", 3)

    @rule(limit=st.integers(1, 3))
    def die_before_the_claim_is_committed(self, limit):
        def claim(unit):
            ledger.claim(unit, "north:1:1", ["work"], limit=limit, lease_seconds=LEASE)
            raise HaltedError

        with pytest.raises(HaltedError):
            self.do(claim)

    @rule(which=ANY, how=ENDINGS)
    def write(self, which, how):
        claims = [job.holder for job in self.jobs.values() if job.holder is not None]
        if claims:
            self.write_by(claims[which % len(claims)], how)

    @rule(how=ENDINGS, sleeps=st.booleans())
    def write_late(self, how, sleeps):
        """By whoever once held a job, which may be another's by now, or its own once more."""
        if sleeps:
            self.lose_all_leases(again=True)
        for job in self.jobs.values():
            for claim in job.claims[-3:]:
                if claim is not job.holder:
                    self.write_by(claim, how)

    def write_by(self, claim, how):
        job, before = self.jobs[claim.id], self.rows()[claim.id]
        is_holder = job.holder is claim
        if how == "beat":
            self.beat(job, claim, is_holder=is_holder)
        else:
            assert self.end(job, claim, how) is is_holder
        if not is_holder:
            assert self.rows()[claim.id] == before, "a late write changes nothing"

    def beat(self, job, claim, *, is_holder):
        if not is_holder:
            with pytest.raises(LookupError):
                self.do(ledger.beat, claim, {"progress_done": 1}, LEASE)
            return
        assert self.do(ledger.beat, claim, {"progress_done": 1}, LEASE) is job.cancel
        job.lease_until = self.now() + timedelta(seconds=LEASE)

    def end(self, job, claim, how):
        """As the runner does; gives whether the ledger took it."""
        if how == "fail" and claim.attempt < claim.max_attempts:
            taken = self.do(ledger.retry_later, claim, {"code": "x"}, retry_after=20.0)
            then, attempts = JobState.WAITING, job.attempts
        elif how == "give_back":
            taken = self.do(ledger.give_back, claim)
            then, attempts = JobState.WAITING, job.attempts - 1
        else:
            names = {"succeed": "SUCCEEDED", "fail": "FAILED", "cancelled": "CANCELLED"}
            then, attempts = JobState[names[how]], job.attempts
            taken = self.do(ledger.finish, claim, then, result=how)
        if taken:
            if then == JobState.WAITING:
                job.due = self.rows()[claim.id].run_after
                assert how == "give_back" or job.due >= self.now() + timedelta(seconds=19)
                then = JobState.CANCELLED if job.cancel else then
            job.let_go(then)
            job.attempts = attempts
        return taken

    @rule(keeps=st.booleans())
    def reap(self, keeps):
        """``keeps``: the reaper itself runs one of those whose time is over."""
        lost = {
            id_
            for id_, job in self.jobs.items()
            if job.state == JobState.RUNNING and job.lease_until < self.now()
        }
        alive = {min(lost)} if keeps and lost else set()
        assert self.do(ledger.reap, alive=alive) == len(lost - alive)
        for id_ in lost - alive:
            job = self.jobs[id_]
            left = job.attempts < job.max_attempts
            job.let_go(JobState.WAITING if left else JobState.FAILED)
            if job.cancel:
                job.state = JobState.CANCELLED
            job.due = self.now()

    @rule(seconds=st.sampled_from([2.0, 6.0, 40.0]))
    def time_passes(self, seconds):
        self.ahead += timedelta(seconds=seconds)

    # -- laws

    @invariant()
    def the_ledger_is_as_the_model(self):
        rows = self.rows()
        assert rows.keys() == self.jobs.keys()
        for id_, job in self.jobs.items():
            row = rows[id_]
            assert (row.state, row.attempts) == (job.state, job.attempts)
            assert row.attempts <= row.max_attempts
            holder = job.holder
            assert (row.lease_owner, row.lease_until is None) == (
                holder.owner if holder else None,
                holder is None,
            )
            assert holder is None or row.lease_epoch == holder.epoch
            assert (row.finished_at is not None) == (row.state in OVER)

    def teardown(self):
        """Every job ends, once runners run."""
        jobs = getattr(self, "jobs", {}).values()
        for _ in range(len(jobs)):
            self.ahead += timedelta(seconds=400)
            self.reap(keeps=False)
            self.claim("south:1:1", 3)
            for job in jobs:
                if job.holder is not None:
                    self.end(job, job.holder, "cancelled" if job.cancel else "succeed")
        assert all(job.state in OVER for job in jobs)


def test_no_order_of_runners_deaths_and_people_breaks_a_lease(database, monkeypatch):
    class Machine(Leases):
        """The machine on this database."""

    Machine.database, Machine.patch = database, monkeypatch
    Machine.TestCase.settings = settings(
        max_examples=20 if database.dialect == "sqlite" else 6,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    Machine.TestCase("runTest").runTest()
