"""Broken at noticing changes."""

import asyncio
import dataclasses

from bloop_sdk import Batch
from tests.sdk.shelf.broken import breaks
from tests.sdk.shelf.fake_desk import DESK, FolderDesk


@breaks("watch_tells_changes", subject=DESK)
class BeginsWithAHint(FolderDesk):
    async def watch(self):
        async for _ in super().watch():
            yield Batch(records=tuple(self.records(self.desk.sheets["s1"])))


@breaks("watch_tells_changes", subject=DESK)
class TellsOldTexts(FolderDesk):
    async def watch(self):
        async for hint in super().watch():
            yield Batch(records=tuple(map(older, hint.records)), deleted=hint.deleted)


def older(record):
    return dataclasses.replace(record, raw={**record.raw, "title": "Old"})


@breaks("watch_tells_writes_as_they_were_answered", subject=DESK)
class ForgetsWhatWasWritten(FolderDesk):
    async def watch(self):
        async for hint in super().watch():
            yield Batch() if len(hint.records) == 2 and "s4" in str(hint.records) else hint


@breaks("watch_ends", subject=DESK)
class StaysBehind(FolderDesk):
    async def watch(self):
        queue = asyncio.Queue()

        async def follow():
            async for hint in super(StaysBehind, self).watch():
                await queue.put(hint)

        self.following = asyncio.create_task(follow(), name="following")
        while True:
            yield await queue.get()
