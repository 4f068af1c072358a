"""Logging in with a password: the two steps of a try.

Between the two steps the password is compared, in a thread and outside any transaction. Each step
asks the database the same things whoever it is about.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass, field

from sqlalchemy import and_, or_, select

from bloop.accounts.devices import Device
from bloop.accounts.login import delays
from bloop.accounts.login.delays import ACCOUNT, ADDRESS, BROWSER, Charge, Delayed, Rule
from bloop.accounts.login.hashing import Verdict
from bloop.accounts.login.models import PasswordCredential
from bloop.accounts.login.service import log_in
from bloop.accounts.models import User
from bloop.accounts.service import Method, SecondFactorNeeded, StartedSession
from bloop.store.unit import UnitOfWork

_NOBODY = ""
_WITH_PASSWORD = select(User, PasswordCredential).outerjoin(
    PasswordCredential,
    and_(
        PasswordCredential.institution_id == User.institution_id,
        PasswordCredential.user_id == User.id,
    ),
)


@dataclass(frozen=True, slots=True)
class Try:
    """What a password is compared with, and what it costs to be wrong."""

    user_id: str | None
    hash: str | None = field(repr=False)
    subjects: dict[str, Rule]
    charge: Charge


@dataclass(frozen=True, slots=True)
class Entered:
    """Who came in; ``browser`` is what their browser shows when it comes again."""

    outcome: StartedSession | SecondFactorNeeded
    browser: str = field(repr=False)


def normal_login(login: str) -> str:
    """What somebody is called by, as it is kept and compared: e-mail in lower case."""
    shown = "".join(sign for sign in login if sign.isprintable())
    stripped = unicodedata.normalize("NFC", shown).strip()
    return stripped.lower() if "@" in stripped else stripped


def find(unit: UnitOfWork, login: str) -> tuple[User, PasswordCredential | None] | None:
    """Whose e-mail this is; or whose name, of those without an e-mail, if it is one alone."""
    called = normal_login(login)
    rows = unit.session.execute(
        _WITH_PASSWORD.where(
            User.institution_id == unit.institution,
            or_(User.email == called, and_(User.email.is_(None), User.name == called)),
        )
        .order_by(User.email.is_(None))
        .limit(3)
    ).all()
    named = [row for row in rows if row[0].email is not None] or rows
    return (named[0][0], named[0][1]) if len(named) == 1 else None


def begin(
    unit: UnitOfWork, login: str, device: Device, browser: str | None, nowhere: str = ""
) -> Try | Delayed:
    """Charge a try to log in; ``browser`` is what an earlier login left there.

    ``nowhere`` is an institution that there is not: nobody is found, at the same cost.
    """
    found = find(unit, "" if nowhere else login)
    user, credential = found or (None, None)
    kept = credential.hash if credential else None
    known = user is not None and kept is not None and _is_known(browser, user.id, kept)
    subjects = (
        {delays.subject(BROWSER, browser or ""): BROWSER}
        if known
        else _subjects(f"{nowhere}/{login}" if nowhere else login, device)
    )
    charged = delays.charge(unit, subjects)
    if isinstance(charged, Delayed):
        return charged
    return Try(user.id if user else None, kept, subjects, charged)


def settle(unit: UnitOfWork, tried: Try, verdict: Verdict, device: Device) -> Entered | None:
    """Let in whose password was right; what was wrong is written down, and gives None."""
    user, credential = load(unit, tried.user_id)
    fault = _fault(user, credential, tried, verdict)
    if user is None or credential is None or fault is not None:
        _note_failure(unit, user, fault or "unknown", tried.charge, device)
        return None
    if verdict.renewed is not None:
        # Before the delays, as whoever sets a password does: so nobody waits in a circle.
        credential.hash = verdict.renewed
        unit.session.flush()
    delays.give_back(unit, tried.subjects)
    outcome = log_in(unit, user, Method.PASSWORD, device)
    return Entered(outcome, _known_browser(user.id, credential.hash))


def _fault(
    user: User | None, credential: PasswordCredential | None, tried: Try, verdict: Verdict
) -> str | None:
    if user is None:
        return "unknown"
    # It may have been changed, or the account disabled, while this one was being compared.
    if not verdict.right or credential is None or credential.hash != tried.hash:
        return "password"
    return "disabled" if user.disabled_at is not None else None


def _note_failure(
    unit: UnitOfWork, user: User | None, fault: str, charge: Charge, device: Device
) -> None:
    """What was typed as the account is not written: it may be a password in the wrong field."""
    who, id_ = f"user:{user.id if user else 'unknown'}", user.id if user else None
    unit.audit.append(
        "account.login_failed", who, {"reason": fault}, personal={"address": device.address}
    )
    unit.outbox.append("user.login_failed", who, {"id": id_})
    note_locked_out(unit, id_, charge, device.address)


def note_locked_out(
    unit: UnitOfWork, user_id: str | None, charge: Charge, address: str | None
) -> None:
    """Write down that the next try has to wait, if it has."""
    if charge.wait:
        who, told = f"user:{user_id or 'unknown'}", {"by": charge.by, "seconds": charge.wait}
        unit.audit.append("account.locked_out", who, told, personal={"address": address})
        unit.outbox.append("user.locked_out", who, {"id": user_id} | told)


def has_password(unit: UnitOfWork, user_id: str) -> bool:
    """Whether somebody can log in by a password."""
    return load(unit, user_id)[1] is not None


def load(unit: UnitOfWork, user_id: str | None) -> tuple[User | None, PasswordCredential | None]:
    """Somebody with their password, as far as there are such."""
    row = unit.session.execute(
        _WITH_PASSWORD.where(
            User.institution_id == unit.institution, User.id == (user_id or _NOBODY)
        )
    ).first()
    return (row[0], row[1]) if row is not None else (None, None)


def _subjects(login: str, device: Device) -> dict[str, Rule]:
    found = {delays.subject(ACCOUNT, normal_login(login)): ACCOUNT}
    if device.address is not None:
        found[delays.subject(ADDRESS, delays.site_of(device.address))] = ADDRESS
    return found


def _known_browser(user_id: str, kept: str) -> str:
    """What tells that this account logged in from a browser before.

    It needs no storage and no key but the kept hash, whose salt nobody else has; so it ends with
    the password.
    """
    nonce = secrets.token_urlsafe(16)
    return f"{nonce}.{_browser_mac(nonce, user_id, kept)}"


def _is_known(browser: str | None, user_id: str, kept: str) -> bool:
    nonce, _, mac = (browser or "").partition(".")
    return hmac.compare_digest(mac.encode(), _browser_mac(nonce, user_id, kept).encode())


def _browser_mac(nonce: str, user_id: str, kept: str) -> str:
    said = f"bloop browser:{nonce}:{user_id}"
    return hmac.new(kept.encode(), said.encode(), hashlib.sha256).hexdigest()
