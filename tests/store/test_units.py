"""A unit of work is all or nothing, and tells in the store's words what went wrong."""

import asyncio
import sqlite3
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, event, func, select, text, update

from bloop.accounts.models import Institution, LoginSession, User
from bloop.accounts.queries import ACCOUNT
from bloop.store.database import Database, in_unit
from bloop.store.errors import ConflictError, InvalidError, StoreError
from bloop.store.faults import from_driver
from bloop.store.models import AuditLine, OutboxEvent, PluginValue
from bloop.store.wakes import EVENTS_SAID
from bloop_sdk import ConfigError
from tests.support.database import HOME, make_call, make_system_call
from tests.support.forking import forking


def add_user(unit, id_="u", email=None):
    unit.session.add(User(id=id_, institution_id=unit.institution, name="N", email=email, role="r"))


def count(database, model, call):
    with database.unit(call) as unit:
        return unit.session.scalar(select(func.count()).select_from(model))


def test_the_change_its_event_and_its_audit_line_commit_together(database, call):
    with database.unit(call) as unit:
        add_user(unit)
        unit.outbox.append("t.created", "user:u", {"id": "u"})
        unit.audit.append("user:create", "user:u", {"role": "r"})
    assert [count(database, model, call) for model in (User, OutboxEvent, AuditLine)] == [1, 1, 1]
    with database.unit(call) as unit:
        event_, line = (
            unit.session.scalar(select(OutboxEvent)),
            unit.session.scalar(select(AuditLine)),
        )
    assert (event_.topic, event_.aggregate, event_.aggregate_seq) == ("t.created", "user:u", 1)
    assert event_.actor == line.actor == "user:somebody"
    assert event_.trace == line.trace == f"00-{'1' * 32}-{'2' * 16}-01"
    assert (line.action, line.resource, line.detail) == ("user:create", "user:u", {"role": "r"})


def test_an_exception_takes_everything_back(database, call):
    with pytest.raises(KeyError), database.unit(call) as unit:  # noqa: PT012 - the unit ends in it
        add_user(unit)
        unit.session.flush()
        unit.outbox.append("t.created", "user:u", {})
        unit.audit.append("user:create", "user:u")
        raise KeyError
    assert [count(database, model, call) for model in (User, OutboxEvent, AuditLine)] == [0, 0, 0]


def test_what_exists_already_is_a_conflict_and_says_no_values(database, call):
    with database.unit(call) as unit:
        add_user(unit, "a", "a@example.org")
    with pytest.raises(ConflictError, match="the database refused") as caught:
        in_unit(database, call, add_user, "b", "a@example.org")
    assert "example.org" not in str(caught.value)


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
async def test_a_text_that_the_database_does_not_take_is_its_writers_fault(database, call):
    with pytest.raises(InvalidError, match="NUL"), database.unit(call) as unit:
        unit.session.add(User(institution_id=HOME, name="a\0b", role="learner"))
    with pytest.raises(InvalidError, match="NUL"):
        await database.read_one(ACCOUNT, call, id="a\0b")


def test_a_reference_to_nothing_is_a_conflict(database, call):
    with pytest.raises(ConflictError), database.unit(call) as unit:  # noqa: PT012 - the unit ends in it
        now = datetime.now(UTC)
        unit.session.add(
            LoginSession(
                token_hash="t",
                institution_id=HOME,
                user_id="nobody",
                method="link",
                expires_at=now,
            )
        )


def test_a_missing_value_is_no_conflict(database, call):
    with pytest.raises(StoreError) as caught, database.unit(call) as unit:
        unit.session.add(User(id="u", institution_id=HOME, role="r"))
    assert caught.value.code == "store_error"


