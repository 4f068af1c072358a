"""Registered reads: never without their institution, the same rows from both databases."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import orjson
import psycopg
import pytest
from sqlalchemy import bindparam, exists, func, select, text
from sqlalchemy.orm import aliased

from bloop.accounts.models import Institution
from bloop.jobs.models import Job
from bloop.store import reads
from bloop.store.database import Database
from bloop.store.errors import StoreError, TenantError
from bloop.store.models import Blob
from bloop.store.statements import REGISTRY, institution, register, to_dicts
from tests.support.database import HOME, OTHER, make_call

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=UTC)

JOBS = register(
    "tests.reads.jobs",
    select(
        Job.id, Job.cancel_requested, Job.payload, Job.created_at, Job.started_at, Job.result
    ).where(Job.institution_id == institution),
)
SOME = register(
    "tests.reads.some",
    select(Job.id)
    .where(
        Job.institution_id == institution,
        Job.kind.in_(["a", "b%"]),
        Job.created_at >= bindparam("since"),
        Job.created_at < MOMENT + timedelta(days=1),
    )
    .order_by(Job.id)
    .limit(bindparam("limit")),
)
HEAVY = register(
    "tests.reads.heavy",
    select(func.count(Job.id)).where(Job.institution_id == institution),
    heavy=True,
)


def add_jobs(database, call, *ids, **values):
    with database.unit(call) as unit:
        for id_ in ids:
            unit.session.add(
                Job(
                    id=id_,
                    institution_id=call.institution,
                    kind=values.get("kind", "a"),
                    actor="x",
                    actor_role="learner",
                    trace="x",
                    created_at=MOMENT,
                    payload={"b": 1, "a": [None, "ü"]},
                )
            )


async def test_rows_are_ready_to_be_answered(database, call):
    add_jobs(database, call, "j")
    (row,) = await database.read(JOBS, call)
    assert (row[0], row[1], row[3:]) == ("j", False, ("2026-01-02T03:04:05.600000Z", None, None))
    assert type(row[1]) is bool
    assert orjson.loads(orjson.dumps(row[2])) == {"b": 1, "a": [None, "ü"]}
    assert database.read_now(JOBS, call)[0][3] == row[3]
    assert to_dicts(JOBS, [row])[0]["created_at"] == row[3]
    assert JOBS.as_dict(row)["id"] == "j"


async def test_parameters_and_constants_reach_the_driver(database, call):
    add_jobs(database, call, "1", "2", "3")
    add_jobs(database, call, "4", kind="b%")
    add_jobs(database, call, "5", kind="c")
    found = await database.read(SOME, call, since=MOMENT, limit=3)
    assert [row[0] for row in found] == ["1", "2", "3"]
    found = await database.read(SOME, call, since=MOMENT, limit=10)
    assert [row[0] for row in found] == ["1", "2", "3", "4"]
    late = MOMENT + timedelta(seconds=1)
    assert await database.read_one(SOME, call, since=late, limit=10) is None


async def test_a_read_sees_what_was_just_written(database, call):
    for number in range(20):
        await database.run(add_jobs, database, call, str(number))
        assert len(await database.read(JOBS, call)) == number + 1
        assert (await database.read_one(HEAVY, call))[0] == number + 1


async def test_a_read_sees_its_own_institution_alone(database, call, other_call):
    add_jobs(database, call, "home")
    add_jobs(database, other_call, "other")
    for each, expected in ((call, "home"), (other_call, "other")) * 2:
        assert [row[0] for row in await database.read(JOBS, each)] == [expected]
        assert [row[0] for row in database.read_now(JOBS, each)] == [expected]


async def test_a_parameter_cannot_name_another_institution(database, call, other_call):
    add_jobs(database, other_call, "other")
    assert await database.read(JOBS, call, institution=OTHER) == []


async def test_a_missing_parameter_is_an_error(database, call):
    with pytest.raises((StoreError, KeyError)):
        await database.read(SOME, call, limit=1)


async def test_heavy_reads_run_beside_the_event_loop(database, call):
    if database.dialect != "sqlite":
        return
    seen = []
    statement = HEAVY.compiled("sqlite")
    connection = database._reader._opened().connection
    connection.set_trace_callback(seen.append)
    await database.read(HEAVY, call)
    assert seen == []
    await database.read(JOBS, call)
    assert len(seen) == 1
    assert statement is HEAVY.compiled("sqlite")


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_the_reading_connection_cannot_write(database):
    with pytest.raises(Exception, match="readonly"):
        database._reader._opened().connection.execute("DELETE FROM job")


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_reading_makes_no_file(database, call, tmp_path):
    missing = Database(f"sqlite:///{tmp_path / 'none' / 'missing.db'}")
    with pytest.raises(StoreError) as caught:
        missing.read_now(JOBS, call)
    assert caught.value.code == "store_unavailable"
    assert list((tmp_path / "none").iterdir()) == []


async def test_a_read_of_missing_tables_names_the_cure(empty_database, call):
    with empty_database.engine.begin():
        pass
    with pytest.raises(StoreError) as caught:
        await empty_database.read(JOBS, call)
    assert caught.value.code in {"store_not_migrated", "store_unavailable"}
    with pytest.raises(StoreError):
        empty_database.read_now(JOBS, call)


UNBOUND = {
    "no institution at all": lambda: select(Job.id),
    "an institution that is compared with nothing of the table": lambda: select(
        Job.id, institution
    ),
    "a second table": lambda: select(Job.id, Blob.size).where(Job.institution_id == institution),
    "an alias": lambda: select(Job.id, aliased(Job).id).where(Job.institution_id == institution),
    "a subquery": lambda: select(Job.id).where(
        Job.institution_id == institution, exists().where(Blob.sha256 == Job.id)
    ),
}


@pytest.mark.parametrize("how", UNBOUND)
def test_a_read_that_would_show_others_rows_is_refused(how):
    with pytest.raises(TenantError, match=r"the read 'tests\.refused'"):
        register("tests.refused", UNBOUND[how]())
    assert "tests.refused" not in REGISTRY


def test_a_join_on_the_institution_is_enough():
    register(
        "tests.reads.join",
        select(Job.id)
        .join(Blob, (Blob.institution_id == Job.institution_id) & (Blob.sha256 == Job.id))
        .where(Job.institution_id == institution),
    )


def test_a_table_that_belongs_to_nobody_needs_the_institution_all_the_same():
    register("tests.reads.own", select(Institution.name).where(Institution.id == institution))
    with pytest.raises(TenantError):
        register("tests.refused", select(Institution.name))


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="registered already"):
        register("tests.reads.jobs", select(Job.id).where(Job.institution_id == institution))


def test_a_parameter_of_the_call_is_no_other():
    own = select(Job.id).where(Job.institution_id == institution, Job.id == bindparam("reader"))
    with pytest.raises(ValueError, match="a :reader of its own"):
        register("tests.refused", own)


def test_a_list_as_parameter_is_refused():
    with pytest.raises(ValueError, match="a list :ids"):
        register(
            "tests.refused",
            select(Job.id).where(
                Job.institution_id == institution, Job.id.in_(bindparam("ids", expanding=True))
            ),
        )


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
class TestInstitutionOfAConnection:
    """A connection whose institution is not known for sure serves nobody before it is set."""

    SHOWN = register(
        "tests.reads.shown",
        # What row-level security compares with, beside what the read asked for.
        select(func.current_setting("bloop.institution").label("set"), institution.label("asked")),
    )
    FAILING = register(
        "tests.reads.failing",
        select(institution.label("asked"), 1 / func.length(bindparam("text"))),
    )
    SLOW = register(
        "tests.reads.slow", select(institution.label("asked"), func.pg_sleep(bindparam("seconds")))
    )

    @pytest.fixture(autouse=True)
    def _one_connection(self, monkeypatch):
        monkeypatch.setitem(reads._POOL, "max_size", 1)

    async def check(self, database, *institutions):
        for each in institutions:
            assert await database.read(self.SHOWN, make_call(each)) == [(each, each)]

    async def test_it_follows_who_reads(self, database):
        await self.check(database, HOME, HOME, OTHER, HOME, OTHER, OTHER)

    async def test_it_is_sent_only_when_it_changes(self, database, monkeypatch):
        sent = []
        original = psycopg.AsyncConnection.pipeline
        monkeypatch.setattr(
            psycopg.AsyncConnection, "pipeline", lambda self: sent.append(1) or original(self)
        )
        await self.check(database, HOME, HOME, HOME, OTHER, OTHER, HOME)
        assert len(sent) == 3

    async def test_it_is_set_again_after_a_read_that_failed(self, database):
        await self.check(database, HOME)
        with pytest.raises(StoreError, match="division by zero"):
            await database.read(self.FAILING, make_call(OTHER), text="")
        await self.check(database, OTHER, HOME)
        with pytest.raises(StoreError, match="division by zero"):
            await database.read(self.FAILING, make_call(HOME), text="")
        await self.check(database, HOME, OTHER)

    async def test_it_is_set_again_after_a_read_that_was_cancelled(self, database):
        for before in (HOME, OTHER):
            await self.check(database, before)
            task = asyncio.create_task(database.read(self.SLOW, make_call(OTHER), seconds=60))
            await self.until_asleep(database)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await self.check(database, OTHER, HOME)

    async def until_asleep(self, database):
        asleep = text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%'")
        while True:
            with database.engine.connect() as connection:
                if connection.scalar(asleep) > 1:
                    return
            await asyncio.sleep(0.01)

    async def test_cancelling_at_any_moment_never_mixes_institutions(self, database):
        async def read(each):
            ((setting, asked),) = await database.read(self.SHOWN, make_call(each))
            return setting == asked == each

        answers = []
        for turn in range(150):
            tasks = [asyncio.create_task(read(each)) for each in (HOME, OTHER, HOME, OTHER)]
            for _ in range(turn % 12):
                await asyncio.sleep(0)
            tasks[turn % 4].cancel()
            answers += await asyncio.gather(*tasks, return_exceptions=True)
        kept = [each for each in answers if not isinstance(each, asyncio.CancelledError)]
        assert len(kept) > 300
        assert all(each is True for each in kept)

    async def test_many_readers_at_once_never_mix(self, database, monkeypatch):
        monkeypatch.setitem(reads._POOL, "max_size", 3)
        many = [f"i{number % 7}" for number in range(300)]
        found = await asyncio.gather(*(database.read(self.SHOWN, make_call(each)) for each in many))
        assert [rows[0] for rows in found] == [(each, each) for each in many]

    async def test_threads_at_once_never_mix(self, database):
        def read(each, found):
            found.extend(database.read_now(self.SHOWN, make_call(each)) for _ in range(20))

        results = {each: [] for each in (HOME, OTHER, "third")}
        threads = [threading.Thread(target=read, args=item) for item in results.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == {each: [[(each, each)]] * 20 for each in results}

    async def test_a_server_that_was_restarted_is_found_again(self, database, monkeypatch):
        monkeypatch.setitem(reads._POOL, "max_size", 3)
        many = [database.read(self.SHOWN, make_call(HOME)) for _ in range(20)]
        await asyncio.gather(*many)
        database.read_now(self.SHOWN, make_call(HOME))
        with database.engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <>"
                    " pg_backend_pid() AND datname = current_database()"
                )
            )
        await asyncio.gather(*(self.check(database, each) for each in (HOME, OTHER, HOME, OTHER)))
        assert database.read_now(self.SHOWN, make_call(OTHER)) == [(OTHER, OTHER)]


def test_a_server_that_is_not_there_is_said(free_port, call, monkeypatch):
    monkeypatch.setitem(reads._POOL, "timeout", 0.1)
    database = Database(f"postgresql+psycopg://bloop_app@127.0.0.1:{free_port}/none")
    with pytest.raises(StoreError, match="cannot be reached"):
        database.read_now(JOBS, call)

    async def read():
        with pytest.raises(StoreError, match="cannot be reached"):
            await database.read(JOBS, call)
        await database.close()

    asyncio.run(read())


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
async def test_closing_waits_for_a_thread_that_reads(database, call):
    """A connection closed under a running read would crash the process, not raise."""
    reader = database._reader
    began, order = threading.Event(), []

    def read():
        opened = reader._opened()
        with opened.in_use:
            began.set()
            slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000) "
            assert opened.connection.execute(slow + "SELECT count(*) FROM n").fetchone()
            order.append("read")

    thread = threading.Thread(target=read)
    thread.start()
    began.wait()
    reader.close_now()
    order.append("closed")
    thread.join()
    assert order == ["read", "closed"]
