"""Processes that speak, as their parent sees them: each is at one call at a time."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bloop_sdk import ConfigError, DeadlineError, PluginContext, UnavailableError

WORKER = Path(__file__).with_name("worker.py")
AT_ONCE = 4
"""So many calls are under way at most in one process of the hub."""
SECONDS = 120.0
SECONDS_A_DOCUMENT = 60.0
"""A call may take so long: Azure speaks many times faster than people do."""


class GoneError(Exception):
    """The process has ended."""


class Worker:
    """A process, begun when it is made."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", str(WORKER)],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )

    def ask(self, line: bytes, seconds: float) -> tuple[dict[str, Any], bytes]:
        """The answer and its sound; raises GoneError and DeadlineError."""
        assert self._process.stdin is not None
        until = time.monotonic() + seconds
        try:
            self._process.stdin.write(line)
        except OSError as err:
            raise GoneError from err
        data = bytearray()
        while (at := data.find(b"\n")) < 0:
            data += self._read(until)
        told: dict[str, Any] = json.loads(data[:at])
        sound = data[at + 1 :]
        while len(sound) < told["bytes"]:
            sound += self._read(until)
        return told, bytes(sound)

    def kill(self) -> None:
        """End it, whatever it is at."""
        self._process.kill()

    def close(self) -> None:
        """End it, and let go of it."""
        self.kill()
        self._process.wait()
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                end.close()

    def _read(self, until: float) -> bytes:
        assert self._process.stdout is not None
        out = self._process.stdout.fileno()
        ready, _, _ = select.select([out], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise DeadlineError("Azure's SDK did not answer in time", cure="it is tried again")
        data = os.read(out, 1 << 20)
        if not data:
            raise GoneError
        return data


class _Pool:
    """Workers that are free, of this process: a fork has none of its parent's."""

    def __init__(self) -> None:
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._making = threading.Lock()
        self._free: list[Worker] = []
        self._owner = os.getpid()

    @contextlib.contextmanager
    def worker(self) -> Iterator[tuple[Worker, bool]]:
        """A worker, and whether it has been at work before; it is kept if all goes well."""
        with self._turns:
            with self._making:
                if self._owner != os.getpid():
                    self._owner, self._free = os.getpid(), []
                old = self._free.pop() if self._free else None
            worker = old or Worker()
            try:
                yield worker, old is not None
            except BaseException:
                worker.close()
                raise
            with self._making:
                self._free.append(worker)

    def close(self) -> None:
        """End those that are free."""
        with self._making:
            mine, self._free = self._free, []
        if self._owner == os.getpid():
            for worker in mine:
                worker.close()


_pool = _Pool()
atexit.register(_pool.close)


class _Running:
    """A call, and whether somebody still waits for it."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._unwanted = False

    def ask(self, line: bytes, seconds: float) -> tuple[dict[str, Any], bytes]:
        """As :meth:`Worker.ask`; that a worker has ended while it was free is no reason to fail."""
        while True:
            used = False
            try:
                with _pool.worker() as (worker, used):
                    self._worker = worker
                    if self._unwanted:
                        worker.kill()
                    answer = worker.ask(line, seconds)
                    self._worker = None
                    return answer
            except GoneError:
                if not used or self._unwanted:
                    raise

    def end(self) -> None:
        """Nobody waits for it any more."""
        self._unwanted = True
        worker = self._worker
        if worker is not None:
            worker.kill()


async def ask(ctx: PluginContext, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """A worker's answer and the sound behind it.

    Raises ConfigError where the SDK is missing, UnavailableError where it crashed, DeadlineError.
    """
    seconds = SECONDS + SECONDS_A_DOCUMENT * len(request["ssml"])
    running = _Running()
    try:
        line = json.dumps(request).encode() + b"\n"
        told, sound = await ctx.run_sync(running.ask, line, seconds)
    except GoneError:
        raise UnavailableError(
            "Azure's SDK ended its process", cure="it is tried again; if it stays, update it"
        ) from None
    finally:
        running.end()
    if "missing" in told:
        raise ConfigError(
            f"Azure's SDK is not usable here: {told['missing']}",
            cure="pip install azure-cognitiveservices-speech; it needs glibc and OpenSSL",
        )
    return told, sound
