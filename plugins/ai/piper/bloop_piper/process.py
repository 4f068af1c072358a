"""The process that speaks, as its parent sees it: one for all providers of a process."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bloop_piper.config import PiperConfig
from bloop_sdk import ConfigError, DeadlineError, UnavailableError

WORKER = Path(__file__).with_name("worker.py")
SECONDS = 90.0
"""One piece may take so long, with loading its model: it takes some seconds."""


class GoneError(Exception):
    """The process has ended."""


class Worker:
    """A process that is begun when something is to be said; threads take turns."""

    def __init__(self, config: PiperConfig) -> None:
        self._arguments = [
            str(value) for value in (config.threads, config.memory_mb, config.idle_seconds)
        ]
        self._turn = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in end()

    @property
    def pid(self) -> int | None:
        """Of the process, while it runs."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def ask(self, request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The answer and its sound.

        Raises UnavailableError where the process ends at it, DeadlineError, and ConfigError for
        what is not installed.
        """
        with self._turn:
            told, sound = self._tried(json.dumps(request).encode() + b"\n")
        if "missing" in told:
            raise ConfigError(
                f"Piper is not installed: {told['missing']}", cure="pip install bloop-piper"
            )
        if "error" in told:
            raise UnavailableError(
                f"Piper can't speak with {Path(request['model']).name}: {told['error']}",
                cure="see that the model and its .json are whole, and fit Piper's version",
            )
        return told, sound

    def end(self) -> None:
        """End the process; what it is at fails."""
        process = self._process
        if process is not None:
            process.kill()
            process.wait()

    def close(self) -> None:
        """End the process for good."""
        self._closed = True
        self.end()
        with self._turn:
            self._let_go()
            self._errors.close()

    def _tried(self, line: bytes) -> tuple[dict[str, Any], bytes]:
        # That a process has ended while nobody asked is no reason to fail.
        with contextlib.suppress(GoneError):
            return self._answer(line)
        try:
            return self._answer(line)
        except GoneError:
            raise UnavailableError(
                f"Piper's process has ended: {self._last_words()}",
                cure="it is tried again; where memory is short: "
                "[plugins.piper] memory_mb in hub.toml",
            ) from None

    def _answer(self, line: bytes) -> tuple[dict[str, Any], bytes]:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        until = time.monotonic() + SECONDS
        try:
            process.stdin.write(line)
            process.stdin.flush()
        except OSError as err:
            self.end()
            raise GoneError from err
        out = process.stdout.fileno()
        data = bytearray()
        while (at := data.find(b"\n")) < 0:
            data += self._read(out, until)
        told = json.loads(data[:at])
        sound = data[at + 1 :]
        while len(sound) < told["bytes"]:
            sound += self._read(out, until)
        return told, bytes(sound)

    def _read(self, out: int, until: float) -> bytes:
        ready, _, _ = select.select([out], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            self.end()
            raise DeadlineError(
                f"Piper did not answer in {SECONDS:.0f} s", cure="see how busy the machine is"
            )
        data = os.read(out, 1 << 20)
        if not data:
            self.end()
            raise GoneError
        return data

    def _running(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise GoneError
        if self._process is None or self._process.poll() is not None:
            self._let_go()
            self._errors.seek(0)
            self._errors.truncate()
            self._process = subprocess.Popen(  # noqa: S603 - our own file
                [sys.executable, "-I", str(WORKER), *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
            )
        return self._process

    def _let_go(self) -> None:
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        status = self._process.returncode if self._process is not None else None
        return lines[-1] if lines else f"status {status}"


_workers: dict[tuple[Any, ...], Worker] = {}
_making = threading.Lock()


def worker(config: PiperConfig) -> Worker:
    """This process's worker with such settings: a fork has none of its parent's."""
    key = (os.getpid(), config.threads, config.memory_mb, config.idle_seconds)
    with _making:
        if key not in _workers:
            _workers[key] = Worker(config)
        return _workers[key]


@atexit.register
def end_all() -> None:
    """End this process's workers."""
    with _making:
        mine = [key for key in _workers if key[0] == os.getpid()]
        for key in mine:
            _workers.pop(key).close()
