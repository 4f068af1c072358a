"""Jobs that come after others: chains, groups, and what becomes of them when one fails."""

import contextlib
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import delete, event, select, text, update
from uuid_utils import uuid7

from bloop.jobs import follow, ledger, system_call, trim
from bloop.jobs.models import Job, JobState
from bloop.jobs.queries import AFTER
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.types import utcnow


def ask(database, call, *after, **options):
    with database.unit(call) as unit:
        return ledger.enqueue(unit, "work", {}, after=after, **options)


def claim(database, limit=10):
    with database.unit(system_call()) as unit:
        return ledger.claim(unit, "me", ["work"], limit=limit, lease_seconds=60)


def finish(database, claim, state=JobState.SUCCEEDED):
    with database.unit(system_call()) as unit:
        return ledger.finish(unit, claim, state)


def job(database, id_):
    with database.unit(system_call()) as unit:
        return unit.get(Job, id_)


def states(database, *ids):
    return [job(database, id_).state for id_ in ids]


def act(database, call, command, id_):
    with database.unit(call) as unit:
        command(unit, id_)


def run_next(database, state=JobState.SUCCEEDED):
    """Claim what may begin, end all of it so; the ids."""
    claims = claim(database)
    for one in claims:
        assert finish(database, one, state)
    return [one.id for one in claims]


def test_a_chain_runs_one_behind_the_other(database, call):
    with database.unit(call) as unit:
        first = ledger.enqueue(unit, "work", {})
        second = ledger.enqueue(unit, "work", {}, after=[first])
        third = ledger.enqueue(unit, "work", {}, after=[second])
    assert states(database, first, second, third) == ["waiting", "blocked", "blocked"]
    assert run_next(database) == [first]
    assert run_next(database) == [second]
    assert run_next(database) == [third]


def test_what_comes_after_a_group_waits_for_all_of_it(database, call):
    with database.unit(call) as unit:
        group = [ledger.enqueue(unit, "work", {}) for _ in range(3)]
        last = ledger.enqueue(unit, "work", {}, after=group)
    claims = claim(database)
    for one in claims:
        assert states(database, last) == ["blocked"]
        finish(database, one)
    assert run_next(database) == [last]


def test_it_may_come_after_a_job_that_runs_or_is_over_already(database, call):
    first, second = ask(database, call), ask(database, call)
    running, over = claim(database)
    finish(database, over)
    after_both, after_over = ask(database, call, first, second), ask(database, call, second)
    assert states(database, after_both, after_over) == ["blocked", "waiting"]
    assert job(database, after_both).pending == 1
    finish(database, running)
    assert set(run_next(database)) == {after_over, after_both}


def test_a_delay_holds_as_well(database, call):
    first = ask(database, call)
    later = ask(database, call, first, delay=3600)
    assert run_next(database) == [first]
    assert states(database, later) == ["waiting"]
    assert job(database, later).run_after > utcnow()
    assert claim(database) == []


def test_the_job_it_comes_after_must_exist_in_this_institution(database, call, other_call):
    theirs = ask(database, other_call)
    for wrong in ("nothing", theirs):
        with pytest.raises(NotFoundError, match="to come after"):
            ask(database, call, wrong)


def test_a_known_key_gives_the_job_as_it_was_asked_for(database, call):
    first = ask(database, call)
    second = ask(database, call, first, key="k")
    assert ask(database, call, key="k") == second
    assert ask(database, call, first, key="k") == second
    assert run_next(database) == [first]
    assert run_next(database) == [second]


def test_what_comes_after_a_failed_job_is_cancelled_and_says_why(database, call):
    with database.unit(call) as unit:
        first = ledger.enqueue(unit, "work", {})
        second = ledger.enqueue(unit, "work", {}, after=[first])
        third = ledger.enqueue(unit, "work", {}, after=[second])
        other = ledger.enqueue(unit, "work", {})
    failing, fine = claim(database)
    finish(database, failing, JobState.FAILED)
    finish(database, fine)
    assert states(database, second, third, other) == ["cancelled", "cancelled", "succeeded"]
    for id_ in (second, third):
        error = job(database, id_).error
        assert error["code"] == "job_after_failed"
        assert error["message"] == f"it comes after work {first}, which failed"
        assert f"bloop jobs retry {first}" in error["cure"]
        assert job(database, id_).finished_at is not None
    late = ask(database, call, third)
    assert (job(database, late).state, job(database, late).error["job"]) == ("cancelled", first)


def test_cancelling_a_job_cancels_what_comes_after_it(database, call):
    first = ask(database, call)
    second = ask(database, call, first)
    third = ask(database, call, second)
    act(database, call, ledger.cancel, second)
    assert states(database, first, second, third) == ["waiting", "cancelled", "cancelled"]
    assert job(database, second).error is None
    assert job(database, third).error["message"].endswith(f"{second}, which was cancelled")
    assert run_next(database) == [first]
    assert claim(database) == []


