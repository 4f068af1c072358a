"""Whether a login has proved enough for a route; the edge asks after the action was allowed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bloop.accounts.access import Route
from bloop.accounts.actions import ForbiddenError
from bloop.store.types import utcnow

if TYPE_CHECKING:
    from bloop.accounts.sessions import Holder

FRESH = timedelta(minutes=10)
"""For so long after proving who they are somebody may do what asks for a step-up."""


class StepUpRequiredError(ForbiddenError):
    """Whoever is logged in has to prove again who they are."""

    code = "step_up_required"


class SecondFactorRequiredError(ForbiddenError):
    """The institution asks for a second factor, and this login was without one."""

    code = "second_factor_required"


def require_proof(route: Route, holder: Holder | None) -> None:
    """Raise SecondFactorRequiredError or StepUpRequiredError where a login has not proved enough.

    What is no login has no time of proof, and gets into no route that asks for a fresh one.
    """
    if holder is not None and holder.must_enrol and not route.enrolling:
        raise SecondFactorRequiredError(
            "this institution asks for a second factor, and this login was without one",
            cure="set one up at /account/security, or prove the one you have at /step-up",
        )
    if route.step_up:
        require_fresh(holder)


def require_fresh(holder: Holder | None) -> None:
    """Raise StepUpRequiredError unless a login proved who it is a short time ago."""
    proved = holder.proved_at if holder is not None else None
    if proved is None or utcnow() - proved > FRESH:
        raise StepUpRequiredError("this asks for a fresh proof of who you are", cure=_cure(holder))


def _cure(holder: Holder | None) -> str:
    if holder is None or holder.session is None:
        return "log in, and ask with that session: neither API keys nor tokens can be proved again"
    return "POST /api/v1/account/step-up (a browser: /step-up), then send it again"
