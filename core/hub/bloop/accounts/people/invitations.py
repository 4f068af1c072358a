"""Invitations: links by which people become users, each good for some uses and some time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, select, update

from bloop.accounts.emails import normalised
from bloop.accounts.messages.letters import Letter
from bloop.accounts.messages.service import queue
from bloop.accounts.models import User
from bloop.accounts.people import guards
from bloop.accounts.people.models import Invitation
from bloop.accounts.service import new_token, token_hash
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork, actor_of
from bloop_sdk import Role

MOST_HOURS = 24 * 90
MOST_USES = 1000
MOST_OPEN = 500
"""So many invitations an institution has at a time that can still be used."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new invitation: ``token`` is for its link, and is known here alone."""

    id: str
    token: str
    mailed: bool = False


@command("users:invite")
def invite(
    unit: UnitOfWork,
    *,
    role: Role,
    email: str | None,
    hours: float,
    uses: int = 1,
    letter: Letter | None = None,
) -> Made:
    """A new invitation. One with an ``email`` is for that address alone, and for one use.

    With a ``letter``, which says what to write of a token, it is sent there as well.

    Raises ForbiddenError, InvalidError, and ConflictError where there are too many.
    """
    guards.check_role(unit, role)
    if email is not None and uses != 1:
        raise InvalidError("an invitation for one address has one use", field="uses")
    if not 0 < hours <= MOST_HOURS:
        raise InvalidError(f"it is good for up to {MOST_HOURS} hours", field="hours")
    if not 1 <= uses <= MOST_USES:
        raise InvalidError(f"it has 1 to {MOST_USES} uses", field="uses")
    open_ones = unit.session.scalars(select(Invitation.id).where(*_good()).limit(MOST_OPEN)).all()
    if len(open_ones) >= MOST_OPEN:
        raise ConflictError(
            f"{MOST_OPEN} invitations are open already",
            cure="withdraw some, or invite with more uses",
        )
    token = new_token(unit.institution)
    made = Invitation(
        institution_id=unit.institution,
        token_hash=token_hash(token),
        role=role,
        email=None if email is None else normalised(email),
        max_uses=uses,
        created_by=actor_of(unit.call),
        expires_at=utcnow() + timedelta(hours=hours),
    )
    unit.session.add(made)
    unit.session.flush()
    told = {"role": role, "uses": uses}
    unit.audit.append("invitations:create", f"invitation:{made.id}", {**told, "hours": hours})
    unit.outbox.append("user.invited", f"invitation:{made.id}", {"id": made.id, **told})
    if letter is not None and made.email is not None:
        queue(unit, "invitation", made.email, letter(token, _language(unit, made.email)))
    return Made(made.id, token, mailed=letter is not None and made.email is not None)


def _language(unit: UnitOfWork, email: str) -> str | None:
    """What its holder has chosen, who may have an account here already."""
    own = (User.institution_id == unit.institution) & (User.email == email)
    language: str | None = unit.session.scalar(select(User.language).where(own))
    return language


@command("users:invite")
def withdraw(unit: UnitOfWork, invitation_id: str, version: int | None) -> None:
    """Let nobody use an invitation any more; who came by it stays.

    Raises NotFoundError, ForbiddenError, and ConflictError for another version.
    """
    invitation = unit.get(Invitation, invitation_id)
    unit.expect(invitation, version)
    guards.check_role(unit, Role(invitation.role))
    if invitation.revoked_at is None:
        invitation.revoked_at = utcnow()
        _tell_withdrawn(unit, invitation_id, "by hand")


def withdraw_beyond(unit: UnitOfWork, user_id: str, role: Role | None) -> None:
    """Withdraw what a user has made that gives more than they may now (None: anything)."""
    found = unit.session.scalars(
        select(Invitation).where(Invitation.created_by == f"user:{user_id}", *_good())
    )
    for invitation in found.all():
        if role is None or guards.is_above(Role(invitation.role), role):
            invitation.revoked_at = utcnow()
            _tell_withdrawn(unit, invitation.id, "its maker may no longer give this role")


def use_up(unit: UnitOfWork, hashed: str) -> Role | None:
    """Take one use, if one is left: the statement that decides who of several comes first."""
    used = unit.session.execute(
        update(Invitation)
        .where(Invitation.token_hash == hashed, *_good())
        .values(uses=Invitation.uses + 1, row_version=Invitation.row_version + 1)
        .returning(Invitation.role)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if used is None else Role(used.role)


def _good() -> tuple[ColumnElement[bool], ...]:
    return (
        Invitation.revoked_at.is_(None),
        Invitation.expires_at > utcnow(),
        Invitation.uses < Invitation.max_uses,
    )


def _tell_withdrawn(unit: UnitOfWork, invitation_id: str, why: str) -> None:
    unit.audit.append("invitations:withdraw", f"invitation:{invitation_id}", {"why": why})
    unit.outbox.append(
        "user.invitation_withdrawn", f"invitation:{invitation_id}", {"id": invitation_id}
    )
