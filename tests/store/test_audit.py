"""The audit log is a chain: whoever changes it past the hub is found out, at the first bad line."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, func, select, text

from bloop.accounts.models import User
from bloop.store.audit import Audit, line_hash, stable
from bloop.store.audit.anchors import Anchors
from bloop.store.audit.keeping import anchor, cut
from bloop.store.audit.verifying import verify
from bloop.store.errors import ConflictError, StoreError
from bloop.store.migrate import upgrade_core
from bloop.store.models import AuditLine, AuditPersonal
from tests.support.database import HOME, OTHER, make_call, make_system_call
from tests.support.queries import counted

LINES = 12
EVERY = (HOME, OTHER, "*")
FAR = timedelta(days=365)


@pytest.fixture
def anchors(tmp_path):
    return Anchors(tmp_path / "audit")


@pytest.fixture
def filled(database, anchors):
    """A chain of twelve lines, the first eight of them anchored; another institution's of three."""
    for number in range(1, LINES + 1):
        write(database, number)
        if number == 8:
            anchor(database, anchors, make_system_call(), EVERY)
    for number in range(3):
        write(database, number, OTHER)
    return database


def write(database, number, institution=HOME):
    with database.unit(make_call(institution)) as unit:
        told = {"address": f"192.0.2.{number}"} if number % 2 else None
        unit.audit.append("t:act", f"thing:{number}", {"n": number}, personal=told)


@contextmanager
def attacker(database):
    """Somebody with the database in hand: the owner, and on SQLite without its triggers."""
    engine = create_engine(database.owner_url)
    with engine.begin() as connection:
        if database.dialect == "sqlite":
            names = connection.scalars(text("SELECT name FROM sqlite_master WHERE type='trigger'"))
            for name in names.all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("SELECT set_config('bloop.institution', '*', true)"))
        yield connection
    engine.dispose()


def found(database, anchors):
    return verify(database, anchors, make_system_call())


def rehashed(connection, first):
    """Chain the lines anew from one on, as somebody would who knows how."""
    table = AuditLine.__table__
    own = table.c.institution_id == HOME
    before = connection.scalar(select(table.c.hash).where(own, table.c.seq == first - 1))
    later = select(table).where(own, table.c.seq >= first).order_by(table.c.seq)
    for row in connection.execute(later).all():
        before = line_hash(before, row._mapping)
        change = table.update().where(own, table.c.seq == row.seq).values(hash=before)
        connection.execute(change)


def test_a_whole_log_is_found_whole(filled, anchors):
    report = found(filled, anchors)
    assert report.good, report.faults
    assert report.lines == LINES + 3
    assert report.heads == {HOME: LINES, OTHER: 3}
    assert report.anchored == {HOME: 8}


EDITS = {
    "actor": "UPDATE audit_line SET actor = 'user:x' WHERE {five}",
    "action": "UPDATE audit_line SET action = 'x' WHERE {five}",
    "resource": "UPDATE audit_line SET resource = 'x' WHERE {five}",
    "trace": "UPDATE audit_line SET trace = 'x' WHERE {five}",
    "detail": "UPDATE audit_line SET detail = '{\"n\": 6}' WHERE {five}",
    "about": "UPDATE audit_line SET about = 'user:x' WHERE {five}",
    "personal hash": "UPDATE audit_line SET personal_hash = NULL WHERE {five}",
    "hash": f"UPDATE audit_line SET hash = '{'1' * 64}' WHERE {{five}}",
    "personal": 'UPDATE audit_personal SET value = \'{"address": "192.0.2.66"}\' WHERE {five}',
    "salt": "UPDATE audit_personal SET salt = 'x' WHERE {five}",
    "personal gone": "DELETE FROM audit_personal WHERE {five}",
    "deleted": "DELETE FROM audit_line WHERE {five}",
}
FIVE = f"seq = 5 AND institution_id = '{HOME}'"


def edit(name):
    def act(connection):
        done = connection.exec_driver_sql(EDITS[name].replace("{five}", FIVE).replace("%", "%%"))
        assert done.rowcount == 1

    return act


def change_time(connection):
    table = AuditLine.__table__
    where = (table.c.institution_id == HOME, table.c.seq == 5)
    connection.execute(table.update().where(*where).values(at=datetime(2020, 1, 1, tzinfo=UTC)))


