"""SQLite's write-ahead log goes into the file beside the commits, not in one of them.

SQLite itself lets the commit that finds the log full copy it, and wait for the disk: whoever it
was had asked for a row, and waited for those of everybody else.

The log's own file is not cut off, for which writers would have to wait: whoever writes next begins
it afresh, over what was copied. So its size does not say how much of it is in use.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from bisect import bisect_left
from contextlib import closing
from pathlib import Path

from bloop.telemetry.logs import get_logger

FULL_BYTES = 16 * 1024 * 1024
"""So much is copied at a time."""

MOST_KEPT_BYTES = 4 * FULL_BYTES
"""Of a log with more in it the file is cut off: who read for long, or never paused, made it so."""

_TRIES = 5

# Of the log and of each frame in it, in bytes: https://sqlite.org/fileformat2.html#walformat
_HEADER, _FRAME_HEADER = 32, 24

log = get_logger("bloop.store")


class WriteAheadLog:
    """The log of one database file, which its writers tell of their commits."""

    def __init__(self, database: Path) -> None:
        self._database = f"{database.absolute().as_uri()}?mode=rw"
        self._file = database.with_name(f"{database.name}-wal")
        self._copying = threading.Lock()
        self._copied = 0
        self._thread: threading.Thread | None = None

    def committed(self) -> None:
        """Have the log copied once there is much in it, in a thread of its own."""
        try:
            size = self._size()
        except FileNotFoundError:
            return
        if size < self._copied:  # It was begun again.
            self._copied = 0
        if size - self._copied < FULL_BYTES or not self._copying.acquire(blocking=False):
            return
        thread = threading.Thread(target=self._copy, name="bloop-log")
        try:
            thread.start()
        except RuntimeError as err:  # No thread can be had: what was committed stands.
            self._copying.release()
            log.warning("the database's log could not be copied", error=err)
        else:
            self._thread = thread

    def _size(self) -> int:
        """Bytes of the log that are in use: its first frames have its salts, others are older.

        Its index (``-shm``) tells as well, but who closes that file takes SQLite's locks away.
        """
        with self._file.open("rb", buffering=0) as file:
            header, end = file.read(_HEADER), os.fstat(file.fileno()).st_size
            if len(header) < _HEADER:
                return 0
            frame = _FRAME_HEADER + int.from_bytes(header[8:12], "big")

            def is_older(number: int) -> bool:
                file.seek(_HEADER + number * frame + 8)
                return file.read(8) != header[16:24]

            return frame * bisect_left(range(end // frame), True, key=is_older)

    def _copy(self) -> None:
        try:
            with closing(sqlite3.connect(self._database, uri=True, timeout=0)) as connection:
                for _ in range(_TRIES):
                    self._copied = self._size()
                    # Lets others write meanwhile; once nothing is left, the next begins it again.
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                    if self._size() == self._copied:
                        break
                if self._copied >= MOST_KEPT_BYTES:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except (sqlite3.Error, OSError) as err:
            log.warning("the database's log could not be copied", error=err)
        finally:
            self._copying.release()

    def close(self) -> None:
        """Wait for what is under way."""
        if self._thread is not None:
            self._thread.join()
