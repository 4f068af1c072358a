"""Taking a transaction away from a thread that does not come back."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import threading
from typing import Any

from sqlalchemy import Connection


def cut(connection: Connection) -> None:
    """End the transaction of a connection that another thread is in the middle of.

    Its locks are free soon after, nothing that it did stays, and whatever it asks for next is
    refused. It is not closed: both drivers crash where a thread loses its connection in the middle
    of a call. Whoever began the transaction invalidates it.
    """
    driver: Any = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        _cut_sqlite(driver)
    else:
        # The server sees that nobody is there; a statement that runs there is cancelled first.
        with contextlib.suppress(Exception):
            driver.cancel_safe(timeout=2.0)
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(driver.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)


def _cut_sqlite(driver: sqlite3.Connection) -> None:
    def end() -> None:
        # Closed: its own thread came back meanwhile.
        with contextlib.suppress(sqlite3.ProgrammingError):
            while not _rolled_back(driver):
                pass

    # It waits for what the thread is in the middle of, which an interrupt ends.
    ending = threading.Thread(target=end, name="bloop-cut", daemon=True)
    ending.start()
    with contextlib.suppress(sqlite3.ProgrammingError):
        while ending.is_alive():
            driver.interrupt()
            ending.join(0.02)


def _rolled_back(driver: sqlite3.Connection) -> bool:
    try:
        # First, or the thread's next statement would stand by itself, and stay.
        driver.execute("PRAGMA query_only=ON")
        if driver.in_transaction:
            driver.execute("ROLLBACK")
    except sqlite3.OperationalError as err:
        # The interrupt may have met this one; after anything else another try would fail as well.
        return err.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT
    return True
