"""SQLite's write-ahead log goes into the file beside the commits, not in one of them.

SQLite itself lets the commit that finds the log full copy it, and wait for the disk: whoever it
was had asked for a row, and waited for those of everybody else.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from bloop.telemetry.logs import get_logger

FULL_BYTES = 16 * 1024 * 1024

log = get_logger("bloop.store")


class WriteAheadLog:
    """The log of one database file, which its writers tell of their commits."""

    def __init__(self, database: Path) -> None:
        self._database = f"{database.absolute().as_uri()}?mode=rw"
        self._file = database.with_name(f"{database.name}-wal")
        self._copying = threading.Lock()
        self._full = FULL_BYTES
        self._thread: threading.Thread | None = None

    def committed(self) -> None:
        """Have the log copied and emptied once it is full, in a thread of its own."""
        try:
            size = self._file.stat().st_size
        except FileNotFoundError:
            return
        if size < self._full or not self._copying.acquire(blocking=False):
            return
        thread = threading.Thread(target=self._copy, args=[size], name="bloop-log")
        try:
            thread.start()
        except RuntimeError as err:  # No thread can be had: what was committed stands.
            self._copying.release()
            log.warning("the database's log could not be copied", error=err)
        else:
            self._thread = thread

    def _copy(self, size: int) -> None:
        try:
            with closing(sqlite3.connect(self._database, uri=True, timeout=0)) as connection:
                # The first lets others write meanwhile, and leaves nothing for the second to copy,
                # which is refused where somebody writes, or still reads what is in the log.
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            # It is not asked for again with each commit until they let go.
            self._full = size + FULL_BYTES if busy else FULL_BYTES
        except sqlite3.Error as err:
            log.warning("the database's log could not be copied", error=err)
        finally:
            self._copying.release()

    def close(self) -> None:
        """Wait for what is under way."""
        if self._thread is not None:
            self._thread.join()
