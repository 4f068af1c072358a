"""Bytes that nothing refers to any more: who held them is forgotten, then they are removed.

What refers to bytes is written in one transaction with who holds them (:mod:`bloop.store.held`),
after the bytes are on the disk. Both are left alone while they are young, so that what is on its
way is safe; and both are looked at once more as they go, for they may have been renewed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, tuple_, union

from bloop.accounts.sessions import system_call
from bloop.content.changes import chunks
from bloop.jobs.models import Job
from bloop.store.blobs import HEX
from bloop.store.models import EVERY_INSTITUTION, Blob
from bloop.telemetry.logs import get_logger

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.store.unit import UnitOfWork

EVERY_SECONDS = 23 * 3600.0
"""How often a hub sweeps by itself; it looks every hour."""

log = get_logger("bloop.hub.sweeping")


@dataclass(slots=True)
class Swept:
    """What went, or would go: rows that said who holds bytes, files, and their bytes."""

    holds: int = 0
    files: int = 0
    bytes: int = 0

    def as_dict(self) -> dict[str, int]:
        """For programs."""
        return asdict(self)


def sweep(hub: Hub, *, dry_run: bool = False) -> Swept:
    """Remove what nothing has referred to, and nobody stored, for ``[limits] sweep_hours``."""
    before = datetime.now(UTC) - timedelta(hours=hub.config.value.limits.sweep_hours)
    sweeper = _Sweeper(hub, before, dry_run=dry_run)
    swept = Swept(holds=sweeper.forget_holds())
    for first in HEX:
        sweeper.remove_files(first, swept)
    if not dry_run:
        hub.blobs.remove_abandoned()
    return swept


def sweep_if_due(hub: Hub) -> Swept | None:
    """Sweep once a day, whichever of the processes that share the folder looks first."""
    with (hub.blobs.root / ".swept").open("a") as stamp, contextlib.suppress(BlockingIOError):
        fcntl.flock(stamp, fcntl.LOCK_EX | fcntl.LOCK_NB)
        told = os.fstat(stamp.fileno())
        if told.st_size and time.time() - told.st_mtime < EVERY_SECONDS:
            return None
        swept = sweep(hub)
        stamp.write(".") if not told.st_size else os.utime(stamp.fileno())
        if swept.files or swept.holds:
            log.info("removed bytes that nothing refers to", **swept.as_dict())
        return swept
    return None


class _Sweeper:
    def __init__(self, hub: Hub, before: datetime, *, dry_run: bool) -> None:
        self._database, self._blobs = hub.database, hub.blobs
        self._before, self._dry_run = before, dry_run
        self._call = system_call(EVERY_INSTITUTION)
        self._old = Blob.held_at < before
        payload, result = Job.payload["blob"].as_string(), Job.result["blob"].as_string()
        jobs = ((Job.institution_id, payload), (Job.institution_id, result))
        named = ((model.institution_id, column) for model, column in hub.sources.holders)
        self._named = (*named, *jobs)

    def forget_holds(self) -> int:
        """Forget that institutions hold what they no longer refer to; how many times."""
        own = tuple_(Blob.institution_id, Blob.sha256)
        unnamed = [
            own.not_in(select(institution, text).where(text.is_not(None)))
            for institution, text in self._named
        ]
        with self._database.reading(self._call) as unit:
            found = unit.session.execute(
                select(Blob.institution_id, Blob.sha256).where(self._old, *unnamed)
            )
            pairs = sorted((row[0], row[1]) for row in found)
        if self._dry_run:
            return len(pairs)
        gone = 0
        for part in chunks(pairs):
            with self._database.unit(self._call) as unit:
                going = set(part) - self._referred(unit, part)
                done: Any = unit.session.execute(
                    delete(Blob)
                    .where(own.in_(sorted(going)), self._old)
                    .execution_options(synchronize_session=False)
                )
                gone += done.rowcount
        return gone

    def remove_files(self, first: str, swept: Swept) -> None:
        """Remove the files with such a digest that no institution holds or refers to."""
        before = self._before.timestamp()
        held = self._held(first)
        for one in self._blobs.stored(first):
            if one.stored_at > before or one.sha256 in held:
                continue
            if self._dry_run or self._blobs.remove(one.sha256, before):
                swept.files += 1
                swept.bytes += one.size

    def _referred(self, unit: UnitOfWork, pairs: list[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those that something has come to refer to."""
        digests = [digest for _, digest in pairs]
        found: set[tuple[str, str]] = set()
        for institution, text in self._named:
            rows = unit.session.execute(select(institution, text).where(text.in_(digests)))
            found |= {(row[0], row[1]) for row in rows}
        return found

    def _held(self, first: str) -> set[str]:
        """The digests that are held or referred to, in any institution."""
        texts = [text for _, text in self._named]
        named = [select(one).where(one.startswith(first)) for one in texts]
        young = select(Blob.sha256).where(Blob.sha256.startswith(first), ~self._old)
        with self._database.reading(self._call) as unit:
            return set(unit.session.scalars(union(young, *named)))
