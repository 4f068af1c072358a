"""A transaction is taken away from a thread that sleeps, or is in the middle of a statement."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from bloop.store.cut import cut
from bloop.store.database import in_unit
from bloop.store.models import AuditLine
from bloop_sdk import BloopError
from tests.support.database import make_call

ENDLESS = {
    "sqlite": "WITH RECURSIVE n AS (SELECT begun() UNION ALL SELECT 1 FROM n) SELECT max(1) FROM n",
    "postgresql": "SELECT pg_sleep(600)",
}


@pytest.mark.parametrize("busy", [False, True], ids=["sleeping", "in-a-statement"])
def test_a_transaction_that_is_cut_leaves_nothing_and_can_do_nothing(database, busy):
    begun, go_on, is_cut = threading.Event(), threading.Event(), threading.Event()
    connections, errors = [], []

    def work():
        try:
            with database.unit(make_call()) as unit:
                unit.audit.append("t:cut", "nothing")
                unit.session.flush()
                connection = unit.session.connection()
                connections.append(connection)
                driver = connection.connection.driver_connection
                try:
                    if busy and database.dialect == "sqlite":
                        driver.create_function("begun", 0, begun.set)
                    else:
                        begun.set()
                    if busy:
                        connection.exec_driver_sql(ENDLESS[database.dialect])
                    assert go_on.wait(60)
                    # Outside a transaction, it would stay.
                    connection.exec_driver_sql("DELETE FROM audit_line")
                finally:
                    assert is_cut.wait(60)
                    connection.invalidate()
        except Exception as err:  # noqa: BLE001 - looked at below
            errors.append(err)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert begun.wait(60)
    cut(connections[0])
    is_cut.set()
    # SQLite has one writer: nobody could write while the other had its transaction.
    in_unit(database, make_call(), lambda unit: unit.audit.append("t:after", "nothing"))
    go_on.set()
    thread.join(60)
    assert not thread.is_alive()
    assert [isinstance(err, BloopError | SQLAlchemyError) for err in errors] == [True], errors
    with database.reading(make_call()) as unit:
        actions = set(unit.session.scalars(select(AuditLine.action)))
    assert actions == {"t:after"}
