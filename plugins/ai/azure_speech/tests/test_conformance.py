"""What the contract asks of every plugin and of every voice, with Azure's own SDK."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from bloop_azure_speech import process
from bloop_sdk.testing import Voices, plugin_tests
from plugins.ai.azure_speech.tests.fake_azure import AVA, KEY, FakeAzure


def kill(_provider) -> bool:
    """End the workers, once there are some."""
    found = False
    for task in Path("/proc/self/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            if str(process.WORKER).encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(child, signal.SIGKILL)
                found = True
    return found


TestAzureSpeech = plugin_tests(
    "bloop_azure_speech",
    settings={"key": KEY},
    speech=Voices(
        make=FakeAzure,
        bad={"key": "f" * 32},
        kill=kill,
        voice=AVA,
        long_words=300,
    ),
)
