"""Processes that share their turns: through a file, Redis or PostgreSQL."""

import asyncio
import fcntl
import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from sqlalchemy.engine import make_url

from bloop.net import boards, pacer
from bloop.net.boards import BoardAwayError, FileBoard, RedisBoard, TableBoard, board_for
from bloop.net.books import Book
from bloop.net.pacer import HubPacer
from bloop.ops.health import CHECKS
from bloop_sdk._http.wire import Pace
from bloop_sdk.errors import RateLimitedError
from tests.net.run_pacer import KEY, board_of, spend
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

    def _start(place, asked):
        command = [*SCRIPT, *place, json.dumps(asked)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        started.append(subprocess.Popen(command, **pipes, text=True))
        return started[-1]

    yield _start
    for process in started:
        process.kill()
        process.communicate()


async def test_processes_keep_to_the_pace_together_and_what_a_killed_one_held_is_free(place, start):
    asked = {"windows": [[6, 0.6]], "at_once": 2, "seconds": 0.02, "requests": 9, "lease": 1.0}
    process = start(place, asked)
    board, pace = board_of(*place), Pace(((6, 0.6),), 2)
    ours = HubPacer(board, lease=1.0)
    async with asyncio.timeout(90):
        while not await board.change(KEY, _valid):  # noqa: ASYNC110 - it is another process's
            await asyncio.sleep(0.005)
    spans = await spend(ours, pace, 9, 0.02)
    spans += json.loads(await asyncio.to_thread(process.stdout.readline))
    assert len(spans) == 18
    for begin, _ in spans:
        assert sum(one <= begin < end for one, end in spans) <= 2
        # Between its turn and the note of it a busy machine may let some time pass.
        assert sum(begin <= one < begin + 0.3 for one, _ in spans) <= 6

    # Not before we are done: it would keep both places from us.
    process.stdin.write("hold\n")
    process.stdin.flush()
    assert await asyncio.to_thread(process.stdout.readline) == '"held"\n'
    # It renews its leases while it lives.
    await asyncio.sleep(1.5)
    assert len(await board.change(KEY, _valid)) == 2
    process.kill()
    process.wait()
    async with asyncio.timeout(60), ours.turn(KEY, pace, 60):
        mine = set(ours._lines[KEY].book.flights)
        assert await board.change(KEY, _valid) == mine
    await ours.close()


def _valid(book, now):
    return {place for place, (until, _) in book.flights.items() if until > now}


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


def test_a_hub_shares_through_what_it_has(tmp_path):
    sqlite, postgres = make_url("sqlite:///bloop.db"), make_url("postgresql+psycopg://h/bloop")
    chosen = [
        type(board_for(database, redis, tmp_path))
        for database in (sqlite, postgres)
        for redis in (None, "redis://h")
    ]
    assert chosen == [FileBoard, RedisBoard, TableBoard, RedisBoard]


async def test_health_says_what_is_away_and_the_hub_stays_ready(tmp_path):
    ours = HubPacer(FileBoard(tmp_path))
    hub = SimpleNamespace(outside=SimpleNamespace(pacer=ours))
    assert (await CHECKS["pacer"](hub)).ok is True
    ours.fault = "Redis does not answer"
    told = await CHECKS["pacer"](hub)
    assert (told.ok, told.cure is None) == (None, False)
    assert "Redis does not answer" in told.detail
