"""For tests of search providers: each test gives the provider a folder of its own.

TestMine = plugin_tests("bloop_mine", search=Indexes())
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Indexes:
    """The plugin's settings in tests; ``without`` says of each rule that can't hold, why."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)
