"""Fetching some records again: what a webhook hints at, and what is in quarantine.

Only what was fetched is believed, and only while nobody has written the same rows since it was
asked for: a sync may have read a newer state, so that it is fetched once more. The rows belong to
the connection's newest run, whose report stays as it is.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from bloop.content.codec import parse_ref
from bloop.content.concealed import conceal_after_run
from bloop.content.files import fetch_bytes
from bloop.content.incoming import MODELS, Work, fill, find_known, hashed, look_up
from bloop.content.parts import mark
from bloop.content.runs import newest_run
from bloop.content.sync_models import SyncRun
from bloop.content.writing import Target, once_more, write
from bloop.store.blobs import Blobs
from bloop.store.commands import command
from bloop.store.database import Database, in_unit
from bloop.store.errors import ConflictError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Batch, Call, FatalError, Ref
from bloop_sdk.providers.content import ContentProvider

AT_ONCE = 100
FETCHES = 5
"""So often a record is fetched that somebody else writes each time meanwhile."""
_ACTION = "content:import"
"""As which the rows are written: whoever gives a grade has it, and an admin who retries."""

Versions = dict[Ref, int]
"""At which version the rows of some records were; those that were not there are not in it."""


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

    A connection that was never read has nothing to refresh: raises FatalError. Raises ConflictError
    where others write the same records all the time.
    """

    async def do(work: Any, *args: Any) -> Any:
        return await database.run(in_unit, database, call, work, *args)

    await do(_expect_run, connection)
    total: Counter[str] = Counter()
    for start in range(0, len(refs), AT_ONCE):
        wanted = refs[start : start + AT_ONCE]
        for _ in range(FETCHES):
            before = await do(_versions, connection, wanted)
            batch = await provider.fetch(wanted)
            take = partial(_take, do, blobs, connection, batch, before, file_limit)
            counts, wanted = await once_more(take)
            total.update(counts)
            if not wanted:
                break
        else:
            raise ConflictError(
                f"{len(wanted)} records were written by others each time they were fetched",
                cure="try again when the sync of this connection is over",
            )
    await do(_conceal, connection)
    return dict(total)


async def _take(
    do: Any, blobs: Blobs, connection: str, batch: Batch, before: Versions, file_limit: int
) -> tuple[dict[str, int], list[Ref]]:
    """Write what was fetched; its counts, and which of it somebody else has written since."""
    work = await asyncio.to_thread(hashed, batch)
    await do(_look_up, connection, work)
    await fetch_bytes(blobs, work, file_limit)
    await asyncio.to_thread(fill, work)
    found: tuple[dict[str, int], list[Ref]] = await do(_write, connection, work, before)
    return found


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
def _versions(unit: UnitOfWork, connection: str, refs: Iterable[Ref]) -> Versions:
    by_table: defaultdict[Any, list[Ref]] = defaultdict(list)
    for ref in refs:
        by_table[MODELS[ref.kind]].append(ref)
    return {
        ref: known.row_version
        for model, wanted in by_table.items()
        for ref, known in find_known(unit, connection, model, wanted).items()
    }


@command(_ACTION)
def _write(
    unit: UnitOfWork, connection: str, work: Work, before: Versions
) -> tuple[dict[str, int], list[Ref]]:
    run = _run(unit, connection)
    # Whoever commits a part of the run locks its row first, too: nobody writes meanwhile.
    unit.session.refresh(run, with_for_update=True)
    told = {*work.incoming, *work.batch.deleted}
    told |= {ref for one in work.skipped if (ref := parse_ref(one.ref)) is not None}
    now = _versions(unit, connection, told)
    stale = {ref for ref in told if now.get(ref) != before.get(ref)}
    if stale:
        work.leave_out(stale)
    counts = write(unit, Target(connection, run.id, run.into_id), work).counts
    if run.state != "succeeded":
        # It may have listed already where this stands, and would take it for gone.
        mark(unit, connection, run.generation, work.incoming)
    return counts, sorted(stale)


@command(_ACTION)
def _conceal(unit: UnitOfWork, connection: str) -> None:
    run = _run(unit, connection)
    # What a sync has brought waits for its places, which may be hidden ones.
    conceal_after_run(unit, run.id, whole=run.state == "succeeded")
