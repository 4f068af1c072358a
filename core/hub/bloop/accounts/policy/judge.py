"""The judge of commands: Cedar, asked about the institution first and then about each row."""

from __future__ import annotations

from typing import Any

from bloop.accounts.access import refusal
from bloop.accounts.policy.engine import Decision, core, institution_of, resource_of
from bloop.accounts.policy.schema import kinds_of
from bloop_sdk import Call


def judge(call: Call, action: str, row: Any = None) -> None:
    """Raise a LoginRequiredError or ForbiddenError where a call may not do an action to a row.

    Without a row it is about the institution. Of a row that the action is not about, such as the
    connection of a course that is changed, nothing is asked.
    """
    resource = institution_of(call.institution) if row is None else resource_of(row)
    if resource is None or resource.type not in kinds_of(action):
        return
    decision = core().decide(call, action, resource)
    if not decision.allowed:
        raise refusal(call, action, in_words(decision))


def in_words(decision: Decision) -> str:
    """The policies that refused, in words; nothing where none allowed it."""
    return "; ".join((*(policy.words for policy in decision.policies), *decision.faults))
