"""Fetching some records again: what a webhook hints at, and what is in quarantine.

Only what was fetched is believed. The rows belong to the connection's newest run, whose report
stays as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bloop.content.concealed import conceal_after_run
from bloop.content.files import fetch_bytes
from bloop.content.incoming import Work, fill, hashed, look_up
from bloop.content.runs import newest_run
from bloop.content.writing import Target, write
from bloop.store.blobs import Blobs
from bloop.store.commands import command
from bloop.store.database import Database, in_unit
from bloop.store.unit import UnitOfWork
from bloop_sdk import Batch, Call, FatalError, Ref
from bloop_sdk.providers.content import ContentProvider

AT_ONCE = 100
_ACTION = "content:import"
"""As which the rows are written: whoever gives a grade has it, and an admin who retries."""


async def refresh(
    database: Database,
    blobs: Blobs,
    provider: ContentProvider,
    call: Call,
    connection: str,
    refs: Sequence[Ref],
    *,
    file_limit: int = 2 * 1024**3,
) -> dict[str, int]:
    """Fetch ``refs`` and write what changed; the counts of :class:`bloop.content.writing.Written`.

    A connection that was never read has nothing to refresh: raises FatalError.
    """

    async def do(work: Any, *args: Any) -> Any:
        return await database.run(in_unit, database, call, work, *args)

    target: Target = await do(_target, connection)
    total: dict[str, int] = {}
    for start in range(0, len(refs), AT_ONCE):
        batch = await provider.fetch(refs[start : start + AT_ONCE])
        counts = await _take(do, blobs, target, batch, file_limit)
        total = {name: total.get(name, 0) + value for name, value in counts.items()}
    await do(_conceal, target)
    return total


async def _take(
    do: Any, blobs: Blobs, target: Target, batch: Batch, file_limit: int
) -> dict[str, int]:
    work = await asyncio.to_thread(hashed, batch)
    await do(_look_up, target, work)
    await fetch_bytes(blobs, work, file_limit)
    await asyncio.to_thread(fill, work)
    counts: dict[str, int] = await do(_write, target, work)
    return counts


@command(_ACTION)
def _target(unit: UnitOfWork, connection: str) -> Target:
    run = newest_run(unit, connection, undone=False)
    if run is None:
        raise FatalError(
            "this connection has not been read yet",
            cure="sync it first; what it reads then is as new",
        )
    return Target(connection, run.id, run.into_id)


@command(_ACTION)
def _look_up(unit: UnitOfWork, target: Target, work: Work) -> None:
    look_up(unit, target.connection_id, work)


@command(_ACTION)
def _write(unit: UnitOfWork, target: Target, work: Work) -> dict[str, int]:
    return write(unit, target, work).counts


@command(_ACTION)
def _conceal(unit: UnitOfWork, target: Target) -> None:
    conceal_after_run(unit, target.run_id)
