"""A Moodle in memory, providers of it, and the recordings of a real one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bloop_moodle.config import MoodleConfig
from bloop_moodle.provider import MoodleProvider
from bloop_sdk.testing import FakeContext, FakeTransport, Replica, http_client
from plugins.lms.moodle.tests.fake_moodle import GOOD_SETTINGS, FakeMoodle


class Hub:
    """A hub with one connection: what it holds is kept from run to run."""

    def __init__(self, moodle: FakeMoodle) -> None:
        self.moodle = moodle
        self.replica = Replica()
        self.ctx = FakeContext()

    def provider(self, **settings: Any) -> MoodleProvider:
        """A provider as the hub makes one for each run."""
        self.ctx = FakeContext(
            config=MoodleConfig(**(settings or GOOD_SETTINGS)),
            http=http_client(FakeTransport(self.moodle)),
        )
        return MoodleProvider(self.ctx)

    async def run(self) -> list[str]:
        """Read once; the names of the functions that were called."""
        before = len(self.moodle.calls)
        await self.replica.run(self.provider())
        return [name for name, _ in self.moodle.calls[before:]]

    def get(self, ref: str) -> Any:
        """A record that is there, by its ref; None where there is none."""
        return {str(one): record for one, record in self.replica.records.items()}.get(ref)


@pytest.fixture
def moodle() -> FakeMoodle:
    return FakeMoodle()


@pytest.fixture
def hub(moodle: FakeMoodle) -> Hub:
    return Hub(moodle)


class Captures:
    """Answers of a real Moodle 4.5.6."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def bytes(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def json(self, name: str) -> Any:
        return json.loads(self.bytes(f"{name}.json"))


@pytest.fixture
def captures(shared_data: Path) -> Captures:
    return Captures(shared_data / "moodle-captures")
