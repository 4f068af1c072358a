"""The judge of commands: Cedar, asked about the institution first and then about each row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bloop.accounts.actions import may, refusal
from bloop.accounts.policy.engine import Decision, Standing, core, institution_of, resource_of
from bloop.accounts.policy.schema import OWNED, kinds_of
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call, PrincipalKind

BY_ROW = frozenset({"content:write", "content:publish", "connections:write", "connections:end"})
"""What somebody may do to what they teach or own, whatever their role in the institution."""

StandingOf = Callable[[UnitOfWork, Any], Standing]


def judge(
    unit: UnitOfWork, action: str, row: Any = None, standing_of: StandingOf | None = None
) -> None:
    """Raise a LoginRequiredError or ForbiddenError where a call may not do an action to a row.

    Without a row it is about the institution; where only a row can say, that is left open as
    ``unit.owed``. Of a row that the action is not about, such as the connection of a course that is
    changed, nothing is asked but whose it is: nobody gets at what somebody else owns by the way.
    ``standing_of`` tells how the caller stands to a row.
    """
    call = unit.call
    if row is None and _by_row(call, action):
        unit.owed = refusal(call, action)
        return
    resource = institution_of(call.institution) if row is None else resource_of(row)
    if resource is None:
        return
    hub = call.principal.kind is PrincipalKind.SYSTEM
    if standing_of is not None and resource.type in OWNED and not hub:
        resource = replace(resource, standing=standing_of(unit, row))
    if resource.type not in kinds_of(action):
        if not hub and resource.type in OWNED and resource.owned_by_other_than(call.principal):
            raise refusal(call, action, "it belongs to somebody else")
        return
    decision = core().decide(call, action, resource)
    if not decision.allowed:
        raise refusal(call, action, in_words(decision))
    unit.owed = None


def _by_row(call: Call, action: str) -> bool:
    return action in BY_ROW and call.principal.kind is PrincipalKind.USER and not may(call, action)


def in_words(decision: Decision) -> str:
    """The policies that refused, in words; nothing where none allowed it."""
    return "; ".join((*(policy.words for policy in decision.policies), *decision.faults))
