"""What guessing costs: after some failures each further try has to wait twice as long.

A try is charged before its password is looked at, so that a thousand at once are no way around
it; the right password gives the charge back. Whoever is told to wait is charged nothing, so
nobody can lengthen another's wait by asking again, and no wait is longer than some minutes.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from bloop.accounts.login.models import LoginDelay
from bloop.store.commands import command
from bloop.store.inserting import INSERT
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

_IPV6_SITE = 64


@dataclass(frozen=True, slots=True)
class Rule:
    """So many failures cost nothing; a pause of ``forget`` makes them undone."""

    name: str
    free: int
    longest: timedelta = timedelta(minutes=5)
    forget: timedelta = timedelta(days=1)

    def wait(self, failures: int) -> timedelta:
        """How long the next try has to wait: 1 s after ``free`` failures, then 2 s, 4 s, ..."""
        if failures < self.free:
            return timedelta()
        return min(self.longest, timedelta(seconds=2 ** min(failures - self.free, 30)))


ACCOUNT = Rule("account", free=5)
BROWSER = Rule("browser", free=5)
"""A browser in which this account logged in before: others' failures don't count for it."""
ADDRESS = Rule("address", free=50, forget=timedelta(hours=1))
"""A whole school may stand behind one address."""

KEPT = max(rule.forget for rule in (ACCOUNT, BROWSER, ADDRESS))

Subjects = Mapping[str, Rule]


def subject(rule: Rule, value: str) -> str:
    """The name under which the failures of an account, an address or a browser are kept."""
    return hashlib.sha256(f"{rule.name}:{value}".encode()).hexdigest()


def site_of(address: str) -> str:
    """An IPv4 address; of IPv6 its first 64 bits, within which one machine has them all."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address  # A server that was not asked over IP says what it likes.
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network(f"{parsed}/{_IPV6_SITE}", strict=False))


@dataclass(frozen=True, slots=True)
class Charge:
    """A try that may go on; should it fail, the next one of ``by`` waits for ``wait`` seconds."""

    wait: int = 0
    by: str = ""


@dataclass(frozen=True, slots=True)
class Delayed:
    """A try that has to wait, in seconds; it was not looked at."""

    seconds: int


def charge(unit: UnitOfWork, subjects: Subjects) -> Charge | Delayed:
    """Count a try as failed for each of these, or say how long it has to wait."""
    now = utcnow()
    rows = _locked(unit, subjects, now)
    waits = [row.until - now for row in rows if row.until is not None and row.until > now]
    if waits:
        return Delayed(_seconds(max(waits)))
    made = Charge()
    for row in rows:
        rule = subjects[row.subject]
        row.failures = 1 if row.failed_at < now - rule.forget else row.failures + 1
        row.failed_at = now
        wait = rule.wait(row.failures)
        row.until = now + wait if wait else None
        if _seconds(wait) > made.wait:
            made = Charge(_seconds(wait), rule.name)
    _forget(unit, now)
    return made


def give_back(unit: UnitOfWork, subjects: Subjects) -> None:
    """A try was right: an account begins anew, an address has one failure less.

    An address does not begin anew, or an attacker's own account would clear it between guesses.
    """
    for row in _locked(unit, subjects, utcnow()):
        row.failures = max(0, row.failures - 1) if subjects[row.subject] is ADDRESS else 0
        row.until = None


@command("account:write")
def take_back(unit: UnitOfWork, subjects: Subjects) -> None:
    """A try came to nothing, through no fault of whoever made it: it was none."""
    for row in _locked(unit, subjects, utcnow()):
        row.failures = max(0, row.failures - 1)
        row.until = None


@command("account:write")
def clear(unit: UnitOfWork, subjects: Iterable[str]) -> None:
    """Forget these at once."""
    unit.session.execute(
        delete(LoginDelay).where(
            LoginDelay.institution_id == unit.institution, LoginDelay.subject.in_(list(subjects))
        )
    )


def _locked(unit: UnitOfWork, subjects: Iterable[str], now: datetime) -> list[LoginDelay]:
    """The rows, made where there are none; everybody locks them in one order."""
    insert = INSERT[unit.dialect]
    rows = []
    for name in sorted(subjects):
        unit.session.execute(
            insert(LoginDelay)
            .values(institution_id=unit.institution, subject=name, failures=0, failed_at=now)
            .on_conflict_do_nothing()
        )
        rows.append(
            unit.session.scalars(
                select(LoginDelay).where(LoginDelay.subject == name).with_for_update()
            ).one()
        )
    return rows


def _forget(unit: UnitOfWork, now: datetime) -> None:
    unit.session.execute(
        delete(LoginDelay).where(
            LoginDelay.institution_id == unit.institution, LoginDelay.failed_at < now - KEPT
        )
    )


def _seconds(wait: timedelta) -> int:
    return math.ceil(wait.total_seconds())
