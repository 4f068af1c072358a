"""Ask eSpeak NG: a process for each call, which ends with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from bloop_sdk import ConfigError, DeadlineError, PluginContext, UnavailableError

WORKER = Path(__file__).with_name("worker.py")
SECONDS = 20.0
SECONDS_A_CHARACTER = 0.003
"""A call may take so long: more than ten times of what it does."""
INSTALL = "apt-get install libespeak-ng1, or name the library in hub.toml: [plugins.espeak] library"

_turns = threading.BoundedSemaphore(os.cpu_count() or 1)


class _Running:
    """A process, and whether it is still wanted."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._unwanted = False

    def ask(self, request: bytes, seconds: float) -> tuple[bytes, bytes, int]:
        """What it writes and its exit status; raises DeadlineError."""
        command = [sys.executable, "-I", "-S", str(WORKER)]
        pipe = subprocess.PIPE
        with (
            _turns,
            subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process,  # noqa: S603 - our own file
        ):
            self._process = process
            if self._unwanted:
                process.kill()
            try:
                told, wrong = process.communicate(request, seconds)
            except subprocess.TimeoutExpired as err:
                process.kill()
                raise DeadlineError(
                    f"eSpeak NG did not answer in {seconds:.0f} s",
                    cure="give it less text at once",
                ) from err
        return told, wrong, process.returncode

    def end(self) -> None:
        """Nobody waits for it any more."""
        self._unwanted = True
        if self._process is not None:
            self._process.kill()


async def ask(ctx: PluginContext, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The worker's answer and the sound behind it.

    Raises ConfigError where the library is missing, UnavailableError where it crashed, and
    DeadlineError.
    """
    seconds = SECONDS + SECONDS_A_CHARACTER * len(request.get("text", ""))
    running = _Running()
    try:
        told, wrong, status = await ctx.run_sync(running.ask, json.dumps(request).encode(), seconds)
    finally:
        running.end()
    if status:
        last = wrong.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise UnavailableError(
            f"eSpeak NG's process ended with {status}: {''.join(last) or 'it said nothing'}",
            cure="it is tried again; if it stays, leave out the text that does it",
        )
    line, _, sound = told.partition(b"\n")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise ConfigError(f"eSpeak NG: {answer['error']}", cure=INSTALL)
    return answer, sound
