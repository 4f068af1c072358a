"""What plugins can do for each other, found by capability."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A plugin that has a capability and can be used in this institution."""

    plugin_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A plugin whose filter had no effect, and why."""

    plugin_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered(Generic[T]):
    """What filters made of a value, and who was left out."""

    value: T
    left_out: tuple[LeftOut, ...] = ()


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

    async def filtered(
        self, hook: str, value: T, check: Callable[[Any], T], **others: Any
    ) -> Filtered[T]:
        """What the plugins with one of the hub's filter hooks make of ``value``, one by one.

        ``others`` are the hook's further arguments. ``check`` reads each answer, and raises for one
        that is none. Each plugin is given a copy: one that raises, or whose answer does not pass,
        costs its own effect. Raises UnsupportedError where there is no such hook.
        """
        ...
