"""What a provider reads, batch by batch, held to the protocol: batches, and an end to them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from bloop_sdk import Batch, Cursor, FatalError, Partition
from bloop_sdk.providers.content import ContentProvider

EMPTY_BATCHES = 1000
"""So many batches in a row that hold nothing and lead nowhere are no reading any more."""


async def read_on(
    provider: ContentProvider, partition: Partition, cursor: Cursor | None
) -> AsyncGenerator[Batch, None]:
    """The batches from ``cursor`` on that hold or lead to anything.

    Leave it early by ``contextlib.aclosing`` only. Raises :class:`FatalError` where something else
    than a batch comes, or nothing for ever.
    """
    batches: Any = provider.read(partition, cursor)
    empty = 0
    try:
        async for batch in batches:
            if not isinstance(batch, Batch):
                raise _broken(partition, f"gave a {type(batch).__name__} instead of a Batch")
            if batch.same and not _knows(partition, batch):
                raise _broken(partition, "left out records of a part that the hub does not know")
            moved = batch.cursor is not None and batch.cursor != cursor
            cursor = batch.cursor or cursor
            full = batch.same or batch.records or batch.skipped or batch.deleted
            empty = 0 if full or moved else empty + 1
            if empty >= EMPTY_BATCHES:
                raise _broken(partition, f"gave {empty} empty batches in a row")
            if not empty:
                yield batch
    finally:
        with contextlib.suppress(AttributeError):  # Not every iterator can be closed.
            await batches.aclose()


def _knows(partition: Partition, batch: Batch) -> bool:
    part = batch.part
    bare = not (batch.records or batch.skipped or batch.deleted)
    return bare and part is not None and partition.known.get(part.key) == part.digest


def _broken(partition: Partition, what: str) -> FatalError:
    place = f" of {partition.container}" if partition.container else ""
    return FatalError(
        f"reading {partition.stream}{place}: the plugin {what}",
        code="plugin_failed",
        cure="tell the plugin's author; what was read before is kept",
    )
