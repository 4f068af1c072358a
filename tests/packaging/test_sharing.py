"""What tests share is shared, what they do not is their own, and the longest begin first."""

from __future__ import annotations

import os
import signal

import httpx
import pytest
from sqlalchemy import column, create_engine, event, select, table
from sqlalchemy.pool import NullPool

from tests.support.forking import fork
from tests.support.order import LONGEST, ROOT, dealt


def test_pieces_are_equal_and_begin_with_some_of_the_longest_each():
    longest, rest = [["a", "a"], ["b"], ["c"], ["d"]], list(range(10))
    found = dealt(longest, rest, 3)
    pieces = [found[:5], found[5:10], found[10:]]
    assert [piece[:2] for piece in pieces] == [["a", "a"], ["b", 3], ["c", "d"]]
    assert sorted(map(str, found)) == sorted(map(str, [*"aabcd", *rest]))
    assert dealt([["a"] * 6], [1, 2], 2) == [*"aaaaaa", 1, 2]


def test_what_begins_first_is_there():
    assert [name for name in LONGEST if not (ROOT / name).is_file()] == []


def test_engines_of_a_kind_compile_a_statement_once_between_them():
    statement, hits = select(column("x")).select_from(table("only_in_this_test")), []
    for _ in range(2):
        engine = create_engine("sqlite://", poolclass=NullPool)
        event.listen(
            engine, "before_cursor_execute", lambda *given: hits.append(given[4].cache_hit.name)
        )
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE TABLE only_in_this_test (x)")
            assert connection.execute(statement).all() == []
    assert hits[1::2] == ["CACHE_MISS", "CACHE_HIT"]
    apart = create_engine("sqlite://", query_cache_size=0)
    assert apart._compiled_cache is None


def test_a_client_that_asks_for_other_certificates_gets_them(monkeypatch, tmp_path):
    def context_of(client):
        return client._transport._pool._ssl_context

    with httpx.Client() as first, httpx.Client() as second, httpx.Client(verify=False) as third:
        assert context_of(first) is context_of(second) is not context_of(third)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(FileNotFoundError):
        httpx.Client()


def tell(connection, name):
    connection.send((os.getpid(), os.environ.get(name)))
    connection.recv()


def test_a_forked_process_has_the_environment_of_its_test_and_a_death_of_its_own(monkeypatch):
    for value in ("one", "another"):
        monkeypatch.setenv("BLOOP_TEST_FORKED", value)
        process, said = fork(tell, "BLOOP_TEST_FORKED")
        assert said.recv() == (process.pid, value)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        with pytest.raises(EOFError):
            said.recv()
        said.close()
