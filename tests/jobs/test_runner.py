"""The embedded runner: carries jobs, tells how they go, and loses none."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace

import orjson
import pytest

from bloop.jobs import Jobs, JobStoppedError, Timing, ledger, system_call
from bloop.jobs.models import Job
from bloop.jobs.queries import JOB
from bloop.store.database import in_unit
from bloop.store.errors import StoreError
from bloop.store.types import utcnow
from bloop.telemetry.metrics import metrics
from bloop_sdk import FatalError, RateLimitedError
from bloop_sdk.records import JSONObject

FAST = Timing(poll=0.05, beat=0.05, lease=60.0, drain=5.0)
OVER = {"succeeded", "failed", "cancelled"}


@pytest.fixture
async def make_jobs(database):
    made = []

    async def make(start=True, timing=FAST, **options):
        jobs = Jobs(database, timing=timing, **options)
        made.append(jobs)
        if start:
            await jobs.start()
        return jobs

    yield make
    for jobs in made:
        await jobs.stop()


async def ask(database, jobs, call, kind="work", payload=None, **options) -> str:
    return await database.run(
        in_unit, database, call, lambda unit: jobs.enqueue(unit, kind, payload or {}, **options)
    )


async def read(database, call, id_) -> JSONObject:
    return JOB.as_dict(await database.read_one(JOB, call, id=id_))


async def until(database, call, id_, condition=lambda job: job["state"] in OVER):
    async with asyncio.timeout(30):
        while not condition(job := await read(database, call, id_)):  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.01)
    return job


async def test_a_job_runs_and_its_result_is_kept(database, call, make_jobs):
    jobs = await make_jobs()

    async def work(ctx, payload):
        ctx.progress(1, 2, "half")
        return {"sum": sum(payload["numbers"]), "job": ctx.job, "who": ctx.call.principal.id}

    jobs.register("work", work)
    id_ = await ask(database, jobs, call, payload={"numbers": [1, 2]})
    job = await until(database, call, id_)
    assert (job["state"], job["attempts"], job["error"]) == ("succeeded", 1, None)
    assert parsed(job["result"]) == {"sum": 3, "job": id_, "who": "somebody"}
    assert (job["progress_done"], job["progress_total"], job["progress_message"]) == (1, 2, "half")


def parsed(fragment):
    return orjson.loads(orjson.dumps(fragment))


async def test_a_handler_runs_for_who_asked_in_a_span_of_its_own(database, call, make_jobs):
    jobs = await make_jobs()
    seen = []

    async def work(job, payload):
        seen.append((job.attempt, job.call))

    jobs.register("canvas.sync", work)
    await until(database, call, await ask(database, jobs, call, "canvas.sync"))
    ((attempt, found),) = seen
    assert (attempt, found.principal.id, found.institution) == (1, "somebody", call.institution)
    assert found.trace.trace_id == call.trace.trace_id
    assert found.trace.span_id != call.trace.span_id


async def test_what_is_retriable_is_tried_again_and_no_sooner(
    database, call, make_jobs, monkeypatch
):
    monkeypatch.setattr(ledger, "backoff", lambda attempt: 0.0)
    jobs = await make_jobs()
    attempts = []

    async def work(ctx, payload):
        attempts.append(ctx.attempt)
        if ctx.attempt < 3:
            raise RateLimitedError("slow down", retry_after=0.2)

    jobs.register("work", work)
    id_ = await ask(database, jobs, call)
    job = await until(database, call, id_)
    assert (job["state"], attempts) == ("succeeded", [1, 2, 3])


async def test_what_stays_retriable_fails_with_its_last_error(
    database, call, make_jobs, monkeypatch
):
    monkeypatch.setattr(ledger, "backoff", lambda attempt: 0.0)
    jobs = await make_jobs()

    async def work(ctx, payload):
        raise RateLimitedError(f"no {ctx.attempt}", cure="wait")

    jobs.register("work", work)
    job = await until(database, call, await ask(database, jobs, call, max_attempts=2))
    assert job["state"] == "failed"
    assert parsed(job["error"]) == {"code": "rate_limited", "cure": "wait", "message": "no 2"}


async def test_a_long_wait_that_a_system_asks_for_is_kept_and_costs_no_attempt(
    database, call, make_jobs
):
    jobs = await make_jobs()

    async def work(ctx, payload):
        raise RateLimitedError("the daily allowance is used up", retry_after=300)

    jobs.register("work", work)
    id_ = await ask(database, jobs, call, max_attempts=1)
    begun = utcnow()
    job = await until(database, call, id_, lambda job: job["error"] is not None)
    assert (job["state"], job["attempts"]) == ("waiting", 0)
    assert parsed(job["error"])["code"] == "rate_limited"
    due = await database.run(
        in_unit, database, call, lambda unit: unit.session.get(Job, id_).run_after
    )
    assert 299 < (due - begun).total_seconds() < 360


async def test_a_busy_database_is_tried_again(database, call, make_jobs, monkeypatch):
    monkeypatch.setattr(ledger, "backoff", lambda attempt: 0.0)
    jobs = await make_jobs()

    async def work(ctx, payload):
        if ctx.attempt == 1:
            raise StoreError("busy", code="store_busy")

    jobs.register("work", work)
    job = await until(database, call, await ask(database, jobs, call))
    assert (job["state"], job["attempts"]) == ("succeeded", 2)


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (FatalError("wrong course", cure="choose another"), "fatal", "choose another"),
        (KeyError("missing"), "job_crashed", "KeyError: 'missing'"),
        (ValueError(), "job_crashed", "ValueError"),
        (SystemExit(3), "job_crashed", "SystemExit: 3"),
        (asyncio.CancelledError(), "job_crashed", "CancelledError"),
    ],
)
async def test_what_cannot_be_mended_by_trying_fails_at_once(
    database, call, make_jobs, error, code, text
):
    jobs = await make_jobs()

    async def work(ctx, payload):
        raise error

    jobs.register("work", work)
    job = await until(database, call, await ask(database, jobs, call))
    assert (job["state"], job["attempts"]) == ("failed", 1)
    assert parsed(job["error"])["code"] == code
    assert text in "{message} ({cure})".format(**parsed(job["error"]))


async def test_a_result_that_is_no_json_is_the_handlers_failure(database, call, make_jobs):
    jobs = await make_jobs()

    async def work(ctx, payload):
        return {1, 2}

    jobs.register("work", work)
    job = await until(database, call, await ask(database, jobs, call))
    assert job["state"] == "failed"
    assert "not JSON serializable" in parsed(job["error"])["message"]


async def test_a_secret_in_an_error_is_not_kept(database, call, make_jobs):
    jobs = await make_jobs()

    async def work(ctx, payload):
        raise RuntimeError("GET https://x.example/?access_token=hunter2hunter2")

    jobs.register("work", work)
    job = await until(database, call, await ask(database, jobs, call))
    assert "https://x.example" in parsed(job["error"])["message"]
    assert "hunter2" not in parsed(job["error"])["message"]


async def test_no_more_run_at_once_than_there_are_workers(database, call, make_jobs):
    jobs = await make_jobs(workers=2, start=False)
    now, most = 0, 0

    async def work(ctx, payload):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1

    jobs.register("work", work)
    ids = [await ask(database, jobs, call) for _ in range(6)]
    await jobs.start()
    for id_ in ids:
        await until(database, call, id_)
    assert most == 2


async def test_asking_wakes_the_runner_without_waiting_for_the_poll(database, call, make_jobs):
    jobs = await make_jobs(timing=Timing(poll=3600, beat=3600))
    began = asyncio.Event()

    async def work(ctx, payload):
        began.set()

    jobs.register("work", work)
    await asyncio.sleep(0.1)
    id_ = await ask(database, jobs, call)
    await asyncio.wait_for(began.wait(), 10)
    await until(database, call, id_)


async def test_the_poll_finds_what_another_process_asked_for(database, call, make_jobs):
    jobs = await make_jobs()
    jobs.register("work", nothing)

    def write():
        with database.unit(call) as unit:
            return ledger.enqueue(unit, "work", {})

    assert (await until(database, call, await asyncio.to_thread(write)))["state"] == "succeeded"


async def nothing(ctx, payload):
    return None


async def test_a_kind_that_nobody_registered_waits(database, call, make_jobs):
    jobs = await make_jobs()
    id_ = await ask(database, jobs, call, "later")
    await asyncio.sleep(0.2)
    assert (await read(database, call, id_))["state"] == "waiting"
    jobs.register("later", nothing)
    assert (await until(database, call, id_))["state"] == "succeeded"


async def test_progress_can_be_followed_and_the_lease_lives(database, call, make_jobs):
    jobs = await make_jobs(timing=Timing(poll=0.05, beat=0.05, lease=1.0))
    going = asyncio.Event()

    async def work(ctx, payload):
        ctx.progress(3, 9, "reading")
        await going.wait()

    jobs.register("work", work)
    id_ = await ask(database, jobs, call)
    job = await until(database, call, id_, lambda job: job["progress_done"] == 3)
    assert (job["state"], job["progress_message"]) == ("running", "reading")
    await asyncio.sleep(1.5)  # Longer than the lease.
    going.set()
    job = await until(database, call, id_)
    assert (job["state"], job["attempts"]) == ("succeeded", 1)


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_running_job_is_cancelled(database, call, make_jobs, at_once):
    """From this process through Jobs, from another one by the row alone."""
    jobs = await make_jobs()
    began, ended = asyncio.Event(), asyncio.Event()

    async def work(ctx, payload):
        began.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    jobs.register("work", work)
    id_ = await ask(database, jobs, call)
    await began.wait()
    cancel = jobs.cancel if at_once else ledger.cancel
    await database.run(in_unit, database, call, cancel, id_)
    assert (await until(database, call, id_))["state"] == "cancelled"
    assert ended.is_set()
    with_retry = await database.run(in_unit, database, call, jobs.retry, id_)
    assert with_retry > 1


async def test_a_thread_of_a_cancelled_job_hears_of_it_at_its_next_report(
    database, call, make_jobs
):
    jobs = await make_jobs()
    began, heard = asyncio.Event(), threading.Event()

    async def work(ctx, payload):
        loop = asyncio.get_running_loop()

        def blocking():
            try:
                while True:
                    ctx.progress(1)
                    loop.call_soon_threadsafe(began.set)
            except JobStoppedError:
                heard.set()

        await asyncio.to_thread(blocking)

    jobs.register("work", work)
    id_ = await ask(database, jobs, call)
    await began.wait()
    await database.run(in_unit, database, call, jobs.cancel, id_)
    assert (await until(database, call, id_))["state"] == "cancelled"
    assert await asyncio.to_thread(heard.wait, 10)


async def test_a_runner_that_lost_its_lease_ends_the_job_and_writes_nothing(
    database, call, make_jobs
):
    jobs = await make_jobs()
    began, ended = asyncio.Event(), asyncio.Event()

    async def work(ctx, payload):
        began.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    jobs.register("work", work)
    id_ = await ask(database, jobs, call)
    await began.wait()

    def take_over(unit):
        job = unit.get(Job, id_)
        job.lease_owner, job.lease_epoch = "another", job.lease_epoch + 1

    await database.run(in_unit, database, system_call(), take_over)
    await asyncio.wait_for(ended.wait(), 10)
    await asyncio.sleep(0.1)
    assert (await read(database, call, id_))["state"] == "running"


async def test_stopping_lets_a_short_job_end(database, call, make_jobs):
    jobs = await make_jobs()
    began = asyncio.Event()

    async def work(ctx, payload):
        began.set()
        await asyncio.sleep(0.2)
        return "done"

    jobs.register("work", work)
    id_ = await ask(database, jobs, call)
    await began.wait()
    await jobs.stop()
    assert (await read(database, call, id_))["state"] == "succeeded"


async def test_stopping_gives_a_long_job_back_for_the_next_start(database, call, make_jobs):
    jobs = await make_jobs(timing=Timing(poll=0.05, beat=0.05, drain=0.05))
    began = asyncio.Event()

    async def work(ctx, payload):
        began.set()
        await asyncio.sleep(3600)

    jobs.register("work", work)
    id_ = await ask(database, jobs, call)
    await began.wait()
    await jobs.stop()
    job = await read(database, call, id_)
    assert (job["state"], job["attempts"]) == ("waiting", 0)
    successor = await make_jobs()
    successor.register("work", nothing)
    assert (await until(database, call, id_))["state"] == "succeeded"


async def test_a_kind_that_is_switched_off_drains_and_others_go_on(database, call, make_jobs):
    jobs = await make_jobs(timing=Timing(poll=0.05, beat=0.05, drain=0.05))
    began = asyncio.Event()

    async def work(ctx, payload):
        began.set()
        await asyncio.sleep(3600)

    jobs.register("work", work)
    jobs.register("other", nothing)
    id_ = await ask(database, jobs, call)
    await began.wait()
    await jobs.unregister("work")
    assert (await read(database, call, id_))["state"] == "waiting"
    other = await ask(database, jobs, call, "other")
    assert (await until(database, call, other))["state"] == "succeeded"
    assert (await read(database, call, id_))["state"] == "waiting"


async def test_without_workers_jobs_wait_for_somebody_else(database, call, make_jobs):
    jobs = await make_jobs(workers=0)
    jobs.register("work", nothing)
    id_ = await ask(database, jobs, call)
    await asyncio.sleep(0.2)
    assert (await read(database, call, id_))["state"] == "waiting"
    await jobs.unregister("work")


async def test_a_database_that_fails_for_a_while_does_not_end_the_runner(
    database, call, make_jobs, monkeypatch
):
    jobs = await make_jobs()
    jobs.register("work", nothing)
    real, failures = database.read, []

    async def failing(*args, **kwargs):
        if len(failures) < 3:
            failures.append(1)
            raise StoreError("away", code="store_unavailable")
        return await real(*args, **kwargs)

    monkeypatch.setattr(database, "read", failing)
    id_ = await ask(database, jobs, call)
    assert (await until(database, call, id_))["state"] == "succeeded"
    assert len(failures) == 3


async def test_the_end_of_a_job_is_written_when_the_database_is_back(
    database, call, make_jobs, monkeypatch
):
    jobs = await make_jobs()
    real, failures = ledger.finish, []

    def failing(*args, **kwargs):
        if not failures:
            failures.append(1)
            raise StoreError("away", code="store_unavailable")
        return real(*args, **kwargs)

    monkeypatch.setattr(ledger, "finish", failing)
    ran = []

    async def work(ctx, payload):
        ran.append(1)

    jobs.register("work", work)
    id_ = await ask(database, jobs, call)
    assert (await until(database, call, id_))["state"] == "succeeded"
    assert (len(ran), len(failures)) == (1, 1)


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
async def test_a_file_that_finds_no_room_is_no_crash_of_its_job(database, call, make_jobs):
    jobs = await make_jobs()

    async def work(ctx, payload):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/x")

    jobs.register("work", work)
    id_ = await ask(database, jobs, call, max_attempts=1)
    found = await until(database, call, id_)
    error = orjson.loads(orjson.dumps(found["error"]))
    assert (found["state"], error["code"]) == ("failed", "store_full") and error["cure"]


async def test_the_depth_of_the_queues_is_known(database, call, make_jobs):
    jobs = await make_jobs(start=False)
    for queue in ("sync", "sync", "render"):
        await ask(database, jobs, call, queue=queue)
    found = {(row["queue"], row["state"]): row["count"] for row in jobs.depth()}
    assert found == {("sync", "waiting"): 2, ("render", "waiting"): 1}
    await jobs.start()
    page = await asyncio.to_thread(metrics().render)
    assert b'bloop_jobs{queue="sync",state="waiting"} 2.0' in page


KILLED = """
import asyncio, sys
from bloop.jobs import Jobs
from bloop.store.database import Database

