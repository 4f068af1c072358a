"""The test kit for plugin authors: contexts in memory, suites that hold a plugin to its word.

TestCanvas = plugin_tests("bloop_canvas", lms=System(make=FakeCanvas, good={...}, bad={...}))
"""

from __future__ import annotations

from bloop_sdk._http.cassette import Recorder, Replay
from bloop_sdk.testing.clock import Clock
from bloop_sdk.testing.context import FakeContext, ListLogger, MemoryStore, fake_call
from bloop_sdk.testing.embeddings import Embeddings
from bloop_sdk.testing.faults import Cut, Fault, Faults, Garbled, Hang, Killed, Lost, Slow, Status
from bloop_sdk.testing.indexes import Indexes
from bloop_sdk.testing.kit import plugin_tests
from bloop_sdk.testing.learners import Classroom, Learners, Simulated
from bloop_sdk.testing.lessons import Lessons
from bloop_sdk.testing.models import Models
from bloop_sdk.testing.payments import Payments
from bloop_sdk.testing.reach import FakeContent, FakeFiles, FakeProviders
from bloop_sdk.testing.reading import ContractError, Replica, raw_hash, read_all, ref_of
from bloop_sdk.testing.recording import Recording, recorded
from bloop_sdk.testing.streams import FakeStream, Stream
from bloop_sdk.testing.system import (
    FakeSystem,
    FakeTransport,
    Folder,
    System,
    arrived,
    http_client,
    reply,
)
from bloop_sdk.testing.voices import Voices, tones

__all__ = [
    "Classroom",
    "Clock",
    "ContractError",
    "Cut",
    "Embeddings",
    "FakeContent",
    "FakeContext",
    "FakeFiles",
    "FakeProviders",
    "FakeStream",
    "FakeSystem",
    "FakeTransport",
    "Fault",
    "Faults",
    "Folder",
    "Garbled",
    "Hang",
    "Indexes",
    "Killed",
    "Learners",
    "Lessons",
    "ListLogger",
    "Lost",
    "MemoryStore",
    "Models",
    "Payments",
    "Recorder",
    "Recording",
    "Replay",
    "Replica",
    "Simulated",
    "Slow",
    "Status",
    "Stream",
    "System",
    "Voices",
    "arrived",
    "fake_call",
    "http_client",
    "plugin_tests",
    "raw_hash",
    "read_all",
    "recorded",
    "ref_of",
    "reply",
    "tones",
]
