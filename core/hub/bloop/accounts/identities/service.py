"""What comes of an identity: a login, a membership, a connection, or a refusal.

An account is found by ``(issuer, subject)`` and by nothing else: an address changes hands, and
says of itself whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import func, select

import bloop.accounts.identities.topics  # noqa: F401 - declares what is said here
from bloop.accounts.devices import Device
from bloop.accounts.emails import normalised
from bloop.accounts.identities.attempts import Refusal, Taken, refused
from bloop.accounts.identities.models import IdentityLink, MembershipRules
from bloop.accounts.identities.rules import role_for
from bloop.accounts.identities.schemas import MembershipRule
from bloop.accounts.login.passwords import has_password
from bloop.accounts.login.service import log_in
from bloop.accounts.mfa.passkeys import passkeys_of
from bloop.accounts.models import User
from bloop.accounts.people.followers import addressed
from bloop.accounts.people.service import add_user
from bloop.accounts.seen import seen
from bloop.accounts.service import Method, SecondFactorNeeded, StartedSession
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import Role
from bloop_sdk.providers.identity import Identity

LONGEST_ISSUER = 300
LONGEST_SUBJECT = 255

OTHER_WAYS: list[Callable[[UnitOfWork, User], bool]] = [
    lambda unit, user: has_password(unit, user.id),
    lambda unit, user: bool(passkeys_of(unit, user.id)),
]
"""Whether somebody can come in without an account elsewhere."""


@dataclass(frozen=True, slots=True)
class Connected:
    """An account elsewhere was connected to the one that is logged in."""

    provider: str


Outcome: TypeAlias = StartedSession | SecondFactorNeeded | Connected | Refusal


def complete(
    unit: UnitOfWork, taken: Taken, identity: Identity, device: Device, holder: str | None
) -> Outcome:
    """Do what a login was begun for; ``holder`` is who is logged in in this browser now."""
    if not _is_name(identity.subject, LONGEST_SUBJECT) or not _is_name(
        identity.issuer, LONGEST_ISSUER
    ):
        return refused(unit, taken.provider, Refusal.PROVIDER_FAILED)
    link = unit.session.scalar(
        select(IdentityLink).where(
            IdentityLink.institution_id == unit.institution,
            IdentityLink.issuer == identity.issuer,
            IdentityLink.subject == identity.subject,
        )
    )
    if taken.user_id is not None:
        if taken.user_id != holder:
            return refused(unit, taken.provider, Refusal.OTHER_PERSON)
        return _connect(unit, taken, identity, link)
    if link is None:
        return _join(unit, taken, identity, device)
    user = unit.get(User, link.user_id)
    if user.disabled_at is not None:
        return refused(unit, taken.provider, Refusal.DISABLED)
    link.used_at, link.label = utcnow(), _label(identity)
    _verify(unit, user, identity)
    return log_in(unit, user, Method.IDENTITY, device)


def _connect(
    unit: UnitOfWork, taken: Taken, identity: Identity, link: IdentityLink | None
) -> Outcome:
    assert taken.user_id is not None, "asked before"
    if link is not None and link.user_id != taken.user_id:
        return refused(unit, taken.provider, Refusal.LINKED_ELSEWHERE)
    if link is None:
        user = unit.get(User, taken.user_id)
        _link(unit, user, taken.provider, identity)
        _verify(unit, user, identity)
    return Connected(taken.provider)


def _join(unit: UnitOfWork, taken: Taken, identity: Identity, device: Device) -> Outcome:
    """Make an account where a rule of the institution says so."""
    row = unit.session.get(MembershipRules, unit.institution)
    role = role_for(row.rules if row else (), taken.provider, identity)
    if role is None:
        return refused(unit, taken.provider, Refusal.NO_MEMBER)
    email = _address(identity)
    if email and _has_account(unit, email):
        return refused(unit, taken.provider, Refusal.ADDRESS_TAKEN)
    name = _plain(identity.name)[:200] or email.partition("@")[0] or "?"
    user = add_user(unit, name=name, email=email or None, role=role, how="login")
    user.email_verified_at = utcnow() if email else None
    addressed(unit, user)
    unit.audit.append(
        "account.joined", f"user:{user.id}", {"provider": taken.provider, "role": str(role)}
    )
    payload = {"id": user.id, "provider": taken.provider, "role": str(role)}
    unit.outbox.append("user.joined_by_login", f"user:{user.id}", payload)
    _link(unit, user, taken.provider, identity).used_at = utcnow()
    return log_in(unit, user, Method.IDENTITY, device)


def _verify(unit: UnitOfWork, user: User, identity: Identity) -> None:
    """An address that its provider has verified is the user's, where they have the same here."""
    if user.email and user.email_verified_at is None and user.email == _address(identity):
        user.email_verified_at = utcnow()
        addressed(unit, user)


