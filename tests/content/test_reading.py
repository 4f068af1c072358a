"""What a provider reads is held to the protocol."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from bloop.content.reading import EMPTY_BATCHES, read_on
from bloop_sdk import Batch, Cursor, FatalError, Partition
from bloop_sdk.records import Container


class Reads:
    """A provider whose read gives what it was made with."""

    def __init__(self, *batches):
        self.batches = batches
        self.closed = False

    async def read(self, _partition, _state):
        try:
            for batch in self.batches:
                yield batch
        finally:
            self.closed = True


async def taken(provider, cursor=None):
    async with aclosing(read_on(provider, Partition("courses", "c1"), cursor)) as batches:
        return [batch async for batch in batches]


def full(number):
    return Batch(records=(Container(remote_id=str(number), raw={}, title="x"),))


async def test_batches_come_as_they_are_but_for_empty_ones():
    provider = Reads(full(1), Batch(), full(2), Batch(cursor=Cursor("end", 1)))
    assert await taken(provider) == [provider.batches[index] for index in (0, 2, 3)]
    assert provider.closed


@pytest.mark.parametrize("rubbish", [7, None, "text", object()])
async def test_what_is_no_batch_ends_it(rubbish):
    provider = Reads(full(1), rubbish)
    with pytest.raises(FatalError, match=r"reading courses of c1: the plugin gave a \w+ instead"):
        await taken(provider)
    assert provider.closed


async def test_nothing_for_ever_ends_it():
    provider = Reads(*[Batch()] * (EMPTY_BATCHES + 1))
    with pytest.raises(FatalError, match=f"gave {EMPTY_BATCHES} empty batches in a row"):
        await taken(provider)


async def test_a_cursor_that_stays_is_no_progress():
    provider = Reads(*[Batch(cursor=Cursor("here", 1))] * (EMPTY_BATCHES + 1))
    with pytest.raises(FatalError, match="empty batches"):
        await taken(provider, Cursor("here", 1))


async def test_a_cursor_that_moves_is_progress():
    provider = Reads(*(Batch(cursor=Cursor(str(n), 1)) for n in range(EMPTY_BATCHES * 2)))
    assert len(await taken(provider)) == EMPTY_BATCHES * 2


async def test_few_empty_batches_among_full_ones_are_fine():
    provider = Reads(*([Batch()] * (EMPTY_BATCHES - 1) + [full(1)]) * 2)
    assert await taken(provider) == [full(1), full(1)]


async def test_an_iterator_that_cannot_be_closed_will_do():
    class Plain:
        def read(self, _partition, _state):
            return self

        def __aiter__(self):
            return self

        async def __anext__(self):
            raise StopAsyncIteration

    assert await taken(Plain()) == []
