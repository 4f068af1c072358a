"""A OneNote in memory, and providers that read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bloop_onenote.config import OneNoteConfig
from bloop_onenote.provider import OneNoteProvider
from bloop_sdk.testing import Clock, FakeContext, FakeTransport, Faults, http_client
from plugins.notes.onenote.tests.fake_graph import FakeGraph
from plugins.notes.onenote.tests.test_conformance import GOOD


class Rig:
    """A provider, what it is made of, and the requests that it sent."""

    def __init__(self, graph: FakeGraph, **settings: Any) -> None:
        self.graph = graph
        self.clock = Clock()
        self.faults = Faults(FakeTransport(graph), self.clock)
        self.http = http_client(
            self.faults, self.clock, hosts=frozenset({"graph.example", "login.example"})
        )
        self.settings = {**GOOD, **settings}
        self.ctx = self._context()
        self.provider = OneNoteProvider(self.ctx)

    def _context(self) -> FakeContext:
        config = OneNoteConfig(**self.settings)
        return FakeContext(plugin_id="onenote", http=self.http, config=config)

    def again(self, **settings: Any) -> OneNoteProvider:
        """A provider of a later run: it knows what was kept, and nothing more."""
        store, self.settings = self.ctx.store, {**self.settings, **self.ctx.kept, **settings}
        self.ctx = self._context()
        self.ctx.store = store
        self.provider = OneNoteProvider(self.ctx)
        return self.provider

    def sent(self, part: str = "", method: str = "") -> list[str]:
        """The URLs that were asked for and hold ``part``."""
        return [
            one.url
            for one in self.faults.requests
            if part in one.url and (not method or one.method == method)
        ]


@pytest.fixture
def rig() -> Callable[..., Rig]:
    return lambda graph=None, **settings: Rig(graph or FakeGraph(), **settings)
