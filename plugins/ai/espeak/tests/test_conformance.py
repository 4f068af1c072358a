"""What the contract asks of every plugin and of every voice."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from bloop_espeak import process
from bloop_sdk.testing import Voices, plugin_tests


def kill(_provider) -> bool:
    """End the worker of a call, once it runs."""
    for task in Path("/proc/self/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            if str(process.WORKER).encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(child, signal.SIGKILL)
                return True
    return False


LOCAL = {"bad": "it needs no credential", "stop": "it has no system outside"}

TestEspeak = plugin_tests("bloop_espeak", speech=Voices(kill=kill, without=LOCAL))