def test_a_job_that_was_lost_for_good_stops_what_comes_after_it(database, call):
    first = ask(database, call, max_attempts=1)
    second = ask(database, call, first)
    claim(database)
    with database.unit(system_call()) as unit:
        unit.get(Job, first).lease_until = utcnow().replace(year=2020)
    with database.unit(system_call()) as unit:
        assert ledger.reap(unit) == 1
    assert states(database, first, second) == ["failed", "cancelled"]


def test_trying_the_failed_job_again_lets_the_others_go_on(database, call):
    first = ask(database, call)
    second = ask(database, call, first)
    third = ask(database, call, second, first)
    run_next(database, JobState.FAILED)
    with pytest.raises(ConflictError, match=f"comes after {first}, which has not succeeded"):
        act(database, call, ledger.retry, second)
    act(database, call, ledger.retry, first)
    assert states(database, first, second, third) == ["waiting", "blocked", "blocked"]
    assert (job(database, second).error, job(database, second).finished_at) == (None, None)
    assert [run_next(database) for _ in range(3)] == [[first], [second], [third]]


def test_what_comes_after_two_failed_jobs_waits_until_both_are_tried_again(database, call):
    first, second = ask(database, call), ask(database, call)
    both = ask(database, call, first, second)
    behind = ask(database, call, both)
    run_next(database, JobState.FAILED)
    act(database, call, ledger.retry, first)
    assert states(database, both, behind) == ["cancelled", "cancelled"]
    assert run_next(database) == [first]
    act(database, call, ledger.retry, second)
    assert states(database, both, behind) == ["blocked", "blocked"]
    assert [run_next(database) for _ in range(3)] == [[second], [both], [behind]]


def test_what_somebody_cancelled_is_not_revived_by_another_retry(database, call):
    first = ask(database, call)
    second = ask(database, call, first)
    act(database, call, ledger.cancel, second)
    run_next(database, JobState.FAILED)
    act(database, call, ledger.retry, first)
    assert states(database, second) == ["cancelled"]
    act(database, call, ledger.retry, second)
    assert states(database, second) == ["blocked"]
    assert [run_next(database), run_next(database)] == [[first], [second]]


def test_a_job_tells_what_it_comes_after(database, call, other_call):
    group = [ask(database, call) for _ in range(2)]
    last = ask(database, call, *group)
    (first,) = claim(database, limit=1)
    finish(database, first)
    rows = [AFTER.as_dict(row) for row in database.read_now(AFTER, call, id=last)]
    assert [(row["id"], row["state"]) for row in rows] == [
        (group[0], "succeeded"),
        (group[1], "waiting"),
    ]
    assert database.read_now(AFTER, other_call, id=last) == []


def test_jobs_without_followers_end_in_one_statement(database, call):
    ask(database, call)
    (one,) = claim(database)
    with database.unit(system_call()) as unit:
        said = []
        event.listen(
            unit.session.connection(), "before_cursor_execute", lambda *args: said.append(args[2])
        )
        ledger.finish(unit, one, JobState.SUCCEEDED)
    assert len(said) == 1


def test_what_waits_for_a_job_that_is_deleted_is_cancelled(database, call):
    gone, other = ask(database, call, plugin_id="p"), ask(database, call)
    behind = ask(database, call, gone, other)
    last = ask(database, call, behind)
    with database.unit(system_call()) as unit:
        follow.abandon(unit, select(Job.id).where(Job.plugin_id == "p"))
        unit.session.execute(delete(Job).where(Job.plugin_id == "p"))
    assert states(database, behind, last) == ["cancelled", "cancelled"]
    assert job(database, last).error["message"].endswith(f"{gone}, which is gone")
    with pytest.raises(ConflictError, match="one that is gone"):
        act(database, call, ledger.retry, behind)
    run_next(database, JobState.FAILED)
    act(database, call, ledger.retry, other)
    assert states(database, other, behind, last) == ["waiting", "cancelled", "cancelled"]


def test_jobs_that_ended_long_ago_are_forgotten(database, call, monkeypatch):
    monkeypatch.setattr(trim, "ROWS_AT_ONCE", 2)
    long_ago = utcnow() - timedelta(days=40)
    monkeypatch.setattr(ledger, "new_id", lambda: str(uuid7(int(long_ago.timestamp()))))
    old = [ask(database, call) for _ in range(6)]
    behind = ask(database, call, old[0])
    monkeypatch.undo()
    young = ask(database, call)
    for one in claim(database, limit=4):
        finish(database, one)
    with database.unit(system_call()) as unit:
        unit.session.execute(update(Job).where(Job.id.in_(old[:3])).values(finished_at=long_ago))
    assert trim.trim(database, system_call(), timedelta(days=30)) == 3
    with database.unit(system_call()) as unit:
        left = set(unit.session.scalars(select(Job.id)))
    assert left == {*old[3:], behind, young}
    assert database.read_now(AFTER, call, id=behind) == []
    assert behind in run_next(database)


