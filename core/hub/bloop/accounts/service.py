"""Commands of institutions and people: the first of each, links to log in, sessions.

A token is ``<institution>.<secret>``: whoever brings it is looked up within that institution
alone. The database holds its SHA-256, which is enough for 256 random bits.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete, select, update

import bloop.accounts.topics  # noqa: F401 - declares what is said here
from bloop.accounts.devices import NOWHERE, Device
from bloop.accounts.models import BootstrapLink, Institution, LoginSession, User
from bloop.store.commands import command
from bloop.store.errors import InvalidError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import BloopError, Call, Role

LINK_MINUTES = 30
LONGEST_DAYS = 90
"""No session lives longer; ``[access] session_days`` and ``idle_hours`` end it before."""
DEFAULT_SLUG = "main"
OPERATOR_NAME = "Operator"


class Method(enum.StrEnum):
    """How somebody proved who they are."""

    LINK = "link"
    PASSWORD = "password"  # noqa: S105 - a name, no secret
    IDENTITY = "identity"
    PASSKEY = "passkey"


class LinkRefusedError(BloopError):
    """A link to log in was used already, has expired, or never existed."""

    code = "link_refused"


@dataclass(frozen=True, slots=True)
class StartedSession:
    """What the browser gets: the token for its cookie, and when both end at the latest."""

    token: str = field(repr=False)
    user_id: str
    seconds: int


@dataclass(frozen=True, slots=True)
class SecondFactorNeeded:
    """The first factor was right; ``token`` stands for that, for some seconds, and is one use's.

    ``ways`` are what this account can prove itself by: ``passkey``, ``totp``, ``recovery_code``.
    """

    token: str = field(repr=False)
    seconds: int
    ways: tuple[str, ...]


def new_token(institution: str) -> str:
    """A token with 256 random bits."""
    return f"{institution}.{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def token_institution(token: str) -> str | None:
    """The institution that a token belongs to; None for what is no token."""
    institution, dot, secret = token.partition(".")
    return institution if dot and len(institution) == 36 and len(secret) >= 32 else None


def csrf_token(session_token: str) -> str:
    """What a page sends back to prove that it is ours; only the session's holder can know it."""
    return hmac.new(session_token.encode(), b"bloop csrf", hashlib.sha256).hexdigest()


def reader_mark(call: Call) -> str:
    """By what a device knows an account from another, 16 hexadecimal digits; it says no more."""
    whose = f"{call.institution}:{call.principal.id}"
    return hashlib.sha256(whose.encode()).hexdigest()[:16]


def ensure_institution(unit: UnitOfWork, *, name: str, slug: str = DEFAULT_SLUG) -> Institution:
    """The hub's first institution with its operator; made if there is none yet."""
    found = unit.session.scalar(select(Institution).order_by(Institution.id).limit(1))
    if found is not None:
        return found
    made = Institution(slug=slug, name=name)
    unit.session.add(made)
    unit.session.flush()
    unit.session.add(User(institution_id=made.id, name=OPERATOR_NAME, role=Role.OPERATOR))
    unit.outbox.append(
        "user.institution_created",
        f"institution:{made.id}",
        {"id": made.id, "slug": slug, "name": name},
        institution=made.id,
    )
    return made


@command("institutions:write")
def issue_link(unit: UnitOfWork) -> str:
    """A fresh single-use token for the institution's operator; earlier unused ones end.

    Raises :class:`InvalidError` for an institution without an operator.
    """
    _operator(unit)
    unit.session.execute(
        delete(BootstrapLink).where(
            BootstrapLink.institution_id == unit.institution, BootstrapLink.used_at.is_(None)
        )
    )
    token = new_token(unit.institution)
    unit.session.add(
        BootstrapLink(
            institution_id=unit.institution,
            token_hash=token_hash(token),
            expires_at=utcnow() + timedelta(minutes=LINK_MINUTES),
        )
    )
    unit.audit.append("account.link_issued", "account:operator")
    return token


@command("hub:visit")
def use_link(unit: UnitOfWork, token: str, device: Device = NOWHERE) -> StartedSession:
    """Log the operator in, once; raises :class:`LinkRefusedError` ever after."""
    now = utcnow()
    used = unit.session.execute(
        update(BootstrapLink)
        .where(
            BootstrapLink.institution_id == unit.institution,
            BootstrapLink.token_hash == token_hash(token),
            BootstrapLink.used_at.is_(None),
            BootstrapLink.expires_at > now,
        )
        .values(used_at=now)
        .returning(BootstrapLink.token_hash)
    ).all()
    if not used:
        raise LinkRefusedError(
            "this link has been used or is too old", cure="`bloop login-link` prints a new one"
        )
    operator = _operator(unit)
    unit.audit.append(
        "account.link_used",
        f"user:{operator.id}",
        personal={"address": device.address, "agent": device.agent},
    )
    return start_session(unit, operator, Method.LINK, device)


def start_session(
    unit: UnitOfWork,
    user: User,
    method: Method = Method.LINK,
    device: Device = NOWHERE,
    *,
    second_factor: bool = False,
) -> StartedSession:
    """Log somebody in who has proved who they are by all that is asked of them."""
    token = new_token(unit.institution)
    unit.session.add(
        LoginSession(
            institution_id=unit.institution,
            token_hash=token_hash(token),
            user_id=user.id,
            method=method,
            second_factor=second_factor,
            address=device.address,
            agent=device.agent,
            expires_at=utcnow() + timedelta(days=LONGEST_DAYS),
        )
    )
    unit.outbox.append("user.logged_in", f"user:{user.id}", {"id": user.id})
    return StartedSession(token, user.id, LONGEST_DAYS * 86400)


def end_links(unit: UnitOfWork, user_id: str) -> None:
    """End the addresses that somebody has signed so far, and what others signed in their name."""
    unit.session.execute(
        update(User)
        .where(User.institution_id == unit.institution, User.id == user_id)
        .values(links_from=utcnow())
        .execution_options(synchronize_session=False)
    )


@command("account:write")
def end_session(unit: UnitOfWork, token: str) -> None:
    """Log out; a token that is no session's is ignored. Expired sessions go along."""
    unit.session.execute(
        delete(LoginSession).where(
            LoginSession.institution_id == unit.institution,
            (LoginSession.token_hash == token_hash(token)) | (LoginSession.expires_at < utcnow()),
        )
    )


def _operator(unit: UnitOfWork) -> User:
    found = unit.session.scalar(
        select(User)
        .where(
            User.institution_id == unit.institution,
            User.role == Role.OPERATOR,
            User.disabled_at.is_(None),
        )
        .order_by(User.id)
        .limit(1)
    )
    if found is None:
        raise InvalidError(
            f"institution {unit.institution} has no operator", cure="run `bloop init`"
        )
    return found
