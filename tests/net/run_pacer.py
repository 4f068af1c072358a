"""A process that sends paced requests: `python -m tests.net.run_pacer BOARD PLACE JSON`."""

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path

from sqlalchemy.engine import make_url

from bloop.net.boards import FileBoard, RedisBoard, TableBoard
from bloop.net.pacer import HubPacer
from bloop_sdk._http.wire import Pace

KEY = ("credential", "host:443")


def board_of(kind, place):
    if kind == "file":
        return FileBoard(Path(place))
    if kind == "redis":
        return RedisBoard(place, make_url("sqlite:///pacer.db"))
    return TableBoard(make_url(place))


def _tell(what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def spend(pacer, pace, requests, seconds):
    """Send so many requests; when each began and ended."""
    spans = []

    async def one():
        async with pacer.turn(KEY, pace, 60):
            begun = time.monotonic()
            await asyncio.sleep(seconds)
            spans.append((begun, time.monotonic()))

    await asyncio.gather(*(one() for _ in range(requests)))
    return spans


async def main(kind, place, asked):
    """Spend some requests and say when they were; take all places when told to, and keep them."""
    pacer = HubPacer(board_of(kind, place), lease=asked["lease"])
    pace = Pace(tuple(map(tuple, asked["windows"])), asked["at_once"])
    _tell(await spend(pacer, pace, asked["requests"], asked["seconds"]))
    await asyncio.to_thread(sys.stdin.readline)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(pace.at_once):
            await stack.enter_async_context(pacer.turn(KEY, pace, 60))
        _tell("held")
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