def _address(identity: Identity) -> str:
    """The address that the provider has verified; empty where it is none that a hub takes."""
    if not identity.email_verified:
        return ""
    try:
        return normalised(_plain(identity.email))
    except InvalidError:
        return ""


def _has_account(unit: UnitOfWork, email: str) -> bool:
    found = unit.session.scalar(
        select(User.id)
        .where(User.institution_id == unit.institution, func.lower(User.email) == email)
        .limit(1)
    )
    return found is not None


def _link(unit: UnitOfWork, user: User, provider: str, identity: Identity) -> IdentityLink:
    made = IdentityLink(
        institution_id=unit.institution,
        user_id=user.id,
        issuer=identity.issuer,
        subject=identity.subject,
        provider=provider,
        label=_label(identity),
    )
    unit.session.add(made)
    unit.session.flush()
    _tell(unit, "linked", user.id, provider)
    return made


def _label(identity: Identity) -> str | None:
    return (_plain(identity.email) or _plain(identity.name))[:320] or None


def _is_name(text: str, longest: int) -> bool:
    return 1 <= len(text) <= longest and text.isprintable()


def _plain(text: str | None) -> str:
    """A text without what no database takes and no page shows."""
    return seen(text or "").strip()


@command("account:write")
def unlink(unit: UnitOfWork, user_id: str, link_id: str) -> None:
    """Disconnect an account elsewhere.

    Raises NotFoundError, and ConflictError where it is the last way in.
    """
    # Two of these at once must not each leave the other's link as the one that remains.
    user = unit.session.scalar(
        select(User)
        .where(User.institution_id == unit.institution, User.id == user_id)
        .with_for_update()
    )
    links = _links(unit, user_id)
    link = next((one for one in links if one.id == link_id), None)
    if user is None or link is None:
        raise NotFoundError(f"no identity {link_id[:40]}")
    if len(links) == 1 and not _other_way(unit, user):
        raise ConflictError(
            "this is the only way in to your account", cure="set up another way in first"
        )
    unit.session.delete(link)
    _tell(unit, "unlinked", user_id, link.provider)


def _links(unit: UnitOfWork, user_id: str) -> Sequence[IdentityLink]:
    return unit.session.scalars(
        select(IdentityLink).where(
            IdentityLink.institution_id == unit.institution, IdentityLink.user_id == user_id
        )
    ).all()


def _other_way(unit: UnitOfWork, user: User) -> bool:
    # Whoever runs the hub can always have `bloop login-link` print one.
    return user.role == Role.OPERATOR or any(way(unit, user) for way in OTHER_WAYS)


def _tell(unit: UnitOfWork, what: str, user_id: str, provider: str) -> None:
    unit.audit.append(f"account.identity_{what}", f"user:{user_id}", {"provider": provider})
    payload = {"id": user_id, "provider": provider}
    unit.outbox.append(f"user.identity_{what}", f"user:{user_id}", payload)


@command("identities:write")
def set_rules(unit: UnitOfWork, rules: Sequence[MembershipRule], version: int | None) -> int:
    """Replace the institution's rules of membership; gives their new version.

    Raises ConflictError for a stale ``version``; 0 is that of rules that were never set.
    """
    row = unit.session.get(MembershipRules, unit.institution)
    if row is None:
        if version:
            raise ConflictError("no rules have been set", cure="read them again")
        row = MembershipRules(institution_id=unit.institution, rules=[])
        unit.session.add(row)
    elif version == 0:
        raise ConflictError(
            "rules have been set meanwhile", current=row.row_version, cure="read them again"
        )
    else:
        unit.expect(row, version)
    row.rules = [rule.model_dump(exclude_defaults=True) | {"role": rule.role} for rule in rules]
    unit.audit.append(
        "identities:write", "membership_rules", {"rules": len(rules), "roles": _roles(rules)}
    )
    unit.session.flush()
    return row.row_version


def _roles(rules: Sequence[MembershipRule]) -> list[str]:
    return sorted({rule.role for rule in rules})
