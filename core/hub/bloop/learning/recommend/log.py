"""The log of lists that were shown: written behind the answers, some lists at a time.

A request leaves its list here and does not wait for the database. Lists are written within a
second, when whoever was shown one opens something of it, and when the process stops. What the
database does not take is kept and tried again; beyond :data:`MOST` lists the oldest go, and an
error in the log says how many. A process that is killed loses what it showed in its last second, so
this is for comparing rankers, and no record of what somebody did.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, insert, update

from bloop.accounts.sessions import system_call
from bloop.learning.recommend.models import Recommendation
from bloop.store.commands import command
from bloop.store.database import Database, in_unit
from bloop.store.errors import NotFoundError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError

SECONDS = 1.0
MOST = 5_000
AT_ONCE = 200

_log = get_logger(__name__)


class ShownLog:
    """Lists that wait to be written; belongs to one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[tuple[str, list[dict[str, Any]]]] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    def add(self, institution: str, rows: list[dict[str, Any]]) -> None:
        """Have the rows of a list written soon."""
        self._waiting.append((institution, rows))
        dropped = 0
        while len(self._waiting) > MOST:
            self._waiting.popleft()
            dropped += 1
        if dropped:
            _log.error("lists of recommendations were not kept", lists=dropped)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_soon(), name="write recommendations")

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
                            write,
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
            lists = len(self._waiting)
            _log.error("lists of recommendations were not kept", lists=lists, reason=str(err))

    async def _write_soon(self) -> None:
        pause = SECONDS
        while self._waiting:
            await asyncio.sleep(pause)
            try:
                await asyncio.shield(self.flush())
                pause = SECONDS
            except BloopError as err:
                _log.warning("lists of recommendations wait for the database", reason=str(err))
                pause = min(60.0, pause * 2)


def write(unit: UnitOfWork, rows: Sequence[dict[str, Any]]) -> None:
    """Keep the places of lists."""
    unit.connection.execute(insert(Recommendation), list(rows))


@command("account:write")
def note_opened(unit: UnitOfWork, list_id: str, item: str) -> None:
    """Say that whoever asks opened an item of a list; raises NotFoundError for another's."""
    own = (
        Recommendation.institution_id == unit.institution,
        Recommendation.list_id == list_id,
        Recommendation.item_id == item,
        Recommendation.user_id == unit.call.principal.id,
    )
    table: Any = Recommendation.__table__
    found = unit.connection.execute(
        update(table).where(*own).values(opened_at=func.coalesce(table.c.opened_at, utcnow()))
    )
    if not found.rowcount:
        raise NotFoundError(f"no recommendation {list_id[:40]} of {item[:40]}")
