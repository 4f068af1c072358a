"""Fetching some records again: what a webhook hints at, and what is in quarantine.

Only what was fetched is believed, and only while nobody has written the same rows since it was
asked for: a sync may have read a newer state, so that it is fetched once more. The rows belong to
the connection's newest run, whose report stays as it is.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from bloop.content.codec import parse_ref
from bloop.content.concealed import conceal_after_run
from bloop.content.files import fetch_bytes
from bloop.content.incoming import MODELS, Work, fill, find_known, hashed, look_up
from bloop.content.options import FILE_LIMIT
from bloop.content.parts import mark
from bloop.content.runs import newest_run, note_fetched
from bloop.content.sync_models import SyncRun
from bloop.content.writing import Target, once_more, write
from bloop.store.blobs import BlobRef, Blobs
from bloop.store.commands import command
from bloop.store.database import Database, in_unit
from bloop.store.errors import ConflictError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Batch, Call, FatalError, Ref, records
from bloop_sdk.providers.content import ContentProvider

AT_ONCE = 100
FETCHES = 5
"""So often a record is fetched that somebody else writes each time meanwhile."""
_ACTION = "content:import"
"""As which the rows are written: an admin who retries has it, and the hub itself."""

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
    file_limit: int = FILE_LIMIT,
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
        wanted: Sequence[Ref] = refs[start : start + AT_ONCE]
        for _ in range(FETCHES):
            before = await do(_versions, connection, wanted)
            batch = await provider.fetch(wanted)
            taking = partial(take, do, blobs, connection, batch, file_limit, before=before)
            counts, wanted = await once_more(taking)
            total.update(counts)
            if not wanted:
                break
        else:
            raise ConflictError(
                f"{len(wanted)} records were written by others each time they were fetched",
                cure="try again when the sync of this connection is over",
            )
    await do(conceal, connection)
    return dict(total)


async def take(
    do: Any,
    blobs: Blobs,
    connection: str,
    batch: Batch,
    file_limit: int,
    *,
    before: Versions | None = None,
    around: Callable[[UnitOfWork], AbstractContextManager[None]] | None = None,
    held: Mapping[Ref, BlobRef] = MappingProxyType({}),
) -> tuple[dict[str, int], list[Ref]]:
    """Write a batch for the newest run; its counts, and which of it others have written since.

    Those are left out; without ``before`` nothing is. ``around`` is entered in the unit that
    writes. The bytes that are ``held`` are not asked for.
    """
    work = await asyncio.to_thread(hashed, batch)
    for ref, blob in held.items():
        one = work.incoming.get(ref)
        if one is not None and isinstance(one.record, records.File):
            one.record, one.blob = replace(one.record, chunks=None), blob
    await do(_look_up, connection, work)
    await fetch_bytes(blobs, work, file_limit)
    await fill(work)
    found: tuple[dict[str, int], list[Ref]] = await do(
        _write, connection, work, before, around or _nothing
    )
    return found


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
    unit: UnitOfWork,
    connection: str,
    work: Work,
    before: Versions | None,
    around: Callable[[UnitOfWork], AbstractContextManager[None]],
) -> tuple[dict[str, int], list[Ref]]:
    run = _run(unit, connection)
    # Whoever commits a part of the run locks its row first, too: nobody writes meanwhile.
    unit.session.refresh(run, with_for_update=True)
    stale: set[Ref] = set()
    if before is not None:
        told = {*work.incoming, *work.batch.deleted}
        told |= {ref for one in work.skipped if (ref := parse_ref(one.ref)) is not None}
        now = _versions(unit, connection, told)
        stale = {ref for ref in told if now.get(ref) != before.get(ref)}
        if stale:
            work.leave_out(stale)
    note_fetched(run, (*work.incoming, *work.batch.deleted))
    with around(unit):
        counts = write(unit, Target(connection, run.id, run.into_id), work).counts
    if run.state != "succeeded":
        # It may have listed already where this stands, and would take it for gone.
        mark(unit, connection, run.generation, work.incoming)
    return counts, sorted(stale)


@command(_ACTION)
def conceal(unit: UnitOfWork, connection: str) -> None:
    """Hide what was fetched where its place is hidden; who fetches does it last."""
    run = _run(unit, connection)
    # What a sync has brought waits for its places, which may be hidden ones.
    conceal_after_run(unit, run.id, whole=run.state == "succeeded")
