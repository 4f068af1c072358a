"""Keeps a form over a login, for the browser that sent it and for half an hour.

What is kept is sealed, bound to the address that it was sent to, and never a secret: whoever calls
leaves those out. It is only shown, and sent again by a person; nothing here sends anything.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import delete, func, or_, select, update

from bloop.accounts.kept.models import KeptForm
from bloop.accounts.models import LoginSession
from bloop.accounts.service import new_token, token_hash
from bloop.store.commands import command
from bloop.store.sealing import Place
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

MINUTES = 30
MOST_BYTES = 64 * 1024
"""A longer form is not kept: whoever has no session may fill no database."""
MOST = 500
"""So many forms of an institution are kept at once."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A form as it was sent to ``path``, from the page ``back``.

    ``files`` are the names of files that it had, and ``secrets`` those of fields that are left out:
    both are to be given again.
    """

    path: str
    back: str
    pairs: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A form that is kept, and whose session it was; None where nobody knows."""

    sent: Sent
    user_id: str | None


@command("hub:visit")
def keep(unit: UnitOfWork, sent: Sent, session: str | None) -> str | None:
    """Keep a form of who held the token ``session``; gives the token for the browser.

    None where as many are kept as may be. Those that have expired go.
    """
    now = utcnow()
    unit.session.execute(
        delete(KeptForm).where(
            KeptForm.institution_id == unit.institution, KeptForm.expires_at <= now
        )
    )
    many = select(func.count()).where(KeptForm.institution_id == unit.institution)
    body = json.dumps(asdict(sent)).encode()
    if (unit.session.scalar(many) or 0) >= MOST or len(body) > 2 * MOST_BYTES:
        return None
    token = new_token(unit.institution)
    unit.session.add(
        KeptForm(
            institution_id=unit.institution,
            token_hash=token_hash(token),
            user_id=_holder(unit, session),
            body=unit.sealer.seal(body, _place(token)),
            expires_at=now + timedelta(minutes=MINUTES),
        )
    )
    return token


def look(unit: UnitOfWork, token: str) -> Kept | None:
    """What is kept for a browser; None where nothing is, or no longer."""
    row = unit.session.scalar(
        select(KeptForm).where(
            KeptForm.institution_id == unit.institution,
            KeptForm.token_hash == token_hash(token),
            KeptForm.expires_at > utcnow(),
        )
    )
    if row is None:
        return None
    told = json.loads(unit.sealer.open(row.body, _place(token)))
    pairs = tuple((name, value) for name, value in told["pairs"])
    files, secrets = tuple(told["files"]), tuple(told["secrets"])
    return Kept(Sent(told["path"], told["back"], pairs, files, secrets), row.user_id)


@command("hub:visit")
def claim(unit: UnitOfWork, token: str, user_id: str) -> None:
    """Make a form one's own of which nobody knows who was sending it; another's stays theirs."""
    unit.session.execute(
        update(KeptForm)
        .where(
            KeptForm.institution_id == unit.institution,
            KeptForm.token_hash == token_hash(token),
            KeptForm.user_id.is_(None),
        )
        .values(user_id=user_id)
    )


@command("hub:visit")
def drop(unit: UnitOfWork, token: str, user_id: str) -> None:
    """Forget a form of a user's or of nobody knows whom; the same again does nothing."""
    unit.session.execute(
        delete(KeptForm).where(
            KeptForm.institution_id == unit.institution,
            KeptForm.token_hash == token_hash(token),
            or_(KeptForm.user_id.is_(None), KeptForm.user_id == user_id),
        )
    )


def _holder(unit: UnitOfWork, session: str | None) -> str | None:
    """Whose a session is, or was."""
    if session is None:
        return None
    return unit.session.scalar(
        select(LoginSession.user_id).where(
            LoginSession.institution_id == unit.institution,
            LoginSession.token_hash == token_hash(session),
        )
    )


def _place(token: str) -> Place:
    return Place("kept_form", "body", token_hash(token))
