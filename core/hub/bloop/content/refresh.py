"""Fetching some records again: what a webhook hints at, and what is in quarantine.

Only what was fetched is believed. The rows belong to the connection's newest run, whose report
stays as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from bloop.content.concealed import conceal_after_run
from bloop.content.files import fetch_bytes
from bloop.content.incoming import Work, fill, hashed, look_up
from bloop.content.parts import mark
from bloop.content.runs import newest_run
from bloop.content.sync_models import SyncRun
from bloop.content.writing import Target, once_more, write
from bloop.store.blobs import BlobRef, Blobs
from bloop.store.commands import command
from bloop.store.database import Database, in_unit
from bloop.store.unit import UnitOfWork
from bloop_sdk import Batch, Call, FatalError, Ref, records
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

    await do(_expect_run, connection)
    total: dict[str, int] = {}
    for start in range(0, len(refs), AT_ONCE):
        batch = await provider.fetch(refs[start : start + AT_ONCE])
        counts = await once_more(partial(take, do, blobs, connection, batch, file_limit))
        total = {name: total.get(name, 0) + value for name, value in counts.items()}
    await do(conceal, connection)
    return total


async def take(
    do: Any,
    blobs: Blobs,
    connection: str,
    batch: Batch,
    file_limit: int,
    around: Callable[[UnitOfWork], AbstractContextManager[None]] | None = None,
    held: Mapping[Ref, BlobRef] = MappingProxyType({}),
) -> dict[str, int]:
    """Write a batch for the newest run; ``around`` is entered in the unit that does.

    The bytes that are ``held`` are not asked for.
    """
    work = await asyncio.to_thread(hashed, batch)
    for ref, blob in held.items():
        one = work.incoming.get(ref)
        if one is not None and isinstance(one.record, records.File):
            one.record, one.blob = replace(one.record, chunks=None), blob
    await do(_look_up, connection, work)
    await fetch_bytes(blobs, work, file_limit)
    await asyncio.to_thread(fill, work)
    counts: dict[str, int] = await do(_write, connection, work, around or _nothing)
    return counts


@contextmanager
def _nothing(_unit: UnitOfWork) -> Iterator[None]:
    yield


def _run(unit: UnitOfWork, connection: str) -> SyncRun:
    """The newest run as it is now: a sync may have begun since, or come to its end."""
    run = newest_run(unit, connection, undone=False)
    if run is None:
        raise FatalError(
            "this connection has not been read yet",
            cure="sync it first; what it reads then is as new",
        )
    return run


@command(_ACTION)
def _expect_run(unit: UnitOfWork, connection: str) -> None:
    _run(unit, connection)


@command(_ACTION)
def _look_up(unit: UnitOfWork, connection: str, work: Work) -> None:
    look_up(unit, connection, work)


@command(_ACTION)
def _write(
    unit: UnitOfWork,
    connection: str,
    work: Work,
    around: Callable[[UnitOfWork], AbstractContextManager[None]],
) -> dict[str, int]:
    run = _run(unit, connection)
    with around(unit):
        counts = write(unit, Target(connection, run.id, run.into_id), work).counts
    if run.state != "succeeded":
        # It may have listed already where this stands, and would take it for gone.
        mark(unit, connection, run.generation, work.incoming)
    return counts


@command(_ACTION)
def conceal(unit: UnitOfWork, connection: str) -> None:
    """Hide what was fetched where its place is hidden; who fetches does it last."""
    run = _run(unit, connection)
    # What a sync has brought waits for its places, which may be hidden ones.
    conceal_after_run(unit, run.id, whole=run.state == "succeeded")
