"""Erasing a person, and finding whom a name means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, or_, select

import bloop.accounts.topics  # noqa: F401 - declares what is said here
from bloop.accounts.actions import ForbiddenError, rank
from bloop.accounts.models import User
from bloop.accounts.people.followers import erasing
from bloop.accounts.privacy import blobs
from bloop.accounts.privacy.parts import Fate, Part, Subject
from bloop.accounts.sessions import system_call
from bloop.jobs.models import OVER, Job
from bloop.store.audit.verifying import ERASED
from bloop.store.blobs import Blobs
from bloop.store.database import Database
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call, PrincipalKind, Role

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where people's data is: its parts, who names bytes (table and column), bytes, and notes."""

    parts: Sequence[Part]
    holders: Sequence[Any]
    blobs: Blobs
    notes: Path


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure changes, by table; ``files`` go with it, ``waiting`` are jobs under way."""

    person: str
    deleted: dict[str, int]
    blanked: dict[str, int]
    kept: dict[str, str]
    files: int
    waiting: int

    @property
    def empty(self) -> bool:
        """Whether nothing was left to erase."""
        return not (self.deleted or self.blanked or self.files)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "person": self.person,
            "deleted": self.deleted,
            "blanked": self.blanked,
            "kept": self.kept,
            "files": self.files,
            "waiting": self.waiting,
        }


def find_person(unit: UnitOfWork, name: str) -> User:
    """The account with this id, mail address or name; raises NotFoundError or ConflictError."""
    exact = or_(User.id == name, func.lower(User.email) == name.lower(), User.name == name)
    query = select(User).where(User.institution_id == unit.institution, exact).limit(2)
    found = unit.session.scalars(query).all()
    if not found:
        raise NotFoundError("no such person", cure="give an id, a mail address, or the whole name")
    if len(found) > 1:
        raise ConflictError("several people are called so", cure="give an id or a mail address")
    return found[0]


def subject_of(user: User) -> Subject:
    """Whose data, with that of other systems."""
    return Subject(user.institution_id, user.id, user.email)


def plan(database: Database, sources: Sources, call: Call, user_id: str) -> Erasure:
    """What erasing a person would change; changes nothing."""
    with database.reading(call) as unit:
        unit.enter("users:erase")
        user = unit.get(User, user_id)
        return _erase(unit, sources, subject_of(user), dry=True)


def erase(
    database: Database,
    sources: Sources,
    call: Call,
    user_id: str,
    *,
    on_step: Step = lambda _: None,
) -> Erasure:
    """Erase a person, or the rest of them; gives what that changed.

    The database's part is one transaction. Bytes go after it, by a note from before the commit:
    whoever was killed anywhere in between runs it again. Raises NotFoundError, ForbiddenError for
    somebody of a higher role, and ConflictError for the last operator.
    """
    note = sources.notes / f"{user_id}.json"
    with database.unit(call) as unit:
        unit.enter("users:erase")
        user = unit.get(User, user_id)
        _check(unit, user)
        subject = subject_of(user)
        connection = unit.connection
        digests = blobs.blobs_of(connection, subject, sources.holders)
        on_step("note")
        blobs.write_note(note, digests)
        on_step("rows")
        erasing(unit, user)
        done = _erase(unit, sources, subject, dry=False)
        blobs.forget(connection, subject.institution, digests)
        if not done.empty:
            told = {
                "deleted": sum(done.deleted.values()),
                "blanked": sum(done.blanked.values()),
                "files": done.files,
            }
            unit.audit.append(ERASED, subject.name, told)
            unit.outbox.append("user.erased", subject.name, {"id": user_id})
        on_step("commit")
    on_step("bytes")
    # Another institution may hold the same bytes.
    with database.unit(system_call(EVERY_INSTITUTION, call.trace)) as unit:
        blobs.remove(unit.connection, sources.blobs, note, sources.holders)
    on_step("done")
    return done


def _erase(unit: UnitOfWork, sources: Sources, subject: Subject, *, dry: bool) -> Erasure:
    connection = unit.connection
    files = len(blobs.blobs_of(connection, subject, sources.holders))
    changed: dict[Fate, dict[str, int]] = {fate: {} for fate in Fate}
    for part in sources.parts:
        if number := part.erase(connection, subject, dry=dry):
            changed[part.fate][part.name] = number
    waiting = select(func.count()).where(
        Job.institution_id == subject.institution,
        Job.actor == subject.name,
        Job.state.not_in(OVER),
    )
    return Erasure(
        person=subject.name,
        deleted=changed[Fate.DELETED],
        blanked=changed[Fate.BLANKED],
        kept={part.name: part.reason for part in sources.parts if part.fate is Fate.KEPT},
        files=files,
        waiting=unit.session.scalar(waiting) or 0,
    )


def _check(unit: UnitOfWork, user: User) -> None:
    principal = unit.call.principal
    if principal.kind is PrincipalKind.USER and rank(user.role) > rank(principal.role):
        raise ForbiddenError(f"a {principal.role} may not erase an account of a higher role")
    if user.role != Role.OPERATOR or user.erased_at is not None:
        return
    others = select(func.count()).where(
        User.institution_id == user.institution_id,
        User.role == Role.OPERATOR,
        User.disabled_at.is_(None),
        User.id != user.id,
    )
    if not unit.session.scalar(others):
        raise ConflictError(
            "this is the last operator of the institution",
            cure="make somebody else an operator first",
        )