def renumber(connection, steps):
    for seq, new in steps:
        for table in ("audit_line", "audit_personal"):
            connection.execute(
                text(f"UPDATE {table} SET seq = :new WHERE seq = :seq AND institution_id = :home"),
                {"seq": seq, "new": new, "home": HOME},
            )


def swap(connection):
    renumber(connection, [(5, 1000), (6, 5), (1000, 6)])


def close_gap(connection):
    edit("deleted")(connection)
    edit("personal gone")(connection)
    renumber(connection, [(seq, seq - 1) for seq in range(6, LINES + 1)])


def put_in(connection):
    renumber(connection, [(seq, seq + 1) for seq in range(LINES, 4, -1)])
    table = AuditLine.__table__
    where = (table.c.institution_id == HOME, table.c.seq == 4)
    row = dict(connection.execute(select(table).where(*where)).one()._mapping)
    connection.execute(table.insert().values(**row | {"seq": 5, "action": "t:never"}))


def and_rehash(act):
    def done(connection):
        act(connection)
        rehashed(connection, 5)

    return done


def remove(condition):
    def act(connection):
        connection.exec_driver_sql(
            f"DELETE FROM audit_line WHERE {condition} AND institution_id = '{HOME}'"
        )

    return act


TAMPERINGS = {
    **{name: (edit(name), 5, "") for name in EDITS},
    "time": (change_time, 5, "altered"),
    "two lines change places": (swap, 5, "moved"),
    "a gap is closed": (close_gap, 5, "altered, moved"),
    "a line is put in": (put_in, 5, "put in"),
    "edited, and chained anew": (and_rehash(edit("action")), 8, "anchored"),
    "removed, and chained anew": (and_rehash(close_gap), 8, "anchored"),
    "put in, and chained anew": (and_rehash(put_in), 8, "anchored"),
    "all are gone": (remove("seq > 0"), 1, "went on to line 8"),
    "all but one are gone": (remove("seq > 1"), 2, "went on to line 8"),
    "the end behind line 7 is gone": (remove("seq > 7"), 8, "went on to line 8"),
    "the front is gone": (remove("seq < 4"), 1, "missing"),
}
"""What somebody does, the line that is bad first, and what is said of it."""


@contextmanager
def tampered(database, act):
    """Undone afterwards: a fresh database for each would take ten times as long."""
    tables = [AuditLine.__table__, AuditPersonal.__table__]
    with attacker(database) as connection:
        kept = [[dict(row._mapping) for row in connection.execute(select(t))] for t in tables]
        act(connection)
    yield
    with attacker(database) as connection:
        for table, rows in zip(tables, kept, strict=True):
            connection.execute(table.delete())
            connection.execute(table.insert(), rows)


def test_whatever_is_changed_past_the_hub_is_found_at_the_first_bad_line(filled, anchors):
    for name, (act, seq, words) in TAMPERINGS.items():
        with tampered(filled, act):
            faults = found(filled, anchors).faults
        assert [(one.institution, one.seq) for one in faults] == [(HOME, seq)], name
        assert words in faults[0].reason, name
    assert found(filled, anchors).good


def test_a_chain_that_was_cut_off_gets_no_new_anchor(filled, anchors):
    with tampered(filled, remove("seq > 7")):
        made, (fault,) = anchor(filled, anchors, make_system_call(), [HOME])
    assert (made, fault.seq) == ([], 8)


def test_a_chain_of_another_institution_is_no_chain_here(filled, anchors):
    with attacker(filled) as connection:
        connection.execute(
            text("UPDATE audit_line SET institution_id = 'other' WHERE institution_id = :home"),
            {"home": HOME},
        )
    assert {fault.institution for fault in found(filled, anchors).faults} == {HOME, "other"}


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_sqlite_itself_refuses_to_change_lines(filled, anchors):
    copied = "institution_id, -1, actor, action, resource, trace, detail, about, personal_hash, at"
    for statement in (
        "UPDATE audit_line SET actor = 'x'",
        "DELETE FROM audit_line",
        "UPDATE audit_personal SET salt = 'x'",
        "INSERT OR REPLACE INTO audit_line SELECT * FROM audit_line WHERE seq = 2",
        f"INSERT INTO audit_line SELECT {copied}, hash FROM audit_line WHERE seq = 2",
    ):
        engine = create_engine(filled.owner_url)
        with (
            pytest.raises(Exception, match="the lines of the audit are never changed"),
            engine.begin() as connection,
        ):
            connection.execute(text(statement))
        engine.dispose()
    assert found(filled, anchors).good


