"""The judge of commands: Cedar, asked about the institution first and then about each row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bloop.accounts.actions import may, refusal
from bloop.accounts.policy.engine import Decision, Standing, core, institution_of, resource_of
from bloop.accounts.policy.schema import COURSE_TYPES, kinds_of
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call, PrincipalKind

WRITE = "content:write"


BY_COURSE = frozenset({"content:write", "content:publish"})
"""What somebody may do in a course that they teach, whatever their role in the institution."""

StandingOf = Callable[[UnitOfWork, Any], Standing]


def judge(
    unit: UnitOfWork, action: str, row: Any = None, standing_of: StandingOf | None = None
) -> None:
    """Raise a LoginRequiredError or ForbiddenError where a call may not do an action to a row.

    Without a row it is about the institution; where only a course can say, that is left open as
    ``unit.owed``. Of a row that the action is not about, such as the connection of a course that is
    changed, nothing is asked. ``standing_of`` tells how the caller stands to a row.
    """
    call = unit.call
    if row is None and _by_course(call, action):
        unit.owed = refusal(call, action)
        return
    resource = institution_of(call.institution) if row is None else resource_of(row)
    if resource is None or resource.type not in kinds_of(action):
        return
    if standing_of is not None and resource.type in COURSE_TYPES and not may(call, WRITE):
        resource = replace(resource, standing=standing_of(unit, row))
    decision = core().decide(call, action, resource)
    if not decision.allowed:
        raise refusal(call, action, in_words(decision))
    unit.owed = None


def _by_course(call: Call, action: str) -> bool:
    return (
        action in BY_COURSE and call.principal.kind is PrincipalKind.USER and not may(call, action)
    )


def in_words(decision: Decision) -> str:
    """The policies that refused, in words; nothing where none allowed it."""
    return "; ".join((*(policy.words for policy in decision.policies), *decision.faults))
