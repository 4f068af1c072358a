"""What plugins offer to whom: the actions they declare, beside the hub's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bloop.accounts.access import ACTIONS, may
from bloop_sdk import Call, Role

if TYPE_CHECKING:
    from bloop.hub import Hub


def least_role(hub: Hub, plugin_id: str, action: str) -> Role | None:
    """The least role of an action of the hub, or of this plugin's own; None: nobody has it."""
    if action in ACTIONS:
        return ACTIONS[action]
    for part in hub.kernel.contributions("actions"):
        if part.plugin_id == plugin_id and part.declaration.name == action:
            return Role(part.declaration.role)
    return None


def may_with(hub: Hub, call: Call, plugin_id: str, action: str) -> bool:
    """Whether a caller has an action that a plugin asks for."""
    return may(call, action, least=least_role(hub, plugin_id, action))
