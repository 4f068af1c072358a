"""What the contract asks of every plugin and of every voice."""

from __future__ import annotations

import os
import signal

from bloop_piper import process
from bloop_piper.config import PiperConfig
from bloop_sdk.testing import Voices, plugin_tests


def kill(_provider) -> bool:
    """End the process that all providers share, once it runs."""
    pid = process.worker(PiperConfig()).pid
    if pid is None:
        return False
    os.kill(pid, signal.SIGKILL)
    return True


TestPiper = plugin_tests(
    "bloop_piper",
    speech=Voices(
        kill=kill,
        long_words=64,
        without={"bad": "it needs no credential", "stop": "it has no system outside"},
    ),
)
