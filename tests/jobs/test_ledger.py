"""The ledger: one claim at a time, fenced writes, bounded attempts."""

import os
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from bloop.jobs import ledger, owners, system_call
from bloop.jobs.models import Job, JobState
from bloop.jobs.queries import JOB
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.models import AuditLine
from bloop.store.types import utcnow
from bloop_sdk import Role
from tests.support.database import make_call

KINDS = ("work",)


def enqueue(database, call, **options):
    with database.unit(call) as unit:
        return ledger.enqueue(unit, options.pop("kind", "work"), {"n": 1}, **options)


def claim(database, owner="me", limit=10, lease_seconds=60, kinds=KINDS):
    with database.unit(system_call()) as unit:
        return ledger.claim(unit, owner, kinds, limit=limit, lease_seconds=lease_seconds)


def on_claim(database, function, *args, **kwargs):
    with database.unit(system_call()) as unit:
        return function(unit, *args, **kwargs)


def job(database, id_):
    with database.unit(system_call()) as unit:
        return unit.get(Job, id_)


def set_job(database, id_, **values):
    with database.unit(system_call()) as unit:
        unit.session.execute(update(Job).where(Job.id == id_).values(values))


def test_a_claim_knows_for_whom_it_runs(database):
    asked = make_call(role=Role.ADMIN)
    id_ = enqueue(database, asked, plugin_id="p")
    (found,) = claim(database)
    assert (found.id, found.kind, found.plugin_id, found.payload) == (id_, "work", "p", {"n": 1})
    assert (found.attempt, found.epoch, found.call) == (1, 1, asked)
    assert job(database, id_).state == JobState.RUNNING


def test_every_time_of_a_claimed_job_reads_alike(database, call):
    id_ = enqueue(database, call)
    claim(database)
    (row,) = database.read_now(JOB, call, id=id_)
    times = [value for name, value in zip(JOB.columns, row, strict=True) if name.endswith("_at")]
    shapes = {(type(value), len(str(value))) for value in times if value is not None}
    assert len(shapes) == 1


def test_a_job_of_a_unit_that_failed_does_not_exist(database, call):
    with pytest.raises(KeyError), database.unit(call) as unit:  # noqa: PT012 - the unit ends in it
        ledger.enqueue(unit, "work", {})
        raise KeyError
    assert claim(database) == []


def test_the_same_key_gives_the_same_job(database, call, other_call):
    first = enqueue(database, call, key="k")
    assert enqueue(database, call, key="k") == first
    assert enqueue(database, call, key="l") != first
    assert enqueue(database, other_call, key="k") != first
    assert enqueue(database, call) != enqueue(database, call)
    (found, *_) = claim(database)
    on_claim(database, ledger.finish, found, JobState.SUCCEEDED)
    assert enqueue(database, call, key="k") == first


def test_the_same_key_for_something_else_is_refused(database, call):
    enqueue(database, call, key="k")
    with pytest.raises(ConflictError, match="was used for another work"):
        enqueue(database, call, key="k", kind="other")
    with pytest.raises(ConflictError), database.unit(call) as unit:
        ledger.enqueue(unit, "work", {"n": 2}, key="k")


