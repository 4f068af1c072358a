"""The rate limits in force: how much, where each was set, and who met them lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bloop.kernel.config_explain import explain
from bloop.kernel.config_model import RatesSection

if TYPE_CHECKING:
    from bloop.hub import Hub


@dataclass(frozen=True, slots=True)
class Limit:
    """One setting of ``[rates]``: requests a minute (0: as many as they like) and its origin."""

    key: str
    description: str
    value: int
    origin: str


def limits(hub: Hub) -> list[Limit]:
    """All of them, in the order of their section."""
    found = []
    for name in RatesSection.model_fields:
        told = explain(hub.config, f"rates.{name}")
        origin = next((layer.origin for layer in told.layers if layer.wins), "")
        value = getattr(hub.config.value.rates, name)
        found.append(Limit(told.key, told.description, value, origin))
    return found