def until_somebody_waits(database):
    """Until a transaction of this database waits for a lock of another one."""
    waits = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(3000):
        with database.engine.connect() as connection:
            if connection.scalar(waits):
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


@contextlib.contextmanager
def meanwhile(database, function, *args):
    """What begins a call in a thread and returns once that waits for a lock; what it gave."""
    threads, found = [], []

    def begin(_session=None):
        thread = threading.Thread(target=lambda: found.append(function(*args)))
        threads.append(thread)
        thread.start()
        until_somebody_waits(database)

    yield begin, found
    for thread in threads:
        thread.join()


on_postgresql = pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)


@on_postgresql
def test_of_two_that_end_at_once_the_second_lets_go(database, call):
    first, second = ask(database, call), ask(database, call)
    both = ask(database, call, first, second)
    one, other = claim(database)
    with (
        meanwhile(database, finish, database, other) as (begin, found),
        database.unit(system_call()) as unit,
    ):
        ledger.finish(unit, one, JobState.SUCCEEDED)
        event.listen(unit.session, "before_commit", begin)
    assert found == [True]
    assert (job(database, both).state, job(database, both).pending) == ("waiting", 0)


@on_postgresql
@pytest.mark.parametrize(
    ("state", "becomes"), [(JobState.SUCCEEDED, "waiting"), (JobState.FAILED, "cancelled")]
)
def test_a_job_that_ends_while_another_is_asked_for_behind_it(database, call, state, becomes):
    ask(database, call), ask(database, call)
    before, late = claim(database)
    with database.unit(call) as unit:
        early = ledger.enqueue(unit, "work", {}, after=[before.id])
        finish(database, before, state)
    with (
        meanwhile(database, ask, database, call, late.id) as (begin, found),
        database.unit(system_call()) as unit,
    ):
        ledger.finish(unit, late, state)
        begin()
    assert states(database, early, *found) == [becomes, becomes]


@on_postgresql
def test_a_job_put_behind_one_that_is_cancelled_just_now_is_cancelled_too(database, call):
    first = ask(database, call)
    second = ask(database, call, first)
    (failing,) = claim(database)
    with (
        meanwhile(database, finish, database, failing, JobState.FAILED) as (begin, found),
        database.unit(call) as unit,
    ):
        third = ledger.enqueue(unit, "work", {}, after=[second])
        event.listen(unit.session, "before_commit", begin)
    assert found == [True]
    assert states(database, second, third) == ["cancelled", "cancelled"]


@on_postgresql
def test_asking_for_a_job_behind_another_keeps_nobody_waiting(database, call):
    ask(database, call)
    (running,) = claim(database)
    with database.unit(call) as unit:
        ledger.enqueue(unit, "work", {}, after=[running.id])
        with database.unit(system_call()) as beat:
            beat.session.execute(text("SET LOCAL lock_timeout = '1s'"))
            ledger.beat(beat, running, {}, 60)


def test_of_jobs_that_end_together_each_lets_go_what_comes_after_it(database, call):
    with database.unit(call) as unit:
        group = [ledger.enqueue(unit, "work", {}) for _ in range(3)]
        all_three = ledger.enqueue(unit, "work", {}, after=group)
        first_two = ledger.enqueue(unit, "work", {}, after=group[:2])
        behind = ledger.enqueue(unit, "work", {}, after=[first_two])
    claims = claim(database)
    with database.unit(system_call()) as unit:
        for one, state in zip(claims, ("succeeded", "succeeded", "failed"), strict=True):
            assert ledger.finish(unit, one, JobState(state))
    assert states(database, all_three, first_two, behind) == ["cancelled", "waiting", "blocked"]
    assert [run_next(database), run_next(database)] == [[first_two], [behind]]


def test_nothing_is_lost_where_many_end_at_once(database, call):
    with database.unit(call) as unit:
        group = [ledger.enqueue(unit, "work", {}) for _ in range(24)]
        lasts = [ledger.enqueue(unit, "work", {}, after=group[n:]) for n in range(0, 24, 4)]
    claims = claim(database, limit=24)
    start = threading.Barrier(4)

    def end(part):
        start.wait()
        for one in part:
            finish(database, one)

    threads = [threading.Thread(target=end, args=[claims[number::4]]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run_next(database)) == sorted(lasts)
