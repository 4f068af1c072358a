"""Grades of other systems as answers of the users here whose persons there are linked.

A grade is an answer by what it says: told again it is the same, and one that was changed is another
answer. Grades are taken when they come, and when a person is linked to a user.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from sqlalchemy import and_, select

import bloop.learning.statements.out  # noqa: F401 - tells of the answers as statements
from bloop.content.enrolling.models import PersonLink
from bloop.content.models import Item, Submission
from bloop.events.handlers import Consumer
from bloop.learning.answers import Given, record
from bloop.store.unit import UnitOfWork
from bloop_sdk.events import Event

OWNER = "bloop:grades"
"""The owner of the consumer that takes them."""
LINKED = "user.person_linked"
TOPICS = ("content.submission.created", "content.submission.updated", LINKED)
_NO_GRADES = ("unsubmitted", "excused")


def consumer() -> Consumer:
    """Who takes grades."""
    return Consumer(OWNER, OWNER, TOPICS, lambda: take, trusted=True)


def take(unit: UnitOfWork, event: Event) -> None:
    """Keep the grades that an event is about."""
    if event.topic == LINKED:
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
            and_(
                Item.institution_id == Submission.institution_id,
                Item.connection_id == Submission.connection_id,
                Item.kind == Submission.item_kind,
                Item.remote_id == Submission.item_remote_id,
            ),
        )
        .where(
            Submission.institution_id == unit.institution,
            condition,
            Submission.state == "active",
            Submission.status.not_in(_NO_GRADES),
            Submission.score.is_not(None),
            PersonLink.user_id.is_not(None),
        )
        .order_by(Submission.id)
    )
    given: dict[str, list[Given]] = {}
    for row, user, item, data in rows:
        given.setdefault(user, []).extend(_given(row, item, data))
    for user, answers in given.items():
        record(unit, user, answers)


def _given(row: Submission, item: str, data: Any) -> Iterable[Given]:
    points = row.points or (data or {}).get("points")
    if row.score is None or not points or points <= 0:
        return
    score = max(0.0, min(1.0, row.score / points))
    at = row.graded_at or row.submitted_at or row.updated_at
    yield Given(
        item=item,
        key=f"submission:{row.id}:{row.attempt or 0}:{score:.6g}",
        score=score,
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        source="lms",
    )
