"""Makes the bitsets of reads out of the policies: which roles have an action at all."""

from __future__ import annotations

from bloop.accounts.actions import ACTIONS
from bloop.accounts.policy.engine import Engine, Resource, Standing, core
from bloop.accounts.policy.schema import COURSE_TYPES, kinds_of
from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace

_HERE = "an institution"
_TRACE = Trace("0" * 32, "0" * 16)


def compiled() -> dict[str, int]:
    """For each action a bit for each role that may do it to something, in the order of roles."""
    engine = core()
    return {
        action: sum(1 << rank for rank, role in enumerate(Role) if _has(engine, role, action))
        for action in ACTIONS
    }


def _has(engine: Engine, role: Role, action: str) -> bool:
    kind = PrincipalKind.GUEST if role is Role.GUEST else PrincipalKind.USER
    call = Call(Principal(kind, "somebody", role, second_factor=True), _HERE, _TRACE)
    return any(engine.decide(call, action, most_open(type_)).allowed for type_ in kinds_of(action))


def most_open(type_: str) -> Resource:
    """Something of a type that as many as possible may reach."""
    if type_ == "Institution":
        return Resource(type_, _HERE, _HERE)
    return Resource(
        type_,
        "something",
        _HERE,
        published=True if type_ in COURSE_TYPES else None,
        disabled=False if type_ in {"User", "Plugin"} else None,
        standing=Standing(audience="open"),
    )
