"""A thread that waits for an exchange of the loop is let go, however the exchange ends."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from bloop_sdk import Request, UnavailableError
from bloop_sdk.bridges._pump import Loop
from bloop_sdk.http import Answer

PATIENCE_SECONDS = 60
REQUEST = Request(url="https://lms.example")


class Ended(BaseException):
    """What is no Exception, as a process that ends has."""


class Line:
    """A client whose exchange ends as it is told to, before its head or after some pieces."""

    def __init__(self, *, head=True, pieces=0, error=None):
        self.head, self.pieces, self.error = head, pieces, error
        self.task, self.left = None, False
        self.waits = asyncio.Event()

    @asynccontextmanager
    async def exchange(self, request):
        self.task = asyncio.current_task()
        try:
            if not self.head:
                await self._end()
            yield Answer(status=200, headers={}, chunks=self._chunks())
        finally:
            self.left = True

    async def _chunks(self):
        for _ in range(self.pieces):
            yield b"piece"
        await self._end()

    async def _end(self):
        if self.error is not None:
            raise self.error
        self.waits.set()
        await asyncio.Event().wait()


async def exchanged(line, then=list):
    """What a thread gets of the exchange."""
    loop = Loop()
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await asyncio.to_thread(lambda: then(loop.exchange(line, REQUEST)))


@pytest.mark.parametrize("head", [False, True], ids=["before_the_head", "in_the_body"])
async def test_an_exchange_that_is_cancelled_is_an_outage_for_the_thread(head):
    line = Line(head=head)
    work = asyncio.create_task(exchanged(line))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await line.waits.wait()
    line.task.cancel()
    with pytest.raises(UnavailableError, match="broken off") as told:
        await work
    assert isinstance(told.value.__cause__, asyncio.CancelledError)
    assert line.left


async def test_one_that_is_cancelled_while_nobody_reads_is_told_at_the_next_read():
    line = Line(pieces=100)

    def slow(exchange):
        exchange._loop.call_soon_threadsafe(line.task.cancel)
        return list(exchange)

    with pytest.raises(UnavailableError, match="broken off"):
        await exchanged(line, slow)


@pytest.mark.parametrize("head", [False, True], ids=["before_the_head", "in_the_body"])
async def test_what_is_no_exception_lets_the_thread_go_as_well(head):
    line = Line(head=head, error=Ended())
    with pytest.raises(UnavailableError, match="broken off") as told:
        await exchanged(line)
    assert isinstance(told.value.__cause__, Ended)
    with pytest.raises(Ended):
        await line.task


async def test_what_was_told_to_the_thread_is_not_reported_once_more():
    """The report would be written when the task is collected, in the midst of anything else."""
    line = Line(head=False, error=Ended())
    with pytest.raises(UnavailableError):
        await exchanged(line)
    await asyncio.wait({line.task})
    assert not line.task._log_traceback


@pytest.mark.parametrize("head", [False, True], ids=["before_the_head", "in_the_body"])
async def test_an_error_of_the_client_is_raised_in_the_thread_as_it_is(head):
    line = Line(head=head, error=UnavailableError("503"))
    with pytest.raises(UnavailableError, match="503"):
        await exchanged(line)


async def test_a_thread_that_lets_go_ends_the_exchange():
    line = Line(pieces=1)

    def first(exchange):
        piece = next(iter(exchange))
        exchange.close()
        exchange.close()
        return piece

    assert await exchanged(line, first) == b"piece"
    with pytest.raises(asyncio.CancelledError):
        await line.task
    assert line.left
