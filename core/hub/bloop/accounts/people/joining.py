"""Becoming a user: by an invitation, or by oneself where the institution allows it.

Whoever comes is nobody yet: these commands run in a call of the hub itself, for the institution
that the link names.
"""

from __future__ import annotations

import enum
import hmac
from dataclasses import dataclass

from sqlalchemy import select

from bloop.accounts.devices import NOWHERE, Device
from bloop.accounts.emails import domain_of, normalised
from bloop.accounts.login.service import log_in
from bloop.accounts.models import Institution, User
from bloop.accounts.people.invitations import use_up
from bloop.accounts.people.models import Invitation
from bloop.accounts.people.registration import Registration
from bloop.accounts.people.service import add_user
from bloop.accounts.service import Method, StartedSession, token_hash
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.unit import UnitOfWork
from bloop_sdk import BloopError, Role


class InvitationRefusedError(BloopError):
    """An invitation is used up, has expired, was withdrawn, or never existed."""

    code = "invitation_refused"


class Refusal(enum.StrEnum):
    """Why nobody became a user by an invitation."""

    OVER = "over"
    ADDRESS = "address"

    def error(self) -> BloopError:
        """What whoever brought the link is told: not which of the reasons it was."""
        if self is Refusal.ADDRESS:
            return InvalidError(
                "this invitation is for another e-mail address",
                field="email",
                cure="use the address that it was sent to",
            )
        return refused()


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody who came; ``session`` of None: they wait to be let in, if they are new."""

    session: StartedSession | None


def refused() -> InvitationRefusedError:
    """What a link that is no use is answered."""
    return InvitationRefusedError(
        "this invitation can't be used any more", cure="ask who sent it for a new one"
    )


def accept(
    unit: UnitOfWork, token: str, *, name: str, email: str, device: Device = NOWHERE
) -> Joined | Refusal:
    """Become a user by an invitation, and come in.

    A refusal is written down with the unit, so raise :meth:`Refusal.error` after it. Raises
    InvalidError, and ConflictError for an e-mail that is known: neither uses the invitation up.
    """
    address = normalised(email)
    hashed = token_hash(token)
    known = unit.session.execute(
        select(Invitation.id, Invitation.email).where(Invitation.token_hash == hashed)
    ).one_or_none()
    if known is None:
        return Refusal.OVER
    if known.email is not None and not hmac.compare_digest(known.email.encode(), address.encode()):
        unit.audit.append("invitations:refuse", f"invitation:{known.id}", {"why": Refusal.ADDRESS})
        return Refusal.ADDRESS
    role = use_up(unit, hashed)
    if role is None:
        unit.audit.append("invitations:refuse", f"invitation:{known.id}", {"why": Refusal.OVER})
        return Refusal.OVER
    user = add_user(unit, name=name, email=address, role=role, how="invitation")
    unit.audit.append("invitations:use", f"invitation:{known.id}", {"user": user.id, "role": role})
    return _let_in(unit, user, device)


def register(unit: UnitOfWork, *, name: str, email: str, device: Device = NOWHERE) -> Joined:
    """Become a learner by oneself.

    Where some domains' people may, an address is a claim that nobody has checked: the account waits
    until it is let in, and whether there was one already is not told. Raises NotFoundError where
    nobody may, InvalidError for another domain, and, where everybody may, ConflictError for an
    e-mail that is known.
    """
    institution = unit.session.get_one(Institution, unit.institution)
    registration = Registration.of(institution.settings)
    address = normalised(email)
    if registration.mode == "off":
        raise NotFoundError("nobody registers here by themselves", cure="ask for an invitation")
    if registration.mode == "open":
        user = add_user(unit, name=name, email=address, role=Role.LEARNER, how="registration")
        unit.audit.append("users:register", f"user:{user.id}")
        return _let_in(unit, user, device)
    if domain_of(address) not in registration.domains:
        raise InvalidError(
            "this institution takes other addresses",
            field="email",
            cure=f"use one of: {', '.join(registration.domains)}",
        )
    if unit.session.scalar(select(User.id).where(User.email == address)) is None:
        user = add_user(
            unit,
            name=name,
            email=address,
            role=Role.LEARNER,
            how="registration",
            waiting=True,
        )
        unit.audit.append("users:register", f"user:{user.id}", {"waiting": True})
    return Joined(None)


def _let_in(unit: UnitOfWork, user: User, device: Device) -> Joined:
    session = log_in(unit, user, Method.LINK, device)
    assert isinstance(session, StartedSession), "a new account has no second factor"
    return Joined(session)
