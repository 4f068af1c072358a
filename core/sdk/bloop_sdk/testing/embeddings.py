"""For tests of embeddings: how a provider is made.

TestMine = plugin_tests("bloop_mine", embedding=Embeddings())
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bloop_sdk.testing.context import FakeContext


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """The plugin's settings in tests; ``without`` says of each rule that can't hold, why.

    ``prepare`` gives a context what the provider asks others by: a fake system as ``ctx.http``.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[FakeContext], None] | None = None
    without: Mapping[str, str] = field(default_factory=dict)
