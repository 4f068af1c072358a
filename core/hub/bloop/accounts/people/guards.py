"""What nobody may do to people, whatever their action allows.

Nobody gives a role above their own, nobody touches who stands above them, and an institution keeps
its last operator and its last admin.
"""

from __future__ import annotations

from sqlalchemy import select

from bloop.accounts.actions import ForbiddenError
from bloop.accounts.models import Institution, User
from bloop.store.errors import ConflictError
from bloop.store.unit import UnitOfWork
from bloop_sdk import PrincipalKind, Role

_RANK = tuple(Role)

GIVEN = tuple(role for role in Role if role is not Role.GUEST)
"""The roles that a user can have, from least to most."""

KEPT = (Role.OPERATOR, Role.ADMIN)
"""Of each of these somebody has to remain, or of one above it."""


def hold_people(unit: UnitOfWork) -> None:
    """Let changes of an institution's roles come one after another until this unit's end.

    Otherwise two admins who demote each other at once would each see the other remain.
    """
    unit.session.execute(
        select(Institution.id)
        .where(Institution.id == unit.institution)
        .with_for_update(key_share=True)
    )


def role_of_actor(unit: UnitOfWork) -> Role:
    """The role of whoever acts, as the database has it now; raises ForbiddenError for nobody.

    An operator may act in an institution where they have no account: there the call says it.
    """
    principal = unit.call.principal
    if principal.kind is not PrincipalKind.USER:
        return principal.role
    found = unit.session.execute(
        select(User.role, User.disabled_at).where(User.id == principal.id)
    ).one_or_none()
    if found is None and principal.role is Role.OPERATOR:
        return principal.role
    if found is None or found.disabled_at is not None:
        raise ForbiddenError("this account is disabled")
    return min(Role(found.role), principal.role, key=_RANK.index)


def check_role(unit: UnitOfWork, role: Role) -> None:
    """Raise ForbiddenError unless who acts may give this role."""
    own = role_of_actor(unit)
    if is_above(role, own):
        raise ForbiddenError(
            f"{_a(own)} can't give the role {role}", cure=f"ask somebody who is {role} or more"
        )


def check_reach(unit: UnitOfWork, user: User) -> None:
    """Raise ForbiddenError where a user stands above who acts."""
    own = role_of_actor(unit)
    if is_above(Role(user.role), own):
        raise ForbiddenError(
            f"{_a(own)} can't change {_a(user.role)}", cure=f"ask somebody who is {user.role}"
        )


def check_last(unit: UnitOfWork, user: User, role: Role | None) -> None:
    """Raise ConflictError where a user is the last of a kind and won't be (``None``: disabled).

    Call :func:`hold_people` before.
    """
    if user.disabled_at is not None:
        return
    for kept in KEPT:
        stays = role is not None and not is_above(kept, role)
        if stays or is_above(kept, Role(user.role)):
            continue
        enough = [one for one in GIVEN if not is_above(kept, one)]
        other = unit.session.scalar(
            select(User.id)
            .where(User.role.in_(enough), User.id != user.id, User.disabled_at.is_(None))
            .limit(1)
        )
        if other is None:
            raise ConflictError(
                f"this is the institution's last {kept}",
                cure=f"make somebody else {kept} first",
            )


def is_above(role: Role, other: Role) -> bool:
    """Whether a role stands above another one."""
    return _RANK.index(role) > _RANK.index(other)


def _a(role: str) -> str:
    return f"{'an' if role[0] in 'aeo' else 'a'} {role}"
