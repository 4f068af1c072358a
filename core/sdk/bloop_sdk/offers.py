"""What plugins can do for each other, found by capability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A plugin that has a capability and can be used in this institution."""

    plugin_id: str
    name: str


class Providers(Protocol):
    """What other plugins can do, found by capability: voices, renderers, models.

    The plugin's manifest names the capabilities that it uses (``uses = ["speech"]``).
    """

    async def offers(self, capability: str) -> Sequence[Offer]:
        """Who has it, in the operator's order (``order`` in hub.toml)."""
        ...

    async def get(self, capability: str, plugin_id: str | None = None) -> Any:
        """A provider: that plugin's, or that of the first in order.

        Each of its calls is guarded as the hub's own are. Raises PluginUnavailableError, which
        says what to enable.
        """
        ...
