"""A bucket at the other side that its answers tell of, against Canvas's own algorithm."""

import asyncio
import random

import pytest

from bloop.net.books import Book
from bloop.net.pacer import HubPacer
from bloop_sdk._http.wire import Pace
from bloop_sdk.manifest import Bucket
from tests.net.canvas_throttle import HIGH_WATER, OUTFLOW, UP_FRONT, CanvasThrottle
from tests.net.virtual import now, virtually

KEY = ("credential", "canvas.example:443")
BUCKET = Bucket(
    remaining="X-Rate-Limit-Remaining", cost="X-Request-Cost", in_flight=UP_FRONT, refill=OUTFLOW
)
CANVAS = Pace(at_once=10, bucket=BUCKET)
PATIENCE = 60.0


class MemoryBoard:
    """Books that several pacers of one test write in."""

    name = "memory"

    def __init__(self):
        self.texts = {}

    async def change(self, key, change):
        await asyncio.sleep(0.001)
        book = Book.read(self.texts.get(key, b""), now())
        result = change(book, now())
        self.texts[key] = book.write(now())
        await asyncio.sleep(0.001)
        return result

    async def close(self):
        pass


async def _ask(pacer, canvas, cost, *, there=0.005, seconds=0.02, back=0.005, pace=CANVAS):
    async with pacer.turn(KEY, pace, PATIENCE) as learn:
        await asyncio.sleep(there)
        status, headers = await canvas.serve(cost, seconds)
        await asyncio.sleep(back)
        learn(headers)
    return status


def _soonest(costs, at_once=10, latency=0.03):
    """What no client can beat: its latency, and the leak once the bucket has filled up."""
    return max(len(costs) * latency / at_once, (sum(costs) - HIGH_WATER) / OUTFLOW)


@pytest.mark.parametrize(
    ("cost", "number"), [(0.3, 1000), (2.0, 1000), (20.0, 300), (49.0, 100), (120.0, 60)]
)
@virtually
async def test_canvas_refuses_nothing_and_is_used_to_the_full(cost, number):
    canvas, pacer = CanvasThrottle(), HubPacer(clock=now)
    await asyncio.gather(*(_ask(pacer, canvas, cost) for _ in range(number)))
    assert (canvas.served, canvas.refused) == (number, 0)
    assert canvas.most == (10 if cost < UP_FRONT else 4)
    # One more trip to find out how full it is, and at the end room for one more request.
    assert now() <= 1.05 * _soonest([cost] * number) + 0.1 + (UP_FRONT + cost) / OUTFLOW


@pytest.mark.parametrize("seed", range(8))
@virtually
async def test_canvas_refuses_nothing_whatever_requests_cost_and_however_they_overtake(seed):
    chance = random.Random(seed)
    canvas, pacer = CanvasThrottle(), HubPacer(clock=now)
    costs = [chance.choice((0.2, 1.0, 10.0, 30.0, 50.0)) for _ in range(200)]
    await asyncio.gather(
        *(
            _ask(
                pacer,
                canvas,
                cost,
                there=chance.uniform(0.001, 0.3),
                seconds=chance.uniform(0.01, 3.0),
                back=chance.uniform(0.001, 0.3),
            )
            for cost in costs
        )
    )
    assert (canvas.served, canvas.refused) == (200, 0)


@virtually
async def test_a_bucket_that_is_nearly_full_is_found_out_with_one_request():
    canvas, pacer = CanvasThrottle(count=540.0), HubPacer(clock=now)
    await asyncio.gather(*(_ask(pacer, canvas, 1.0) for _ in range(30)))
    assert (canvas.served, canvas.refused) == (30, 0)
    assert now() < 30 * (UP_FRONT + 1.0) / OUTFLOW


@virtually
async def test_what_others_take_with_the_same_credential_slows_us_down():
    canvas, pacer = CanvasThrottle(), HubPacer(clock=now)

    async def another():
        for _ in range(300):
            canvas.increment(2.0)
            await asyncio.sleep(0.25)

    others = asyncio.ensure_future(another())

    async def until_served():
        refused = 0
        while await _ask(pacer, canvas, 3.0) != 200:
            refused += 1
            pacer.hold(KEY, 2.0)  # as the client does, which tries again
        return refused

    ours = await asyncio.gather(*(until_served() for _ in range(400)))
    await others
    assert sum(ours) <= 8


@virtually
async def test_processes_that_share_a_board_share_the_bucket_and_take_turns():
    canvas, board = CanvasThrottle(), MemoryBoard()
    pacers = [HubPacer(board, clock=now) for _ in range(3)]
    done = []

    async def one(number):
        assert await _ask(pacers[number], canvas, 10.0) == 200
        done.append(number)

    await asyncio.gather(*(one(number % 3) for number in range(300)))
    assert canvas.refused == 0
    assert canvas.most >= 8
    assert now() <= 1.1 * _soonest([10.0] * 300) + 10
    # Whoever has asked longest comes next, whichever process it is in.
    for start in range(0, 240, 60):
        served = done[start : start + 60]
        assert all(10 <= served.count(number) <= 30 for number in range(3))
    for pacer in pacers:
        await pacer.close()


@virtually
async def test_a_minute_later_the_bucket_is_found_out_anew():
    canvas, pacer = CanvasThrottle(), HubPacer(clock=now)
    await _ask(pacer, canvas, 1.0)
    await asyncio.sleep(300)
    canvas.increment(560.0)  # somebody else's doing
    await asyncio.gather(*(_ask(pacer, canvas, 1.0) for _ in range(10)))
    assert canvas.refused == 0


@virtually
async def test_a_bucket_that_is_empty_for_longer_than_patience_is_told():
    from bloop_sdk.errors import RateLimitedError

    pacer = HubPacer(clock=now)
    async with pacer.turn(KEY, CANVAS, 30) as learn:
        learn({"x-rate-limit-remaining": "-450.0", "x-request-cost": "1"})
    with pytest.raises(RateLimitedError) as caught:
        async with pacer.turn(KEY, CANVAS, 30):
            pass
    assert caught.value.retry_after == pytest.approx(50.0, abs=0.1)


@pytest.mark.parametrize(
    "headers", [{}, {"x-rate-limit-remaining": "many"}, {"x-request-cost": "nan"}]
)
@virtually
async def test_a_host_that_tells_of_no_bucket_is_held_to_none(headers):
    pacer, running, seen = HubPacer(clock=now), 0, []

    async def one():
        nonlocal running
        async with pacer.turn(KEY, CANVAS, PATIENCE) as learn:
            running += 1
            seen.append(running)
            await asyncio.sleep(0.1)
            learn(headers)
            running -= 1

    await asyncio.gather(*(one() for _ in range(20)))
    # The first has found it out.
    assert (seen[:2], max(seen)) == ([1, 1], 10)


@pytest.mark.parametrize(
    ("remaining", "cost"),
    [("-5e8", "1"), ("-1e308", "0"), ("600", "1e308"), ("1e308", "-1e308"), ("nan", "inf")],
)
@virtually
async def test_an_answer_that_tells_nonsense_stops_nobody_for_longer_than_it_is_believed(
    remaining, cost
):
    headers = {"x-rate-limit-remaining": remaining, "x-request-cost": cost}
    board = MemoryBoard()
    for number in range(4):
        # What one process learns another goes by.
        pacer = HubPacer(board, clock=now)
        async with pacer.turn(KEY, CANVAS, PATIENCE) as learn:
            learn(headers)
        await pacer.close()
        assert now() <= (number + 1) * (PATIENCE + 1)
