"""Certificates by rule: what a course asks for, who would get one, and that somebody has."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from bloop.accounts.actions import may
from bloop.accounts.models import User
from bloop.content.enrolling.visibility import (
    container_reachable,
    container_visible,
)
from bloop.content.models import Container
from bloop.learning.progress.models import Certificate, CertificateRule
from bloop.learning.progress.standing import Asked, Standing, check, standing_of, standings
from bloop.learning.quizzes.service import user_of
from bloop.learning.shares import whole_percent
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.ids import new_id
from bloop.store.inserting import INSERT
from bloop.store.statements import values_of_caller
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Those that nobody takes for another when they are read out."""


@command("content:write")
def set_rule(
    unit: UnitOfWork,
    container_id: str,
    *,
    items: Sequence[str] | None,
    average: float,
    version: int | None = None,
) -> None:
    """Have a course give certificates by a rule, or by another; those given stay as they are.

    ``version`` is that of the rule which it replaces, 0 for none; None replaces whichever it is.
    Raises InvalidError, and ConflictError where the rule is another one by now.
    """
    container = unit.get(Container, container_id)
    if container.owner_id is not None:
        raise InvalidError("what is yours alone gives no certificates", field="container")
    check(unit, container.id, Asked(items, average))
    row = unit.session.get(CertificateRule, (unit.institution, container.id))
    if row is not None:
        unit.expect(row, version)
    elif version:
        raise ConflictError("the rule was ended meanwhile", current=0, cure="look again")
    if row is None:
        row = CertificateRule(institution_id=unit.institution, container_id=container.id)
        unit.session.add(row)
    row.items = None if items is None else sorted(set(items))
    row.average, row.updated_at = average, utcnow()
    unit.session.flush()
    unit.audit.append(
        "certificates:rule", f"container:{container.id}", {"average": average, "items": row.items}
    )


@command("content:write")
def drop_rule(unit: UnitOfWork, container_id: str) -> None:
    """Have a course give no more certificates; those given stay."""
    container = unit.get(Container, container_id)
    row = unit.session.get(CertificateRule, (unit.institution, container.id))
    if row is not None:
        unit.session.delete(row)
        unit.audit.append("certificates:rule", f"container:{container.id}", {"items": []})


@command("account:write")
def claim(unit: UnitOfWork, container_id: str) -> str:
    """Give the caller the certificate of a course; its id. One that is given stays the one.

    Raises ConflictError that says what is missing.
    """
    user = user_of(unit)
    course = _seen(unit, container_id)
    row = _given(unit, user, course.id)
    if row is not None:
        return row.id
    standing = standing_of(unit, user, course.id)
    if not standing.met:
        raise ConflictError(_missing(standing), cure="then ask for it again")
    name = unit.session.scalar(
        select(User.name).where(User.institution_id == unit.institution, User.id == user)
    )
    values = {
        "institution_id": unit.institution,
        "id": new_id(),
        "user_id": user,
        "container_id": course.id,
        "number": _number(),
        "code": secrets.token_urlsafe(24),
        "name": name or "",
        "title": course.title,
        "lessons": standing.lessons,
        "average": standing.average,
        "issued_at": utcnow(),
    }
    make = INSERT[unit.dialect]
    same = ["institution_id", "user_id", "container_id"]
    # Of two tabs that ask at once one is given it, and both have that one.
    unit.connection.execute(
        make(Certificate).values(**values).on_conflict_do_nothing(index_elements=same)
    )
    row = _given(unit, user, course.id)
    assert row is not None, "it was there or has been made"
    if row.id == values["id"]:
        unit.audit.append("certificates:give", f"container:{course.id}", {"number": row.number})
    return row.id


def _missing(standing: Standing) -> str:
    if standing.lessons == 0:
        return "this course asks for no lesson yet"
    if standing.missing:
        return f"{len(standing.missing)} of {standing.lessons} lessons are not done"
    reached = 0 if standing.average is None else whole_percent(standing.average)
    return f"the average is {reached} %, and {standing.needed * 100:g} % are needed"


def would_get(
    unit: UnitOfWork, container: str, asked: Asked, learners: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Who of some learners, by id and name, would get a certificate now if a course asked for that.

    ``{user, name, met, given, missing, lessons, average}``, who would get it first; nothing is
    written. Raises InvalidError for what no course can ask.
    """
    check(unit, container, asked)
    given = set(
        unit.session.scalars(
            select(Certificate.user_id).where(
                Certificate.institution_id == unit.institution,
                Certificate.container_id == container,
            )
        )
    )
    found = [
        {
            "user": user,
            "name": learners[user],
            "met": one.met,
            "given": user in given,
            "missing": len(one.missing),
            "lessons": one.lessons,
            "average": one.average,
        }
        for user, one in standings(unit, container, asked, learners).items()
    ]
    return sorted(found, key=lambda one: (not one["met"], one["missing"], one["name"].casefold()))


def _given(unit: UnitOfWork, user: str, container: str) -> Certificate | None:
    return unit.session.scalar(
        select(Certificate).where(
            Certificate.institution_id == unit.institution,
            Certificate.user_id == user,
            Certificate.container_id == container,
        )
    )


def _seen(unit: UnitOfWork, container: str) -> Container:
    query: Any = select(Container).where(
        Container.institution_id == unit.institution,
        Container.id == container,
        Container.state != "trashed",
        container_reachable,
    )
    if not may(unit.call, "content:write"):
        query = query.where(container_visible)
    values = {"institution": unit.institution, **values_of_caller(unit.call)}
    row: Container | None = unit.session.scalar(query, values)
    if row is None:
        raise NotFoundError(f"no course {container[:40]}")
    return row


def _number() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(12))
    return f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"
