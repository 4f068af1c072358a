"""Grades of other systems as answers of the users here whose persons there are linked.

A grade is an answer by what it says: told again it is the same. One that was changed takes the
place of the one before, and what was excused, or is shown to its learner no more, counts no more;
another try at the work is another answer. Grades are taken when they come, and when a person is
linked to a user, and taken back from who is that person no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any

from sqlalchemy import and_, select

import bloop.learning.following
import bloop.learning.statements.out  # noqa: F401 - tells of the answers as statements
from bloop.content.enrolling.models import PersonLink
from bloop.content.models import Item, Submission
from bloop.events.handlers import Consumer
from bloop.graph.writing import batches
from bloop.learning.answers import AT_ONCE, Given, record, take_back
from bloop.learning.models import Answer
from bloop.store.unit import UnitOfWork
from bloop_sdk.events import Event

OWNER = "bloop:grades"
"""The owner of the consumer that takes them."""
LINKED, UNLINKED = "user.person_linked", "user.person_unlinked"
TOPICS = ("content.submission.created", "content.submission.updated", LINKED, UNLINKED)
_UNSUBMITTED, _EXCUSED, _UNRELEASED = "unsubmitted", "excused", "unreleased"
_UNCOUNTED = frozenset({_EXCUSED, _UNRELEASED})
_is_of = and_(
    Item.institution_id == Submission.institution_id,
    Item.connection_id == Submission.connection_id,
    Item.kind == Submission.item_kind,
    Item.remote_id == Submission.item_remote_id,
)


def consumer() -> Consumer:
    """Who takes grades."""
    return Consumer(OWNER, OWNER, TOPICS, lambda: take, trusted=True)


def take(unit: UnitOfWork, event: Event) -> None:
    """Keep the grades that an event is about."""
    if event.topic == UNLINKED:
        _take_back(unit, str(event.payload["person"]), str(event.payload["id"]))
    elif event.topic == LINKED:
        _record(unit, Submission.person_id == str(event.payload["person"]))
    else:
        _record(unit, Submission.id == str(event.payload["id"]))


def _record(unit: UnitOfWork, condition: Any) -> None:
    columns: Any = (Submission, PersonLink.user_id, Item.id, Item.data)
    rows = unit.session.execute(
        select(*columns)
        .join(
            PersonLink,
            and_(
                PersonLink.institution_id == Submission.institution_id,
                PersonLink.person_id == Submission.person_id,
            ),
        )
        .join(
            Item,
            _is_of,
        )
        .where(
            Submission.institution_id == unit.institution,
            condition,
            Submission.state == "active",
            Submission.status != _UNSUBMITTED,
            PersonLink.user_id.is_not(None),
        )
        .order_by(Submission.id)
    )
    found: dict[str, list[tuple[Submission, str, Given | None]]] = {}
    for row, user, item, data in rows:
        found.setdefault(user, []).append((row, item, _given(row, item, data)))
    for user, some in found.items():
        take_back(unit, user, _outdated(unit, user, some))
        record(unit, user, [one for _, _, one in some if one is not None])


def _outdated(
    unit: UnitOfWork, user: str, some: Sequence[tuple[Submission, str, Given | None]]
) -> list[str]:
    """The keys of grades that were changed since, and of those that count no more by now."""
    now = {
        _begin(row): one.key if one is not None else ""
        for row, _, one in some
        if one is not None or row.status in _UNCOUNTED
    }
    items = {item for _, item, _ in some}
    return [key for key in _keys(unit, user, items) if now.get(_begun(key), key) != key]


def _take_back(unit: UnitOfWork, person: str, user: str) -> None:
    """Take back the grades of a person who is not this user after all."""
    columns: Any = (Submission.id, Item.id)
    rows = unit.session.execute(
        select(*columns)
        .join(Item, _is_of)
        .where(Submission.institution_id == unit.institution, Submission.person_id == person)
    ).all()
    link = unit.session.get(PersonLink, (unit.institution, person))
    if link is not None and link.user_id == user:
        return  # They are again.
    work = {id_ for id_, _ in rows}
    keys = _keys(unit, user, {item for _, item in rows})
    take_back(unit, user, [key for key in keys if key.split(":")[1] in work])


def _keys(unit: UnitOfWork, user: str, items: Iterable[str]) -> list[str]:
    """The keys of the grades of a user's that are kept."""
    found: list[str] = []
    for some in batches(sorted(items), AT_ONCE):
        found += unit.session.scalars(
            select(Answer.key).where(
                Answer.institution_id == unit.institution,
                Answer.user_id == user,
                Answer.source == "lms",
                Answer.item_id.in_(some),
            )
        )
    return found


def _begin(row: Submission) -> str:
    """How the key of a grade begins, whatever the grade: the work, and which try at it."""
    return f"submission:{row.id}:{row.attempt or 0}:"


def _begun(key: str) -> str:
    return key[: key.rindex(":") + 1]


def _given(row: Submission, item: str, data: Any) -> Given | None:
    points = row.points or (data or {}).get("points")
    if row.score is None or row.status in _UNCOUNTED or not points or points <= 0:
        return None
    score = max(0.0, min(1.0, row.score / points))
    at = row.graded_at or row.submitted_at or row.updated_at
    return Given(
        item=item,
        key=f"{_begin(row)}{score:.6g}",
        score=score,
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        source="lms",
    )
