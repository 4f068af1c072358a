import asyncio
import threading

import pytest

from bloop.net.pacer import HubPacer
from bloop_sdk._http.wire import Pace
from bloop_sdk.errors import RateLimitedError
from tests.net.virtual import now, virtually

KEY = ("credential", "host")
AGES = 1e9


async def _times(pacer, pace, count, key=KEY):
    times = []

    async def one():
        async with pacer.turn(key, pace, AGES):
            times.append(now())

    await asyncio.gather(*(one() for _ in range(count)))
    return times


@pytest.mark.parametrize("windows", [((3, 10.0),), ((3, 10.0), (5, 60.0)), ((2, 1.0), (7, 100.0))])
@virtually
async def test_no_window_of_time_holds_more_than_it_may(windows):
    times = await _times(HubPacer(clock=now), Pace(windows=windows, at_once=4), 20)
    assert len(times) == 20
    for count, seconds in windows:
        for start in times:
            assert sum(start <= time < start + seconds for time in times) <= count


@pytest.mark.parametrize(
    "windows", [((3, 10.0),), ((3, 10.0), (5, 60.0)), ((120, 60.0), (200, 3600.0))]
)
@virtually
async def test_it_is_known_ahead_how_long_more_requests_take(windows):
    pacer, pace = HubPacer(clock=now), Pace(windows=windows, at_once=1000)
    assert pacer.ahead("credential", windows, 10) == 0.0, "nobody has asked for anything yet"
    await _times(pacer, pace, 4)
    begun, ahead = now(), pacer.ahead("credential", windows, 250)
    times = await _times(pacer, pace, 250)
    assert ahead == pytest.approx(times[-1] - begun, rel=0.02)
    assert pacer.ahead("another", windows, 250) == 0.0


@virtually
async def test_no_more_are_in_flight_than_may_be_and_they_come_in_turn():
    pacer, running, most, order = HubPacer(clock=now), 0, 0, []

    async def one(number):
        nonlocal running, most
        async with pacer.turn(KEY, Pace(at_once=3), AGES):
            running += 1
            most = max(most, running)
            order.append(number)
            for _ in range(3):
                await asyncio.get_running_loop().run_in_executor(None, int)
            running -= 1

    await asyncio.gather(*(one(number) for number in range(12)))
    assert most == 3
    assert order == sorted(order)


@virtually
async def test_another_credential_or_host_has_turns_of_its_own():
    pacer, pace = HubPacer(clock=now), Pace(windows=((1, 100.0),))
    for key in (KEY, ("other", "host"), ("credential", "other")):
        assert await _times(pacer, pace, 1, key) == [0.0]


@virtually
async def test_a_wait_that_is_too_long_is_told_and_takes_no_turn():
    pacer, pace = HubPacer(clock=now), Pace(windows=((1, 100.0),), at_once=1)
    await _times(pacer, pace, 1)
    for _ in range(3):
        with pytest.raises(RateLimitedError) as caught:
            async with pacer.turn(KEY, pace, 30):
                pass
        assert caught.value.retry_after == 100
    await asyncio.sleep(100)
    assert await _times(pacer, pace, 1) == [100]


@virtually
async def test_a_hold_of_years_ends_with_the_day():
    pacer = HubPacer(clock=now)
    pacer.hold(KEY, 999_999_999.0)
    assert await _times(pacer, Pace(), 1) == [86400.0]


@virtually
async def test_a_hold_is_kept_by_all_and_never_shortened():
    pacer = HubPacer(clock=now)
    pacer.hold(KEY, 20)
    pacer.hold(KEY, 5)
    assert min(await _times(pacer, Pace(), 3)) == 20


async def test_who_is_cancelled_while_waiting_passes_the_turn_on():
    pacer, pace = HubPacer(), Pace(at_once=1)
    entered = []

    async def one(number):
        async with pacer.turn(KEY, pace, AGES):
            entered.append(number)
            await asyncio.sleep(0.01)

    tasks = [asyncio.ensure_future(one(number)) for number in range(5)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    tasks[3].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert entered == [0, 2, 4]
    await one(9)
    assert entered[-1] == 9


async def test_a_turn_that_was_given_and_cancelled_at_once_is_not_lost():
    pacer, pace = HubPacer(), Pace(at_once=1)
    first = pacer.turn(KEY, pace, AGES)
    await first.__aenter__()
    second = asyncio.ensure_future(pacer.turn(KEY, pace, AGES).__aenter__())
    await asyncio.sleep(0)
    await first.__aexit__(None, None, None)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    async with asyncio.timeout(10), pacer.turn(KEY, pace, AGES):
        pass


def test_several_event_loops_share_the_turns():
    pacer, pace = HubPacer(), Pace(at_once=2)
    lock, running, most = threading.Lock(), 0, 0

    async def one():
        nonlocal running, most
        async with pacer.turn(KEY, pace, AGES):
            with lock:
                running += 1
                most = max(most, running)
            await asyncio.sleep(0.002)
            with lock:
                running -= 1

    async def many():
        await asyncio.gather(*(one() for _ in range(10)))

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert most == 2
    assert not pacer._lines[KEY].book.flights
