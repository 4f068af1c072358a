"""Rows that are written behind the answers: a request leaves them here and does not wait.

What waits is written within a second, when somebody asks for it, and when the process stops. What
the database does not take is kept and tried again; beyond :data:`MOST` batches the oldest go, and
an error in the log says how many. A process that is killed loses what came in its last second, so
this is for what may be missing: never for what somebody did on purpose.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any

from bloop.accounts.sessions import system_call
from bloop.store.database import Database, in_unit
from bloop.store.unit import UnitOfWork
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError

SECONDS = 1.0
MOST = 5_000
AT_ONCE = 200

Rows = Sequence[dict[str, Any]]

_log = get_logger(__name__)


class Behind:
    """Rows that wait to be written by ``write``; belongs to one event loop.

    ``what`` names them in the log.
    """

    def __init__(
        self, database: Database, write: Callable[[UnitOfWork, Rows], None], what: str
    ) -> None:
        self._database = database
        self._write = write
        self._what = what
        self._waiting: deque[tuple[str, Rows]] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    def add(self, institution: str, rows: Rows) -> None:
        """Have rows of an institution written soon."""
        self._waiting.append((institution, rows))
        dropped = 0
        while len(self._waiting) > MOST:
            self._waiting.popleft()
            dropped += 1
        if dropped:
            _log.error(f"{self._what} were not kept", batches=dropped)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_soon(), name=f"write {self._what}")

    async def flush(self) -> None:
        """Write all that waits now; what cannot be written goes on waiting."""
        async with self._writing:
            while self._waiting:
                some = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
                by_institution: dict[str, list[dict[str, Any]]] = defaultdict(list)
                for institution, rows in some:
                    by_institution[institution] += rows
                try:
                    for institution in list(by_institution):
                        await self._database.run(
                            in_unit,
                            self._database,
                            system_call(institution),
                            self._write,
                            by_institution[institution],
                        )
                        del by_institution[institution]
                except BloopError:
                    left = [one for one in some if one[0] in by_institution]
                    self._waiting.extendleft(reversed(left))
                    raise

    async def stop(self) -> None:
        """Write what waits; the process ends."""
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        try:
            await self.flush()
        except BloopError as err:
            _log.error(f"{self._what} were not kept", batches=len(self._waiting), reason=str(err))

    async def _write_soon(self) -> None:
        pause = SECONDS
        while self._waiting:
            await asyncio.sleep(pause)
            try:
                await asyncio.shield(self.flush())
                pause = SECONDS
            except BloopError as err:
                _log.warning(f"{self._what} wait for the database", reason=str(err))
                pause = min(60.0, pause * 2)