async def work(ctx, payload):
    if payload.get("poison") or ctx.attempt == 1:
        print("began", flush=True)
        await asyncio.sleep(3600)
    return ctx.attempt

async def main():
    database = Database(sys.argv[1])
    jobs = Jobs(database)
    jobs.register("work", work)
    await jobs.start()
    await asyncio.sleep(3600)

asyncio.run(main())
"""


def start_hub(database):
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, database.url.render_as_string(hide_password=False)],
        stdout=subprocess.PIPE,
    )


def kill_once_it_began(process):
    try:
        assert b"began\n" in iter(process.stdout.readline, b"")
    finally:
        kill(process)


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


async def test_a_job_whose_process_was_killed_is_taken_up_by_the_next_start(
    database, call, make_jobs
):
    jobs = await make_jobs(start=False)
    id_ = await ask(database, jobs, call)
    process = start_hub(database)
    await asyncio.to_thread(kill_once_it_began, process)
    assert (await read(database, call, id_))["state"] == "running"
    process = start_hub(database)
    job = await until(database, call, id_)
    kill(process)
    assert (job["state"], parsed(job["result"])) == ("succeeded", 2)


async def test_a_job_that_ends_its_process_each_time_fails_and_says_so(database, call, make_jobs):
    jobs = await make_jobs(start=False)
    id_ = await ask(database, jobs, call, payload={"poison": True}, max_attempts=2)
    for _ in range(2):
        process = start_hub(database)
        await asyncio.to_thread(kill_once_it_began, process)
    jobs.register("work", nothing)
    await jobs.start()
    job = await until(database, call, id_)
    assert job["state"] == "failed"
    assert parsed(job["error"])["code"] == "job_lost"


def test_importing_the_public_face_needs_no_loop():
    code = textwrap.dedent("""
        import sys
        import bloop.jobs
        assert "fastapi" not in sys.modules
    """)
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_after_an_outage_nobodys_job_is_taken_back_before_they_could_prolong_it(
    database, call, make_jobs
):
    jobs = await make_jobs(timing=replace(FAST, reap=3600.0))
    id_ = await ask(database, jobs, call, kind="theirs")
    claim = {"limit": 1, "lease_seconds": -1.0}
    await database.run(in_unit, database, system_call(), ledger.claim, "m:1:1", ["theirs"], **claim)
    leases = jobs._runner.leases
    leases._looked -= FAST.lease
    await leases.reap()
    assert (await read(database, call, id_))["state"] == "running"
    leases._back -= FAST.lease
    await leases.reap()
    assert (await read(database, call, id_))["state"] == "waiting"


async def test_quick_jobs_are_claimed_and_ended_many_at_a_time(
    database, call, make_jobs, monkeypatch
):
    jobs = await make_jobs(start=False, workers=1)
    claims, commits = [], []
    real = ledger.claim

    def claim(unit, *args, **kwargs):
        claims.append(unit)
        return real(unit, *args, **kwargs)

    monkeypatch.setattr(ledger, "claim", claim)
    real_finish = ledger.finish

    def finish(unit, *args, **kwargs):
        commits.append(unit)
        return real_finish(unit, *args, **kwargs)

    monkeypatch.setattr(ledger, "finish", finish)
    jobs.register("work", nothing)
    ids = [await ask(database, jobs, call) for _ in range(100)]
    await jobs.start()
    for id_ in ids:
        await until(database, call, id_)
    assert len(claims) < 50
    assert len(commits) == 100 and len({id(unit) for unit in commits}) < 100


async def test_what_was_claimed_ahead_of_a_slow_job_is_given_back(database, call, make_jobs):
    jobs = await make_jobs(start=False, workers=1)
    jobs.register("work", nothing)
    slow, over = asyncio.Event(), asyncio.Event()

    async def work(ctx, payload):
        slow.set()
        await over.wait()

    jobs.register("slow", work)
    for _ in range(40):
        await ask(database, jobs, call)
    id_ = await ask(database, jobs, call, "slow")
    behind = [await ask(database, jobs, call) for _ in range(10)]
    await jobs.start()
    await slow.wait()
    for one in behind:
        job = await until(database, call, one, lambda job: job["state"] == "waiting")
        assert job["attempts"] == 0
    over.set()
    for one in (id_, *behind):
        job = await until(database, call, one)
        assert (job["state"], job["attempts"]) == ("succeeded", 1)
