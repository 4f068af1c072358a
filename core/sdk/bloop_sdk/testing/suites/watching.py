"""What holds for providers that notice changes by themselves (:class:`bloop_sdk.Watching`).

They are tried in real time: what is noticed comes from outside of the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from bloop_sdk.providers.content import NoteWrite, Watching
from bloop_sdk.records import Batch, Record, Ref
from bloop_sdk.testing.reading import ContractError, ref_of
from bloop_sdk.testing.suites.case import ContentCase, Rig
from bloop_sdk.testing.suites.content import CONTENT, hold
from bloop_sdk.testing.suites.notes import differ, operation, write

PATIENCE_SECONDS = 60.0


@CONTENT.rule()
async def watch_tells_changes(case: ContentCase) -> None:
    """A watch begins with an empty hint, and then tells of changes what `read` gives."""
    if (rig := await _watchable(case)) is None:
        return
    async with _watching(rig) as watch:
        for name in ("edit", "add", "delete"):
            if name == "edit" or name in rig.source.offers:
                await watch.until(rig.offer(name)())
                watch.compare(await rig.seen(), f"{name}()")


@CONTENT.rule()
async def watch_tells_writes_as_they_were_answered(case: ContentCase) -> None:
    """What the hub writes comes back from a watch as the hub holds it, if it does at all."""
    if (rig := await _watchable(case)) is None:
        return
    async with _watching(rig) as watch:
        for kind in sorted(rig.provider().spec().writes & set(map(str, NoteWrite))):
            rig.replica = await rig.seen()
            op = operation(rig, NoteWrite(kind))
            if op is None:
                continue
            await write(rig, op)
            # That nothing was told is only known once something later is.
            await watch.until(rig.offer("edit")())
            hold(not watch.anything, f"{kind}: the watch says that anything may have changed")
            watch.compare(await rig.seen(), kind)


@CONTENT.rule()
async def watch_ends(case: ContentCase) -> None:
    """A watch that is closed, or cancelled while it waits, leaves no task or thread behind."""
    if (rig := await _watchable(case)) is None:
        return
    threads, tasks = set(threading.enumerate()), asyncio.all_tasks()
    async with _watching(rig):
        pass
    provider = rig.provider()
    assert isinstance(provider, Watching)
    watch = provider.watch()
    await _next(watch)
    waiting = asyncio.create_task(_next(watch))
    await asyncio.sleep(0.1)
    waiting.cancel()
    await asyncio.wait([waiting], timeout=PATIENCE_SECONDS)
    hold(waiting.done(), "watch() cannot be cancelled while it waits")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while _left(threads, tasks):  # noqa: ASYNC110 - threads set no event
                await asyncio.sleep(0.05)
    hold(not _left(threads, tasks), f"watch() leaves {_left(threads, tasks)} behind")


def _left(threads: set[threading.Thread], tasks: set[asyncio.Task[Any]]) -> list[str]:
    """Those that are new; pools keep their threads."""
    named = [one.name for one in threading.enumerate() if one not in threads]
    pooled = ("ThreadPoolExecutor", "asyncio_", "AnyIO")
    return [name for name in named if not name.startswith(pooled)] + [
        one.get_name() for one in asyncio.all_tasks() - tasks
    ]


async def _watchable(case: ContentCase) -> Rig | None:
    """A rig after a read, where the provider can watch."""
    provider = case.rig().provider()
    if not isinstance(provider, Watching) or not provider.can_watch():
        return None
    return await case.whole()


@dataclass
class _Watch:
    """What was told, of each record the newest."""

    hints: AsyncIterator[Batch]
    there: dict[Ref, Record] = field(default_factory=dict)
    gone: set[Ref] = field(default_factory=set)
    anything: bool = False

    async def until(self, ref: Ref) -> None:
        """Listen until a record is told of."""
        self.anything = False
        told: set[Ref] = set()
        while ref not in told and not self.anything:
            batch = await _next(self.hints, f"nothing of {ref}, which was changed")
            records = {ref_of(record): record for record in batch.records}
            told = {*records, *batch.deleted}
            self.anything = not told
            self.there = {one: old for one, old in self.there.items() if one not in told} | records
            self.gone = (self.gone - records.keys()) | set(batch.deleted)

    def compare(self, seen: Any, where: str) -> None:
        """Raise ContractError where a read gives something else."""
        for ref, record in self.there.items():
            hold(ref in seen.records, f"{where}: the watch tells of {ref}, which read() lacks")
            hold(
                not differ(record, seen.records[ref]),
                f"{where}: the watch tells {ref} otherwise than read() gives it",
            )
        for ref in self.gone:
            hold(ref not in seen.records, f"{where}: the watch tells as gone what is there: {ref}")


@contextlib.asynccontextmanager
async def _watching(rig: Rig) -> AsyncIterator[_Watch]:
    provider = rig.provider()
    assert isinstance(provider, Watching)
    hints = provider.watch()
    try:
        first = await _next(hints, "not that it has begun")
        hold(first == Batch(), "the first hint of a watch is not empty")
        yield _Watch(hints)
    finally:
        if isinstance(hints, AsyncGenerator):
            await asyncio.wait_for(hints.aclose(), PATIENCE_SECONDS)


async def _next(hints: AsyncIterator[Batch], what: str = "nothing") -> Batch:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await anext(hints)
    except StopAsyncIteration:
        raise ContractError("watch() has ended by itself") from None
    except TimeoutError:
        raise ContractError(f"watch() told {what} in {PATIENCE_SECONDS:g} s") from None
