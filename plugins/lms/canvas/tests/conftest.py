"""A Canvas in memory, and providers that read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bloop_canvas.config import CanvasConfig
from bloop_canvas.provider import CanvasProvider
from bloop_sdk.testing import Clock, FakeContext, FakeTransport, Faults, http_client
from plugins.lms.canvas.tests.fake_canvas import FakeCanvas
from plugins.lms.canvas.tests.fake_course import ADDRESS

HOSTS = frozenset({"canvas.example"})
DOWNLOADS = frozenset({"*.inscloudgate.net"})


class Rig:
    """A provider, what it is made of, and the requests that it sent."""

    def __init__(self, canvas: FakeCanvas, **settings: Any) -> None:
        self.canvas = canvas
        self.clock = Clock()
        self.faults = Faults(FakeTransport(canvas), self.clock)
        http = http_client(self.faults, self.clock, hosts=HOSTS, downloads=DOWNLOADS)
        config = CanvasConfig(**{"base_url": ADDRESS, "token": "good", **settings})
        self.ctx = FakeContext(plugin_id="canvas", http=http, config=config)
        self.provider = CanvasProvider(self.ctx)

    def again(self) -> CanvasProvider:
        """A provider that remembers nothing, as of a later run."""
        self.provider = CanvasProvider(self.ctx)
        return self.provider

    def sent(self, part: str = "") -> list[str]:
        """The URLs that were asked for and hold ``part``."""
        return [one.url for one in self.faults.requests if part in one.url]


@pytest.fixture
def rig() -> Callable[..., Rig]:
    return lambda canvas=None, **settings: Rig(canvas or FakeCanvas(), **settings)