def test_expect_refuses_another_version(database, call):
    with database.unit(call) as unit:
        add_user(unit)
    with (
        pytest.raises(ConflictError, match="u is at version 1, not 7") as caught,
        database.unit(call) as unit,
    ):
        unit.expect(unit.get(User, "u"), 7)
    assert caught.value.current == 1
    with database.unit(call) as unit:
        unit.expect(unit.get(User, "u"), 1)
        unit.expect(unit.get(User, "u"), None)


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_row_version_counts_each_change_once(database, call, by_hand):
    with database.unit(call) as unit:
        add_user(unit)
    with database.unit(call) as unit:
        row = unit.get(User, "u")
        row.name = "changed"
        if by_hand:
            row.row_version += 1
    with database.unit(call) as unit:
        assert unit.get(User, "u").row_version == 2


def test_a_change_over_somebody_elses_is_a_conflict(database, call):
    with database.unit(call) as unit:
        add_user(unit)
    with database.unit(call) as unit:
        stale = unit.get(User, "u")
    with database.unit(call) as unit:
        unit.get(User, "u").name = "first"
    with pytest.raises(ConflictError, match="somebody else"), database.unit(call) as unit:  # noqa: PT012 - the unit ends in it
        unit.session.add(stale)
        stale.name = "second"
    with database.unit(call) as unit:
        assert unit.get(User, "u").name == "first"


def test_events_are_numbered_for_each_aggregate_and_institution(database, call, other_call):
    for each in (call, other_call):
        for _ in range(2):
            with database.unit(each) as unit:
                for aggregate in ("a:1", "a:2", "a:1"):
                    unit.outbox.append("t", aggregate, {})
    with database.unit(call) as unit:
        rows = unit.session.execute(
            select(OutboxEvent.aggregate, OutboxEvent.aggregate_seq).order_by(OutboxEvent.seq)
        ).all()
    assert rows == [("a:1", 1), ("a:2", 1), ("a:1", 2), ("a:1", 3), ("a:2", 2), ("a:1", 4)]


def test_many_aggregates_take_few_statements(database, call):
    statements = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    with database.unit(call) as unit:
        for number in range(1000):
            unit.outbox.append("t", f"a:{number}", {})
    assert len(statements) < 15
    assert count(database, OutboxEvent, call) == 1000


def test_an_event_for_another_institution_needs_the_hubs_own_call(database, call, system_call):
    with database.unit(system_call) as unit:
        unit.outbox.append("t.ready", "plugin:x", {}, institution=HOME)
    assert count(database, OutboxEvent, call) == 1