def test_one_key_at_once_from_many_is_one_job(database, call):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(enqueue(database, call, key="k")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_payload_that_is_too_large_is_refused(database, call):
    with pytest.raises(InvalidError, match="at most 65536 bytes"), database.unit(call) as unit:
        ledger.enqueue(unit, "work", {"x": "y" * 70_000})


def test_jobs_are_claimed_in_order_when_due_and_of_known_kinds(database, call):
    ids = [enqueue(database, call) for _ in range(3)]
    enqueue(database, call, kind="unknown")
    enqueue(database, call, delay=3600)
    assert [one.id for one in claim(database, limit=2)] == ids[:2]
    assert [one.id for one in claim(database, limit=2)] == ids[2:]
    assert claim(database) == []


def test_no_job_is_claimed_twice(database, call):
    ids = {enqueue(database, call) for _ in range(40)}
    found = []
    start = threading.Barrier(4)

    def work(owner):
        start.wait()
        while claims := claim(database, owner, limit=3):
            found.extend(claims)

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40
    assert {one.id for one in found} == ids


def test_progress_and_the_lease_are_written_together(database, call):
    id_ = enqueue(database, call)
    (found,) = claim(database, lease_seconds=5)
    before = job(database, id_)
    progress = {"progress_done": 3, "progress_total": 9, "progress_message": "reading"}
    assert on_claim(database, ledger.beat, found, progress, 3600) is False
    after = job(database, id_)
    assert (after.progress_done, after.progress_total) == (3, 9)
    assert after.lease_until > before.lease_until
    assert after.row_version == before.row_version + 1
    on_claim(database, ledger.beat, found, {}, 3600)
    assert job(database, id_).row_version == after.row_version


def test_finishing_keeps_the_result_and_frees_the_lease(database, call):
    id_ = enqueue(database, call)
    (found,) = claim(database)
    assert on_claim(database, ledger.finish, found, JobState.SUCCEEDED, result={"rows": 2})
    after = job(database, id_)
    assert (after.state, after.result, after.lease_owner) == ("succeeded", {"rows": 2}, None)
    assert after.finished_at is not None


@pytest.mark.parametrize(
    "write",
    [
        lambda unit, found: ledger.finish(unit, found, JobState.SUCCEEDED, result=1),
        lambda unit, found: ledger.retry_later(unit, found, {}, retry_after=None),
        ledger.give_back,
    ],
    ids=["finish", "retry_later", "give_back"],
)
def test_who_lost_the_lease_cannot_write(database, call, write):
    id_ = enqueue(database, call)
    (stale,) = claim(database, lease_seconds=-1)
    assert on_claim(database, ledger.reap) == 1
    (fresh,) = claim(database)
    assert (fresh.id, fresh.epoch, fresh.attempt) == (stale.id, 2, 2)
    assert on_claim(database, write, stale) is False
    with pytest.raises(LookupError):
        on_claim(database, ledger.beat, stale, {"progress_done": 1}, 60)
    assert job(database, id_).state == JobState.RUNNING
    assert on_claim(database, write, fresh) is True


def test_a_retry_waits_at_least_as_long_as_asked(database, call):
    id_ = enqueue(database, call)
    (found,) = claim(database)
    begin = utcnow()
    error = {"code": "rate_limited"}
    assert on_claim(database, ledger.retry_later, found, error, retry_after=600)
    after = job(database, id_)
    assert (after.state, after.error, after.attempts) == ("waiting", error, 1)
    assert after.run_after >= begin + timedelta(seconds=600)


def test_pauses_grow_and_are_bounded():
    assert all(ledger.backoff(1) <= 2 for _ in range(50))
    assert all(4 <= ledger.backoff(3) <= 8 for _ in range(50))
    assert ledger.backoff(1000) <= ledger.LONGEST_BACKOFF_SECONDS


def test_a_job_given_back_has_not_lost_an_attempt(database, call):
    id_ = enqueue(database, call)
    (found,) = claim(database)
    on_claim(database, ledger.give_back, found)
    assert job(database, id_).attempts == 0
    assert claim(database)[0].attempt == 1


def test_a_living_lease_is_not_reaped(database, call):
    enqueue(database, call)
    claim(database)
    assert on_claim(database, ledger.reap) == 0


def test_a_job_whose_runner_dies_each_time_fails_in_the_end(database, call):
    id_ = enqueue(database, call, max_attempts=2)
    for _ in range(2):
        assert job(database, id_).state == JobState.WAITING
        claim(database, lease_seconds=-1)
        on_claim(database, ledger.reap)
    after = job(database, id_)
    assert (after.state, after.error["code"]) == ("failed", "job_lost")
    assert after.error["cure"]


def test_a_job_that_was_to_be_cancelled_is_so_when_its_runner_died(database, call):
    id_ = enqueue(database, call)
    claim(database, lease_seconds=-1)
    with database.unit(call) as unit:
        ledger.cancel(unit, id_)
    on_claim(database, ledger.reap)
    assert job(database, id_).state == JobState.CANCELLED


def test_a_process_that_is_gone_is_known_on_its_own_machine(database, call):
    code = "from bloop.jobs.owners import this_process; print(this_process())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    owner = ended.stdout.strip()
    enqueue(database, call)
    claim(database, owner=owner, lease_seconds=3600)
    assert on_claim(database, ledger.reap) == 1
    machine, _, rest = owner.partition(":")
    enqueue(database, call)
    claim(database, owner=f"another{machine}:{rest}", lease_seconds=3600)
    assert on_claim(database, ledger.reap) == 0


def test_a_process_is_told_from_one_that_had_its_number_before():
    mine = owners.this_process()
    assert not owners.is_dead(mine)
    machine, pid, started = mine.split(":")
    assert int(pid) == os.getpid()
    assert owners.is_dead(f"{machine}:{pid}:{int(started) - 1}")
    assert not owners.is_dead("somewhere:1:1")


def test_cancelling_what_waits_ends_it(database, call):
    id_ = enqueue(database, call)
    with database.unit(call) as unit:
        ledger.cancel(unit, id_)
    assert job(database, id_).state == JobState.CANCELLED
    assert claim(database) == []
    with pytest.raises(ConflictError, match="has cancelled already"), database.unit(call) as unit:
        ledger.cancel(unit, id_)


def test_cancelling_what_runs_tells_its_runner(database, call):
    id_ = enqueue(database, call)
    (found,) = claim(database)
    with database.unit(call) as unit:
        ledger.cancel(unit, id_)
    assert job(database, id_).state == JobState.RUNNING
    assert on_claim(database, ledger.beat, found, {}, 60) is True


@pytest.mark.parametrize(
    "write",
    [lambda unit, found: ledger.retry_later(unit, found, {}, retry_after=None), ledger.give_back],
    ids=["retry_later", "give_back"],
)
def test_what_was_to_be_cancelled_does_not_begin_again(database, call, write):
    id_ = enqueue(database, call)
    (found,) = claim(database)
    with database.unit(call) as unit:
        ledger.cancel(unit, id_)
    assert on_claim(database, write, found)
    after = job(database, id_)
    assert after.state == JobState.CANCELLED and after.finished_at is not None


def test_retrying_begins_anew(database, call):
    id_ = enqueue(database, call, max_attempts=1)
    (found,) = claim(database)
    on_claim(database, ledger.finish, found, JobState.FAILED, error={"code": "x"})
    with database.unit(call) as unit:
        ledger.retry(unit, id_)
    after = job(database, id_)
    assert (after.state, after.error, after.attempts, after.finished_at) == (
        "waiting",
        None,
        0,
        None,
    )
    assert claim(database)[0].id == id_


@pytest.mark.parametrize("state", ["waiting", "running", "succeeded"])
def test_only_what_failed_or_was_cancelled_is_retried(database, call, state):
    id_ = enqueue(database, call)
    set_job(database, id_, state=state)
    with pytest.raises(ConflictError, match=f"is {state}"), database.unit(call) as unit:
        ledger.retry(unit, id_)


def test_acts_of_people_are_audited(database, call):
    id_ = enqueue(database, call)
    with database.unit(call) as unit:
        ledger.cancel(unit, id_)
        ledger.retry(unit, id_)
    with database.unit(call) as unit:
        lines = unit.session.execute(
            select(AuditLine.action, AuditLine.resource).order_by(AuditLine.seq)
        ).all()
    assert lines == [("jobs:cancel", f"job:{id_}"), ("jobs:retry", f"job:{id_}")]


@pytest.mark.parametrize("act", [ledger.cancel, ledger.retry])
def test_another_institutions_job_is_not_found(database, call, other_call, act):
    id_ = enqueue(database, call)
    set_job(database, id_, state="failed")
    with pytest.raises(NotFoundError), database.unit(other_call) as unit:
        act(unit, id_)
    with database.unit(system_call()) as unit:
        assert unit.session.scalar(select(func.count()).select_from(AuditLine)) == 0
