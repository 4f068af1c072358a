"""Whose job is next: priorities, turns of institutions, and plans that do not grow."""

import random
import re
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text, update

from bloop.jobs import ledger, system_call, turns
from bloop.jobs.models import Job, JobState
from bloop.jobs.queries import DUE_KINDS, DUE_LATER
from bloop.store.database import open_engine
from bloop.store.ids import new_id
from bloop.store.types import utcnow
from tests.support.database import make_call


def ask(database, call, number=1, **options):
    with database.unit(call) as unit:
        kind = options.pop("kind", "work")
        return [ledger.enqueue(unit, kind, {}, **options) for _ in range(number)]


def claim(database, limit=1, kinds=("work",), **options):
    with database.unit(system_call()) as unit:
        return ledger.claim(unit, "me", kinds, limit=limit, lease_seconds=60, **options)


def served(database, number, **options):
    """The institutions of the next jobs, claimed and ended one by one."""
    found = []
    for _ in range(number):
        (one,) = claim(database, **options)
        with database.unit(system_call()) as unit:
            ledger.finish(unit, one, JobState.SUCCEEDED)
        found.append(one.call.institution)
    return found


def test_one_job_is_not_kept_waiting_by_anothers_many(database, call, other_call):
    ask(database, call, 300)
    served(database, 100)
    ask(database, other_call)
    # The turn that is served is noted now and then: it may have to wait for some, never for all.
    assert other_call.institution in served(database, 2)


def test_institutions_take_turns(database, call, other_call):
    ask(database, call, 10)
    ask(database, other_call, 10)
    found = served(database, 20)
    for number in range(2, 21, 2):
        assert found[:number].count(call.institution) == number // 2


def test_who_comes_later_has_no_claim_to_what_was_served_before(database, call, other_call):
    ask(database, call, 200)
    served(database, 100)
    ask(database, other_call, 100)
    found = served(database, 80)
    assert 30 <= found.count(call.institution) <= 45


def test_a_lower_number_goes_first_and_fairness_holds_within(database, call, other_call):
    ask(database, call, 3)
    ask(database, call, 3, priority=9)
    ask(database, other_call, 1, priority=0)
    found = claim(database, limit=7)
    with database.unit(system_call()) as unit:
        order = dict(unit.session.execute(select(Job.id, Job.priority)).all())
    assert [order[one.id] for one in found] == [0, 5, 5, 5, 9, 9, 9]


def test_a_backlog_of_low_priority_is_no_debt_in_a_higher_one(database, call, other_call):
    ask(database, call, 50, priority=9)
    ask(database, other_call, 2, priority=1)
    ask(database, call, 1, priority=1)
    assert call.institution in served(database, 2)


def test_only_the_queues_that_are_named_are_claimed(database, call):
    (sync,) = ask(database, call, queue="sync")
    (render,) = ask(database, call, queue="render")
    ask(database, call)
    assert [one.id for one in claim(database, 5, queues=("render",))] == [render]
    assert [one.id for one in claim(database, 5, queues=("sync", "render"))] == [sync]
    assert len(claim(database, 5)) == 1


def test_what_waits_for_a_time_gets_its_turn_then(database, call, other_call):
    later = ask(database, call, 30, delay=3600)
    assert claim(database) == []
    ask(database, other_call, 3)
    with database.unit(system_call()) as unit:
        past = utcnow() - timedelta(seconds=1)
        unit.session.execute(update(Job).where(Job.id.in_(later)).values(run_after=past))
    # Though the others come due at once, the institutions take turns.
    assert served(database, 6).count(other_call.institution) == 3
    assert len(claim(database, 40)) == 27


def test_what_was_tried_before_need_not_wait_behind_its_institutions_others(database, call):
    (first,) = ask(database, call)
    (found,) = claim(database)
    ask(database, call, 100)
    with database.unit(system_call()) as unit:
        ledger.retry_later(unit, found, {}, retry_after=None)
        unit.session.execute(update(Job).where(Job.id == first).values(run_after=utcnow()))
    assert first in {one.id for one in claim(database, 2)}


def waiting(database, institutions, each):
    """Many rows at once, of four institutions and five kinds; a tenth waits for a time."""
    rows = [
        {
            "id": new_id(),
            "institution_id": f"i{institution}",
            "kind": f"kind{number % 5}",
            "actor": "system:test",
            "actor_role": "operator",
            "trace": "",
            "turn": None if number % 10 == 9 else number,
            "run_after": utcnow() + timedelta(seconds=3600 if number % 10 == 9 else -1),
        }
        for institution in range(institutions)
        for number in range(each)
    ]
    random.Random(1).shuffle(rows)
    with database.unit(system_call()) as unit:
        unit.session.execute(insert(Job), rows)
    engine = open_engine(database.owner_url)  # Only the owner's word makes it look.
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def plan(database, sql, values, prepare=lambda unit: None):
    explain = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    with database.unit(system_call()) as unit:
        prepare(unit)
        rows = unit.session.connection().exec_driver_sql(f"{explain} {sql}", values).all()
    return [str(row[-1]) for row in rows]


def scans(lines):
    """The steps of a plan that read all rows of jobs, or all of a kind."""
    return [
        line
        for line in lines
        if re.search(r"Seq Scan on job\b|Heap Scan on job\b|SCAN job\b", line)
    ]


@pytest.mark.slow
def test_a_claim_reads_no_more_rows_where_many_wait(database):
    waiting(database, institutions=4, each=5000)
    kinds = [f"kind{number}" for number in range(5)]
    dialect = database.engine.dialect
    statement = turns.candidates(kinds, (), 34).compile(dialect=dialect)
    state = statement.construct_expanded_state(statement.params)
    values = (
        state.parameters
        if state.positiontup is None
        else tuple(state.parameters[name] for name in state.positiontup)
    )
    lines = plan(database, state.statement, values, prepare=turns.by_index)
    assert scans(lines) == []
    # One seek a kind.
    assert len([line for line in lines if "ix_job_due" in line]) == 5
    for read, named in ((DUE_KINDS, "ix_job_due"), (DUE_LATER, "ix_job_later")):
        compiled = read.compiled(database.dialect)
        values = compiled.values("*", {"now": utcnow()} if read is DUE_LATER else {})
        lines = plan(database, compiled.sql, values)
        assert scans(lines) == [], read.name
        assert any(named in line for line in lines), read.name
    found = {kind for (kind,) in database.read_now(DUE_KINDS, system_call())}
    assert found == set(kinds)


@pytest.mark.slow
def test_asking_reads_no_more_rows_where_many_wait(database):
    waiting(database, institutions=4, each=5000)
    call = make_call("i1")
    with database.unit(call) as unit:
        statement = select(turns.next_turn(unit, "default", 5)).compile(
            dialect=database.engine.dialect
        )
        values = (
            statement.params
            if not statement.positional
            else tuple(statement.params[name] for name in statement.positiontup)
        )
    lines = plan(database, str(statement), values)
    assert scans(lines) == []
    assert any("ix_job_turn" in line for line in lines)
    (id_,) = ask(database, call)
    with database.unit(system_call()) as unit:
        assert unit.session.scalar(select(Job.turn).where(Job.id == id_)) == 4999
