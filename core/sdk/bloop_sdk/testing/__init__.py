"""The test kit for plugin authors: contexts in memory, suites that hold a provider to its word."""

from __future__ import annotations

from bloop_sdk.testing.content import content_provider_tests
from bloop_sdk.testing.context import FakeContext, ListLogger, MemoryStore, fake_call
from bloop_sdk.testing.reading import ContractError, Snapshot, raw_hash, read_all, ref_of

__all__ = [
    "ContractError",
    "FakeContext",
    "ListLogger",
    "MemoryStore",
    "Snapshot",
    "content_provider_tests",
    "fake_call",
    "raw_hash",
    "read_all",
    "ref_of",
]
