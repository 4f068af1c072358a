"""What can be done here, the least role that may, and whether a call may."""

from __future__ import annotations

from bloop.accounts.policy.bits import BITS
from bloop_sdk import BloopError, Call, PrincipalKind, Role

VISIT = "hub:visit"
"""What everybody may do who reaches the hub at all: look whether it is alive, and log in."""

ACTIONS: dict[str, Role] = {
    VISIT: Role.GUEST,
    "account:read": Role.LEARNER,
    "account:write": Role.LEARNER,
    "admin:read": Role.ADMIN,
    "audit:read": Role.ADMIN,
    "config:read": Role.OPERATOR,
    "connections:end": Role.ADMIN,
    "connections:read": Role.ADMIN,
    "connections:write": Role.ADMIN,
    "content:export": Role.EDUCATOR,
    "content:import": Role.EDUCATOR,
    "content:publish": Role.EDUCATOR,
    "content:read": Role.GUEST,
    "content:write": Role.EDUCATOR,
    "enrolments:read": Role.EDUCATOR,
    "enrolments:write": Role.EDUCATOR,
    "events:read": Role.OPERATOR,
    "events:replay": Role.OPERATOR,
    "events:watch": Role.GUEST,
    "graph:read": Role.LEARNER,
    "graph:write": Role.EDUCATOR,
    "groups:read": Role.EDUCATOR,
    "groups:write": Role.ADMIN,
    "identities:read": Role.ADMIN,
    "identities:write": Role.ADMIN,
    "institutions:configure": Role.ADMIN,
    "institutions:read": Role.LEARNER,
    "institutions:write": Role.OPERATOR,
    "jobs:cancel": Role.EDUCATOR,
    "jobs:read": Role.EDUCATOR,
    "keys:read": Role.ADMIN,
    "keys:write": Role.ADMIN,
    "learning:read": Role.EDUCATOR,
    "learning:write": Role.ADMIN,
    "messages:send": Role.ADMIN,
    "mfa:require": Role.ADMIN,
    "mfa:reset": Role.ADMIN,
    "ops:read": Role.OPERATOR,
    "plugins:enable": Role.ADMIN,
    "plugins:read": Role.ADMIN,
    "plugins:toggle": Role.OPERATOR,
    "policy:read": Role.ADMIN,
    "schedules:read": Role.ADMIN,
    "schedules:write": Role.ADMIN,
    "storage:count": Role.ADMIN,
    "storage:free": Role.OPERATOR,
    "storage:read": Role.ADMIN,
    "tokens:read": Role.LEARNER,
    "tokens:write": Role.LEARNER,
    "users:invite": Role.ADMIN,
    "users:erase": Role.ADMIN,
    "users:read": Role.ADMIN,
    "users:write": Role.ADMIN,
    "users:recover": Role.ADMIN,
    "webhooks:read": Role.ADMIN,
    "webhooks:write": Role.ADMIN,
}
"""The least role that has each action of the hub; a plugin's manifest declares its own."""

GUEST_SCOPES = frozenset({VISIT, "content:read", "events:watch"})
"""What a guest may do where ``[access] guests`` is ``read``; published content only."""

STRANGER_SCOPES = frozenset({VISIT})
"""What somebody without an account may do anywhere else."""

_BIT = {role: 1 << rank for rank, role in enumerate(Role)}
_FROM = {role: 0b11111 & -bit for role, bit in _BIT.items()}
"""The bits of an action whose least role it is, for those that plugins declare."""


class LoginRequiredError(BloopError):
    """Nobody is logged in, and guests may not do this."""

    code = "login_required"


class ForbiddenError(BloopError):
    """The principal's role or token does not have this action."""

    code = "forbidden"


def rank(role: str) -> int:
    """Which of two roles is the higher one, to compare."""
    return tuple(Role).index(Role(role))


def may(call: Call, action: str, *, least: Role | None = None) -> bool:
    """Whether this call's principal has an action; unknown actions nobody has.

    ``least`` is the role of an action that a plugin declares.
    """
    principal = call.principal
    bits = BITS.get(action)
    if bits is None:
        bits = 0 if least is None else _FROM[least]
    if not bits & _BIT[principal.role]:
        return False
    if principal.scopes is None or action in principal.scopes or action == VISIT:
        return True
    # What a plugin opens to guests is open to those who may read.
    guest = principal.kind is PrincipalKind.GUEST and bits & 1
    return bool(guest) and "content:read" in principal.scopes


def require(call: Call, action: str, *, least: Role | None = None) -> None:
    """Raise LoginRequiredError or ForbiddenError unless the principal :func:`may`."""
    if not may(call, action, least=least):
        raise refusal(call, action, least=least)


def refusal(call: Call, action: str, reason: str = "", *, least: Role | None = None) -> BloopError:
    """Why the principal may not: a LoginRequiredError for a guest, else a ForbiddenError."""
    if call.principal.kind is PrincipalKind.GUEST:
        return LoginRequiredError(
            f"{action} needs an account", cure="log in, or send Authorization: Bearer <token>"
        )
    needed = ACTIONS.get(action, least)
    return ForbiddenError(
        f"a {call.principal.role} may not {action}" + (f": {reason}" if reason else ""),
        cure=f"ask somebody who is {needed} or more" if needed else None,
    )
