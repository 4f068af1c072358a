"""A worker as the plugin's, but for what it can be asked: without manim it starts quickly."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import types
from pathlib import Path
from typing import Any

from bloop_manim import worker


def answer(request: dict[str, Any], report: Any) -> Any:  # noqa: C901, PLR0912
    """Do what the test wants."""
    match request["do"]:
        case "pid":
            return os.getpid()
        case "count":
            for done in range(request["to"]):
                report(done, request["to"])
                time.sleep(0.01)
            return "counted"
        case "hang":
            signal.pause()
        case "die":
            print("last words", file=sys.stderr)  # noqa: T201
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise ZeroDivisionError("of the drawing's own")
        case "eat":
            eaten = []
            while True:
                eaten.append(bytearray(1 << 24))
        case "print":
            for _ in range(3000):
                print("noise " * 20)  # noqa: T201
                print("noise " * 20, file=sys.stderr)  # noqa: T201
            return "printed"
        case "connect":
            socket.create_connection(("127.0.0.1", request["port"]), timeout=5)
        case "environment":
            return dict(os.environ)
        case "meet":
            mine, other = Path(request["mine"]), Path(request["other"])
            mine.touch()
            end = time.monotonic() + 60
            while not other.exists():
                assert time.monotonic() < end, "nobody came"
                time.sleep(0.01)
            return "met"
    return None


if __name__ == "__main__":
    fake: Any = types.ModuleType("bloop_manim.answers")
    fake.answer = answer
    sys.modules["bloop_manim.answers"] = fake
    worker.main()
