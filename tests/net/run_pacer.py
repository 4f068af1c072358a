"""A process that sends paced requests: `python -m tests.net.run_pacer BOARD PLACE JSON`."""

import asyncio
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


def pace_of(asked):
    return Pace(tuple(map(tuple, asked["windows"])), asked["at_once"])


def _tell(*what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def main(kind, place, asked):
    pacer = HubPacer(board_of(kind, place), lease=asked.get("lease", 20.0))

    async def one():
        async with pacer.turn(KEY, pace_of(asked), 60):
            begun = time.monotonic()
            _tell("begin", begun)
            await asyncio.sleep(asked["seconds"])
            _tell("end", begun, time.monotonic())

    await asyncio.gather(*(one() for _ in range(asked["requests"])))
    await pacer.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