def test_an_act_whose_line_cannot_be_written_does_not_happen(filled):
    with attacker(filled) as connection:
        if filled.dialect == "sqlite":
            refuse = "BEGIN SELECT RAISE(ABORT, 'no room'); END"
            connection.execute(text(f"CREATE TRIGGER full BEFORE INSERT ON audit_line {refuse}"))
        else:
            connection.execute(text("ALTER TABLE audit_line ADD CHECK (seq <= 12) NOT VALID"))
    with pytest.raises((StoreError, ConflictError)), filled.unit(make_call()) as unit:  # noqa: PT012 - the unit ends in it
        unit.session.add(User(id="u", institution_id=HOME, name="N", role="learner"))
        unit.session.flush()
        unit.audit.append("user:create", "user:u")
    with filled.reading(make_call()) as unit:
        assert unit.session.scalar(select(func.count()).select_from(User)) == 0


def test_a_commit_asks_for_its_lines_the_same_few_times(database):
    # The head and the lines; on PostgreSQL whose rows these are, and a lock.
    statements = 3 if database.dialect == "postgresql" else 2
    for lines in (1, 20):
        with counted(database) as asked, database.unit(make_call()) as unit:
            for number in range(lines):
                unit.audit.append("t:act", f"thing:{number}")
        assert sum(asked.values()) == statements