def test_writers_of_one_aggregate_get_numbers_without_gaps_or_conflicts(database, call):
    """Two of them cross: one names a then b, the other b then a."""
    failed = []
    start = threading.Barrier(4)

    def write(names):
        start.wait()
        try:
            for _ in range(25):
                with database.unit(call) as unit:
                    for name in names:
                        unit.outbox.append("t", name, {})
        except Exception as err:  # noqa: BLE001 - shown below
            failed.append(err)

    orders = (["a", "b"], ["b", "a"]) * 2
    threads = [threading.Thread(target=write, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with database.unit(call) as unit:
        for name in "ab":
            numbers = unit.session.scalars(
                select(OutboxEvent.aggregate_seq)
                .where(OutboxEvent.aggregate == name)
                .order_by(OutboxEvent.seq)
            ).all()
            assert numbers == list(range(1, 101))


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
def test_a_transaction_has_its_number_before_its_events_have_theirs(database, call):
    """Readers of the log rely on it: who holds a number of the log is seen to be open."""
    assigned = []

    def before(connection, _cursor, statement, *_):
        if statement.startswith("INSERT INTO outbox_event"):
            with connection.connection.driver_connection.cursor() as cursor:
                cursor.execute("SELECT pg_current_xact_id_if_assigned()")
                assigned.append(cursor.fetchone()[0])

    event.listen(database.engine, "before_cursor_execute", before)
    with database.unit(call) as unit:
        unit.outbox.append("t", "a", {})
    assert len(assigned) == 1 and assigned[0] is not None


def test_a_commit_that_said_something_is_told_and_no_other(database, call):
    told = []

    def tell(_about):
        # Whoever has just begun to hear of other processes is told to look as well.
        if found := count(database, OutboxEvent, call):
            told.append(found)

    database.wakes.listen(EVENTS_SAID, tell)
    with database.unit(call) as unit:
        add_user(unit)
    with pytest.raises(KeyError), database.unit(call) as unit:  # noqa: PT012 - the unit ends in it
        unit.outbox.append("t", "a", {})
        raise KeyError
    with database.unit(call) as unit:
        unit.outbox.append("t", "a", {})
    assert told[0] == 1 and set(told) == {1}


def test_a_number_of_the_log_never_comes_again(database, system_call):
    numbers = []
    for _ in range(2):
        with database.unit(system_call) as unit:
            unit.outbox.append("t", "a", {}, institution=HOME)
        with database.unit(system_call) as unit:
            numbers += unit.session.scalars(delete(OutboxEvent).returning(OutboxEvent.seq)).all()
    assert numbers[0] < numbers[1]


def write_rows(url, owner_url, number, start, results):
    database = Database(url, owner_url)
    start.wait()
    failed = []
    for index in range(50):
        try:
            with database.unit(make_call()) as unit:
                # A read first: with a deferred BEGIN this is what meets "database is locked".
                unit.session.scalar(select(func.count()).select_from(PluginValue))
                unit.session.add(
                    PluginValue(
                        institution_id=HOME, plugin_id=str(number), key=str(index), value=index
                    )
                )
                unit.outbox.append("t", "a:1", {})
            if index % 25 == 24:
                # Opening and closing have locks of their own, the last one's checkpoint as well.
                database.close_now()
                database = Database(url, owner_url)
        except Exception as err:  # noqa: BLE001 - sent to the parent
            failed.append(repr(err))
    database.close_now()
    results.put(failed)


def test_four_processes_write_without_a_lock_error(database_urls, database, call):
    context = forking()
    start, results = context.Barrier(4), context.Queue()
    processes = [
        context.Process(target=write_rows, args=(*database_urls, number, start, results))
        for number in range(4)
    ]
    for process in processes:
        process.start()
    failed = [results.get(timeout=110) for _ in processes]
    for process in processes:
        process.join()
    assert failed == [[]] * 4
    assert count(database, PluginValue, call) == 200
    with database.unit(call) as unit:
        numbers = unit.session.scalars(
            select(OutboxEvent.aggregate_seq).order_by(OutboxEvent.seq)
        ).all()
    assert numbers == list(range(1, 201))


async def test_commands_run_beside_the_event_loop(database, call):
    loop_thread = threading.get_ident()
    found = await database.run(in_unit, database, call, lambda unit: threading.get_ident())
    assert found != loop_thread


async def test_commands_of_many_tasks_all_commit(database, call):
    await asyncio.gather(
        *(database.run(in_unit, database, call, add_user, str(number)) for number in range(30))
    )
    assert count(database, User, call) == 30


def limit_pages(database):
    connection = database.engine.raw_connection()
    connection.cursor().execute("PRAGMA max_page_count = 1")
    connection.close()


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_a_full_disk_is_said_and_nothing_is_half_written(database, call):
    limit_pages(database)
    with pytest.raises(StoreError, match="the disk is full") as caught, database.unit(call) as unit:  # noqa: PT012 - the unit ends in it
        for number in range(5000):
            add_user(unit, str(number))
    assert caught.value.code == "store_full"
    assert count(database, User, call) == 0


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_a_database_that_took_no_write_is_in_trouble_for_a_moment(database, call, monkeypatch):
    assert database.trouble is None
    limit_pages(database)
    with pytest.raises(StoreError), database.unit(call) as unit:  # noqa: PT012 - the unit ends in it
        for number in range(5000):
            add_user(unit, str(number))
    assert database.trouble.code == "store_full"
    monkeypatch.setattr("bloop.store.database.TROUBLE_SECONDS", 0.0)
    assert database.trouble is None


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("disk I/O error", "store_disk"),
        ("database or disk is full", "store_full"),
        ("attempt to write a readonly database", "store_read_only"),
        ("database disk image is malformed", "store_damaged"),
        ("file is not a database", "store_damaged"),
        ("unable to open database file", "store_unavailable"),
    ],
)
def test_what_sqlite_says_of_its_file_has_a_code_and_a_cure(words, code):
    error = from_driver(sqlite3.OperationalError(words))
    assert (error.code, words in error.message, bool(error.cure)) == (code, True, True)


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
async def test_a_file_that_is_read_only_is_said(database, call):
    connection = database.engine.raw_connection()
    connection.cursor().execute("PRAGMA query_only = ON")
    connection.close()
    with pytest.raises(StoreError, match="read-only") as caught:
        await database.run(in_unit, database, call, add_user)
    assert caught.value.code == "store_read_only"


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
def test_a_standby_is_said_to_be_read_only(database, call):
    with pytest.raises(StoreError, match="read-only") as caught, database.unit(call) as unit:  # noqa: PT012 - the unit ends in it
        unit.session.connection().execute(text("SET TRANSACTION READ ONLY"))
        add_user(unit)
    assert caught.value.code == "store_read_only"


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
def test_a_right_that_is_missing_names_the_cure(database, call):
    with pytest.raises(StoreError) as caught, database.unit(call) as unit:
        unit.session.connection().execute(text("CREATE TABLE mine (id int)"))
    assert caught.value.code == "store_forbidden"
    assert "bloop db upgrade" in caught.value.cure


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_a_writer_that_never_ends_is_said_to_keep_the_database_busy(
    database, call, tmp_path, monkeypatch
):
    monkeypatch.setattr("bloop.store.database.BUSY_TIMEOUT_SECONDS", 0.05)
    hurried = Database(str(database.url))
    other = sqlite3.connect(tmp_path / "bloop.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="busy") as caught:
        in_unit(hurried, call, add_user)
    assert caught.value.code == "store_busy"
    other.close()
    in_unit(hurried, call, add_user)
    hurried.close_now()


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
def test_a_transaction_that_stands_still_is_ended_for_those_who_wait_for_it(
    database, call, monkeypatch
):
    monkeypatch.setattr("bloop.store.database.IDLE_SECONDS", 0.05)
    users, never = select(func.count()).select_from(User), threading.Event()

    def stand_still(unit):
        add_user(unit)
        unit.session.flush()
        never.wait(1)
        unit.session.scalar(users)

    with pytest.raises(StoreError) as caught:
        in_unit(database, call, stand_still)
    assert caught.value.code == "store_busy"
    assert count(database, User, call) == 0


def test_tables_that_are_missing_name_the_cure(empty_database, call):
    with pytest.raises(StoreError) as caught:
        in_unit(empty_database, call, add_user)
    assert caught.value.code == "store_not_migrated"
    assert caught.value.cure == "run: bloop db upgrade"


def test_a_server_that_is_not_there_is_said(free_port, call):
    database = Database(f"postgresql+psycopg://bloop_app@127.0.0.1:{free_port}/none")
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        in_unit(database, call, add_user)
    assert caught.value.code == "store_unavailable"
    database.close_now()


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("nonsense", "not a database URL"),
        ("mysql://x/y", "mysql is not supported"),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
    ],
)
def test_a_url_that_cannot_work_is_refused(url, fault):
    with pytest.raises(ConfigError, match=rf"\[store\] url: {fault}"):
        Database(url)


def test_a_plain_postgres_url_gets_the_driver():
    assert Database("postgresql://u@h/d").url.drivername == "postgresql+psycopg"


def test_a_naive_time_is_refused(database, call):
    with pytest.raises(Exception, match="a time without a zone"), database.unit(call) as unit:
        unit.session.execute(update(User).values(disabled_at=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_times_come_back_in_utc(database):
    moment = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
    with database.unit(make_system_call()) as unit:
        unit.session.add(Institution(id="i", slug="s", name="n", created_at=moment))
    with database.unit(make_system_call()) as unit:
        unit.session.expire_all()
        found = unit.session.get(Institution, "i").created_at
    assert (found, found.tzinfo) == (moment, UTC)
