"""Scopes: the actions that a token or key is narrowed to, never more than its maker has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from bloop.accounts.access import HubParts
from bloop.accounts.actions import ACTIONS, VISIT, may
from bloop.kernel.states import PluginState
from bloop_sdk import BloopError, Call, Principal, Role

_OFF = frozenset({PluginState.DISABLED, PluginState.STOPPED})


class ScopeError(BloopError):
    """A scope is unknown, or its maker does not have it (RFC 6749, section 5.2)."""

    code = "invalid_scope"


def known_actions(hub: HubParts) -> dict[str, Role]:
    """Every action that can be a scope with its least role: the hub's, and of its plugins."""
    found = {name: role for name, role in ACTIONS.items() if name != VISIT}
    for record in hub.kernel.plugins.values():
        if record.manifest is not None and record.status.state not in _OFF:
            actions = record.manifest.contributes.actions
            found |= {action.name: Role(action.role) for action in actions}
    return found


def offered(call: Call, actions: Mapping[str, Role], role: Role | None = None) -> list[str]:
    """The scopes that this caller could give a token or key, which is at most a ``role``."""
    return sorted(
        name
        for name, least in actions.items()
        if may(call, name, least=least)
        and (role is None or may(_as(call, role), name, least=least))
    )


def checked(
    call: Call, names: Iterable[str], actions: Mapping[str, Role], role: Role | None = None
) -> frozenset[str]:
    """The scopes, each of which the caller has, and ``role`` too; raises :class:`ScopeError`."""
    wanted = frozenset(names)
    if not wanted:
        raise ScopeError("name at least one scope", cure="scopes are actions, like content:read")
    for name in sorted(wanted):
        if name not in actions:
            raise ScopeError(
                f"there is no scope {name[:80]!r}", cure="scopes are actions, like content:read"
            )
        if not may(call, name, least=actions[name]):
            raise ScopeError(f"who asks for the scope {name} has to have it")
        if role is not None and not may(_as(call, role), name, least=actions[name]):
            raise ScopeError(
                f"the role {role} does not have {name}", cure=f"it takes {actions[name]} or more"
            )
    return wanted


def narrowed(call: Call, names: Collection[str] | None) -> Collection[str] | None:
    """What was asked for; where nothing was, all that the caller's own token has."""
    return call.principal.scopes if names is None else names


def _as(call: Call, role: Role) -> Call:
    principal = Principal(call.principal.kind, call.principal.id, role)
    return Call(principal, call.institution, call.trace)