def test_writers_at_once_make_one_chain(database, anchors):
    threads = [
        threading.Thread(
            target=lambda of: [write(database, n, of) for n in range(8)], args=(institution,)
        )
        for institution in (HOME, HOME, HOME, OTHER)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = found(database, anchors)
    assert report.good, report.faults
    assert report.heads == {HOME: 24, OTHER: 8}


def test_secrets_and_addresses_are_masked_in_a_line(database):
    with database.unit(make_call()) as unit:
        unit.audit.append(
            "t:act",
            "user:ada@example.org",
            {"note": "mail ada@example.org", "token": "s3cret", "parts": [{"password": "p"}]},
        )
    with database.reading(make_call()) as unit:
        line = unit.session.scalars(select(AuditLine)).one()
        told = json.dumps([line.resource, line.detail])
    assert not any(secret in told for secret in ("ada@", "s3cret", '"p"'))


def test_what_json_may_change_is_written_as_both_databases_keep_it(database, anchors):
    odd = {
        "f": 1.0,
        "big": 1e300,
        "tiny": 5e-324,
        "nan": float("nan"),
        "nul": "a\0b",
        "half": "\ud800",
    }
    with database.unit(make_call()) as unit:
        unit.audit.append("t:odd", "thing:1", odd, personal=odd)
    assert found(database, anchors).good
    assert stable({"a": (1.5, 2)}) == {"a": [1.5, 2]}


def test_an_anchor_is_made_only_of_what_is_new_and_whole(filled, anchors):
    made, _ = anchor(filled, anchors, make_system_call(), EVERY)
    assert [(one.institution, one.seq) for one in made] == [(HOME, LINES), (OTHER, 3)]
    assert anchor(filled, anchors, make_system_call(), EVERY) == ([], [])
    write(filled, 1)
    with attacker(filled) as connection:
        connection.execute(
            text("UPDATE audit_line SET actor = 'x' WHERE seq = 13 AND institution_id = :home"),
            {"home": HOME},
        )
    made, (fault,) = anchor(filled, anchors, make_system_call(), EVERY)
    assert made == []
    assert (fault.institution, fault.seq) == (HOME, 13)


def test_anchors_that_somebody_edits_or_leaves_out_are_noticed(filled, anchors):
    anchor(filled, anchors, make_system_call(), EVERY)
    lines = anchors.file.read_bytes().splitlines(keepends=True)
    assert len(lines) == 3
    forged = json.loads(lines[1]) | {"hash": "0" * 64}
    for tampered in (
        lines[1:],
        lines[:1] + lines[2:],
        [lines[0], json.dumps(forged).encode() + b"\n"],
    ):
        anchors.file.write_bytes(b"".join(tampered))
        faults = found(filled, Anchors(anchors.folder)).faults
        assert any(fault.seq == 0 for fault in faults)
    anchors.file.write_bytes(b"".join(lines) + b'{"half')
    assert found(filled, Anchors(anchors.folder)).good
    write(filled, 1)
    fresh = Anchors(anchors.folder)
    assert [one.seq for one in anchor(filled, fresh, make_system_call(), [HOME])[0]] == [13]
    assert found(filled, Anchors(anchors.folder)).good


def test_another_key_is_not_taken_for_the_own(filled, anchors, tmp_path):
    other = Anchors(tmp_path / "other", anchors.file)
    (fault,) = found(filled, other).faults
    assert "another key" in fault.reason


class TestCut:
    """Old lines go from the front alone, and a signed checkpoint stands for them."""

    def cut(self, database, anchors, before=FAR):
        moment = datetime.now(UTC) + before
        return cut(database, anchors, make_system_call(), EVERY, moment)

    def test_the_newest_line_stays_and_the_rest_is_whole(self, filled, anchors):
        done = self.cut(filled, anchors)
        assert [(one.institution, one.through, one.lines) for one in done] == [
            (HOME, LINES - 1, LINES - 1),
            (OTHER, 2, 2),
        ]
        write(filled, 99)
        report = found(filled, anchors)
        assert report.good, report.faults
        assert report.heads == {HOME: LINES + 2, OTHER: 4}  # Each with a line about the cut.
        with filled.reading(make_call()) as unit:
            assert unit.session.scalars(select(AuditPersonal.seq)).all() == [LINES + 2]
        anchor(filled, anchors, make_system_call(), EVERY)
        assert [one.lines for one in self.cut(filled, anchors)] == [2, 1]
        assert found(filled, anchors).good

    def test_what_is_young_stays(self, filled, anchors):
        assert self.cut(filled, anchors, -FAR) == []

    def test_a_broken_chain_is_not_cut(self, filled, anchors):
        with attacker(filled) as connection:
            edit("action")(connection)
        upgrade_core(filled)  # Makes the triggers again.
        with pytest.raises(ConflictError, match="line 5"):
            self.cut(filled, anchors)

    def test_a_checkpoint_that_somebody_else_wrote_is_noticed(self, filled, anchors):
        self.cut(filled, anchors)
        with attacker(filled) as connection:
            connection.execute(text("DELETE FROM audit_line WHERE seq = 12"))
            connection.execute(
                text("UPDATE audit_checkpoint SET seq = 12 WHERE institution_id = :home"),
                {"home": HOME},
            )
        assert any("without the key" in one.reason for one in found(filled, anchors).faults)

    def test_a_checkpoint_that_is_gone_is_noticed(self, filled, anchors):
        self.cut(filled, anchors)
        with attacker(filled) as connection:
            connection.execute(text("DELETE FROM audit_checkpoint"))
        assert {one.seq for one in found(filled, anchors).faults} == {1}

    @pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
    def test_who_serves_may_not(self, filled, anchors):
        filled.owner_url = filled.url
        with pytest.raises(StoreError, match="permission") as caught:
            self.cut(filled, anchors)
        assert "owner_url" in caught.value.cure


def test_memory_does_not_grow_with_the_lines(database, anchors):
    """Rows are let go of as they are checked: never more than two pages of them at once."""
    with database.unit(make_call()) as unit:
        for number in range(5000):
            unit.audit.append("t:act", f"thing:{number}")
    import tracemalloc

    found(database, anchors)  # What is loaded once, is.
    tracemalloc.start()
    report = found(database, anchors)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (report.lines, report.good) == (5000, True)
    assert peak < 8 * 1024 * 1024


def test_audit_takes_a_line_and_writes_nothing_before_the_commit(database):
    with database.unit(make_call()) as unit:
        assert isinstance(unit.audit, Audit)
        unit.audit.append("t:act", "thing:1")
        assert unit.session.scalar(select(func.count()).select_from(AuditLine)) == 0
