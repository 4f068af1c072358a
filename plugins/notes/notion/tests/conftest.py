"""A Notion in memory, and providers that read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bloop_notion.config import NotionConfig
from bloop_notion.provider import NotionProvider
from bloop_sdk import Batch, Kind, Partition
from bloop_sdk.records import Record, Ref
from bloop_sdk.testing import Clock, FakeContext, FakeTransport, Faults, http_client
from bloop_sdk.testing.reading import ref_of
from plugins.notes.notion.tests.fake_notion import FakeNotion
from plugins.notes.notion.tests.fake_workspace import SPACE

HOSTS = frozenset({"api.notion.com"})
DOWNLOADS = frozenset({"*.s3.us-west-2.amazonaws.com"})


class Rig:
    """A provider, what it is made of, and the requests that it sent."""

    def __init__(self, notion: FakeNotion, **settings: Any) -> None:
        self.notion = notion
        self.clock = Clock()
        self.faults = Faults(FakeTransport(notion), self.clock)
        http = http_client(self.faults, self.clock, hosts=HOSTS, downloads=DOWNLOADS)
        self.settings = {"token": "good", **settings}
        config = NotionConfig(**self.settings)
        self.ctx = FakeContext(plugin_id="notion", http=http, config=config)
        self.provider = NotionProvider(self.ctx)
        self.known: dict[str, str] = {}

    def again(self) -> NotionProvider:
        """A provider that remembers nothing but the secrets that were kept, as of a later run."""
        self.ctx.config = NotionConfig(**self.settings | self.ctx.kept)
        self.provider = NotionProvider(self.ctx)
        return self.provider

    async def read(self, known: Mapping[str, str] | None = None) -> Read:
        """All pages, by a provider that knows the parts of the read before (or ``known``)."""
        before = len(self.faults.requests)
        told = self.known if known is None else known
        reading = self.again().read(Partition("pages", SPACE, told), None)
        read = Read([batch async for batch in reading])
        read.requests = [
            f"{one.method} {one.url.partition('/v1/')[2]}" for one in self.faults.requests[before:]
        ]
        self.known = {one.part.key: one.part.digest for one in read.batches if one.part}
        return read

    def sent(self, part: str = "") -> list[str]:
        """The URLs that were asked for and hold ``part``."""
        return [one.url for one in self.faults.requests if part in one.url]


class Read:
    """What one read has given."""

    def __init__(self, batches: list[Batch]) -> None:
        self.batches = batches
        self.requests: list[str] = []
        self.records: dict[Ref, Record] = {
            ref_of(one): one for batch in batches for one in batch.records
        }
        self.skipped = {one.ref: one.code for batch in batches for one in batch.skipped}
        self.same = {one.part.key for one in batches if one.same and one.part}

    def note(self, title: str) -> Any:
        """The note of a title."""
        return next(
            one
            for one in self.records.values()
            if getattr(one, "title", "") == title and ref_of(one).kind is Kind.NOTE
        )

    def node(self, own: str) -> Any:
        """A place."""
        return self.records[Ref(Kind.MODULE, own)]


@pytest.fixture
def rig() -> Callable[..., Rig]:
    return lambda notion=None, **settings: Rig(notion or FakeNotion(), **settings)
