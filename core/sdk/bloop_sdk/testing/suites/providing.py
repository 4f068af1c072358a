"""A provider's class and what stands for its other side: what the cases of all suites share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from bloop_sdk.testing.context import FakeContext
from bloop_sdk.testing.plugins import PluginUnderTest

S = TypeVar("S")
P = TypeVar("P")


class ProviderCase(Generic[S, P]):
    """What a rule is given: ``subject`` is the author's, ``folder`` is fresh."""

    def __init__(self, plugin: PluginUnderTest, capability: str, subject: S, folder: Path) -> None:
        self.plugin = plugin
        self.capability = capability
        self.subject = subject
        self.folder = folder

    @property
    def offers(self) -> set[str]:
        """What the subject offers; nothing, where rules need no more than it."""
        return set(getattr(self.subject, "offers", ()))

    def make(self, ctx: FakeContext) -> P:
        """A provider with a context, as the hub makes one."""
        factory: Callable[[Any], P]
        factory = self.plugin.load(self.plugin.manifest.provides[self.capability])
        return factory(ctx)
