from __future__ import annotations

import asyncio

from bloop import tasks


async def test_a_task_that_loses_its_first_cancellation_ends_all_the_same(monkeypatch):
    monkeypatch.setattr(tasks, "PATIENCE_SECONDS", 0.01)
    told = []

    async def loses_one():
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                told.append(len(told))
                if len(told) == 3:
                    raise

    task = asyncio.create_task(loses_one())
    await asyncio.sleep(0)
    await tasks.end_tasks([task])
    assert task.cancelled()
    assert told == [0, 1, 2]


async def test_what_a_task_raises_while_it_ends_is_nobodys_concern():
    async def breaks():
        try:
            await asyncio.sleep(3600)
        finally:
            raise OSError("gone")

    task = asyncio.create_task(breaks())
    await asyncio.sleep(0)
    await tasks.end_tasks([task, asyncio.create_task(asyncio.sleep(0))])
    assert task.done()


async def test_nothing_to_end_is_nothing_to_wait_for():
    await tasks.end_tasks([])
