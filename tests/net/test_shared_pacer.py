"""Processes that share their turns: through a file, Redis or PostgreSQL."""

import asyncio
import fcntl
import json
import os
import subprocess
import sys
import time

import pytest
from sqlalchemy.engine import make_url

from bloop.net import boards, pacer
from bloop.net.boards import BoardAwayError, FileBoard, RedisBoard
from bloop.net.books import Book
from bloop.net.pacer import HubPacer
from bloop_sdk._http.wire import Pace
from bloop_sdk.errors import RateLimitedError
from tests.net.run_pacer import KEY, board_of
from tests.support.database import _migrate

SCRIPT = [sys.executable, "-m", "tests.net.run_pacer"]


@pytest.fixture(params=["file", "redis", "postgres"])
def place(request, tmp_path):
    """Where a board is, as `run_pacer.py` is told."""
    if request.param == "file":
        yield "file", str(tmp_path)
    elif request.param == "redis":
        yield "redis", request.getfixturevalue("empty_redis_url")
    else:
        cluster = request.getfixturevalue("postgres_cluster")
        database = cluster.create(cluster.template("core", _migrate))
        yield "postgres", database.app_url
        cluster.drop(database)


@pytest.fixture
def start():
    """Start a process; what still runs at the end is ended."""
    started = []

    def _start(place, **asked):
        asked = {"windows": [], "at_once": 8, "seconds": 0.01, "requests": 1, **asked}
        command = [*SCRIPT, *place, json.dumps(asked)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield _start
    for process in started:
        process.kill()
        process.communicate()


def _lines(process):
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


def test_processes_together_keep_to_windows_and_places(place, start):
    asked = {"windows": [[6, 1.0]], "at_once": 2, "seconds": 0.05, "requests": 9}
    processes = [start(place, **asked) for _ in range(2)]
    spans = [line[1:] for process in processes for line in _lines(process) if line[0] == "end"]
    assert len(spans) == 18
    for begin, _ in spans:
        assert sum(one <= begin < end for one, end in spans) <= 2
        # Between its turn and the note of it a busy machine may let some time pass.
        assert sum(begin <= one < begin + 0.5 for one, _ in spans) <= 6


async def test_the_places_of_a_killed_process_are_free_after_its_lease(place, start):
    process = start(place, at_once=2, seconds=3600, requests=2, lease=1.0)
    for _ in range(2):
        await asyncio.to_thread(process.stdout.readline)
    board = board_of(*place)
    ours = HubPacer(board, lease=1.0)
    # It renews its leases while it lives.
    await asyncio.sleep(1.5)
    assert len(await board.change(KEY, _valid)) == 2
    process.kill()
    process.wait()
    async with asyncio.timeout(60), ours.turn(KEY, Pace(at_once=2), 60):
        assert not await board.change(KEY, lambda book, now: _valid(book, now) - set(_mine(ours)))
    await ours.close()


def _valid(book, now):
    return {place for place, (until, _) in book.flights.items() if until > now}


def _mine(ours):
    return ours._lines[KEY].book.flights


async def test_a_hold_reaches_the_other_processes(place):
    one, other = HubPacer(board_of(*place)), HubPacer(board_of(*place))
    one.hold(KEY, 500)
    await one.close()
    with pytest.raises(RateLimitedError) as caught:
        async with other.turn(KEY, Pace(), 30):
            pass
    assert 400 < caught.value.retry_after <= 500
    async with other.turn(("another", "host:443"), Pace(), 30):
        pass
    await other.close()


async def test_while_redis_is_away_each_process_keeps_to_the_pace(own_redis, monkeypatch):
    monkeypatch.setattr(pacer, "AWAY_SECONDS", 0.2)
    database = make_url("sqlite:///pacer.db")
    ours = HubPacer(RedisBoard(own_redis.url, database))
    pace = Pace(windows=((2, 300.0),))
    async with ours.turn(KEY, pace, 30):
        own_redis.kill()
        async with ours.turn(KEY, pace, 30):
            assert "Redis does not answer" in ours.fault
        with pytest.raises(RateLimitedError):
            async with ours.turn(KEY, pace, 30):
                pass
    own_redis.start()
    async with asyncio.timeout(60):
        while ours.fault:
            async with ours.turn(("another", "host"), Pace(), 30):
                await asyncio.sleep(0.1)
    await ours.close()


async def test_a_place_that_redis_has_lost_is_taken_up_again(empty_redis_url):
    import redis

    database = make_url("sqlite:///pacer.db")
    board = RedisBoard(empty_redis_url, database)
    ours = HubPacer(board)
    async with ours.turn(KEY, Pace(at_once=2), 30):
        with redis.Redis.from_url(empty_redis_url) as client:
            client.flushdb()
        async with ours.turn(KEY, Pace(at_once=2), 30):
            assert len(await board.change(KEY, _valid)) == 2
    await ours.close()


async def test_a_torn_file_and_a_clock_that_went_back_begin_a_new_book(tmp_path):
    board = FileBoard(tmp_path)
    await board.change(KEY, lambda book, now: book.note(now, Pace(), "a", now + 100))
    [path] = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert not await board.change(KEY, _valid)
    path.write_bytes(Book(held_until=2e9, written_at=1e9).write(1e9))
    assert await board.change(KEY, lambda book, _: book.held_until) == 0.0


async def test_a_file_that_a_stopped_process_keeps_locked_holds_nobody_up(tmp_path, monkeypatch):
    monkeypatch.setattr(boards, "ANSWER_SECONDS", 0.05)
    board = FileBoard(tmp_path)
    await board.change(KEY, lambda book, now: None)
    [path] = tmp_path.iterdir()
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BoardAwayError):
            await board.change(KEY, lambda book, now: None)
        ours = HubPacer(board)
        async with ours.turn(KEY, Pace(), 30):
            assert "locked" in ours.fault
        await ours.close()


async def test_books_that_nobody_opens_for_a_week_are_thrown_away(tmp_path):
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    for path in (old, new):
        path.write_text("{}")
    week = time.time() - boards.KEEP_SECONDS - 60
    os.utime(old, (week, week))
    await FileBoard(tmp_path).change(KEY, lambda book, now: None)
    assert not old.exists()
    assert new.exists()


async def test_a_cancelled_request_leaves_its_place_and_its_line(place):
    board = board_of(*place)
    ours, other = HubPacer(board), HubPacer(board_of(*place))
    async with ours.turn(KEY, Pace(at_once=1), 30):
        waiting = asyncio.ensure_future(other.turn(KEY, Pace(at_once=1), 30).__aenter__())
        async with asyncio.timeout(30):
            while not await board.change(KEY, lambda book, now: list(book.waiting)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await other.close()
    async with asyncio.timeout(30), ours.turn(KEY, Pace(at_once=1), 30):
        assert len(await board.change(KEY, _valid)) == 1
        assert not await board.change(KEY, lambda book, now: list(book.waiting))
    await ours.close()
