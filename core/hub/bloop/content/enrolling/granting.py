"""Single items for single people, on behalf of plugins, beside who is in the course."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import and_, or_, select

import bloop.content.enrolling.topics  # noqa: F401 - declares what is said here
from bloop.accounts.models import User
from bloop.content.enrolling.models import ItemGrant
from bloop.content.models import Container, Item
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind


def grant(unit: UnitOfWork, item_id: str, user: str, source: str) -> None:
    """Let a user see an item on behalf of a plugin; again changes nothing.

    Raises NotFoundError for an item that is not there, InvalidError for a user, and ConflictError
    for what is in somebody's own notebook.
    """
    if _of_source(unit, item_id, user, source) is not None:
        return
    item = unit.get(Item, item_id)
    if unit.get(Container, item.container_id).owner_id is not None:
        raise ConflictError(
            "this is in a notebook that is its owner's alone", cure="choose an item of a course"
        )
    known = select(User.id).where(
        User.institution_id == unit.institution, User.id == user, User.erased_at.is_(None)
    )
    if unit.session.scalar(known) is None:
        raise InvalidError(
            f"user: nobody here has the id {user[:40]}", field="user", cure="invite them first"
        )
    row = ItemGrant(institution_id=unit.institution, item_id=item.id, user_id=user, source=source)
    unit.session.add(row)
    unit.session.flush()
    _tell(unit, "granted", item.id, item.container_id, user, source)


def missing(unit: UnitOfWork, courses: Collection[str], items: Collection[str]) -> list[str]:
    """The ids of no course, and of no item of a course; what is trashed or owned is none."""
    found = titles(unit, courses, items)
    return [one for one in (*courses, *items) if one not in found]


def titles(unit: UnitOfWork, courses: Collection[str], items: Collection[str]) -> dict[str, str]:
    """The titles of courses and of their items by id, without what is trashed or owned."""
    shared = (
        Container.institution_id == unit.institution,
        Container.owner_id.is_(None),
        Container.state != "trashed",
    )
    of_course = and_(
        Container.institution_id == Item.institution_id, Container.id == Item.container_id
    )
    named = select(Container.id, Container.title).where(*shared)
    in_course = select(Item.id, Item.title).join(Container, of_course)
    in_course = in_course.where(*shared, Item.state != "trashed")
    found: dict[str, str] = {}
    for asked, column, those in ((courses, Container.id, named), (items, Item.id, in_course)):
        if asked:
            rows = unit.session.execute(those.where(column.in_(asked)))
            found |= {row[0]: row[1] for row in rows}
    return found


def courses_called(unit: UnitOfWork, text: str, limit: int) -> dict[str, str]:
    """The titles of courses by id, in their order, without what is trashed or owned.

    Those with ``text`` in their title or code; all for an empty one.
    """
    some = select(Container.id, Container.title).where(
        Container.institution_id == unit.institution,
        Container.owner_id.is_(None),
        Container.kind == Kind.COURSE.value,
        Container.state != "trashed",
    )
    if text:
        named = (Container.title, Container.code)
        some = some.where(or_(*(column.icontains(text, autoescape=True) for column in named)))
    rows = unit.session.execute(some.order_by(Container.title, Container.id).limit(limit))
    return {row[0]: row[1] for row in rows}


def revoke(unit: UnitOfWork, item_id: str, user: str, source: str) -> None:
    """End what :func:`grant` made for this plugin; what else shows the item to them stays."""
    row = _of_source(unit, item_id, user, source)
    if row is None:
        return
    unit.session.delete(row)
    unit.session.flush()
    _tell(unit, "revoked", item_id, unit.get(Item, item_id).container_id, user, source)


def _of_source(unit: UnitOfWork, item_id: str, user: str, source: str) -> ItemGrant | None:
    return unit.session.scalar(
        select(ItemGrant).where(
            ItemGrant.institution_id == unit.institution,
            ItemGrant.item_id == item_id,
            ItemGrant.user_id == user,
            ItemGrant.source == source,
        )
    )


def _tell(unit: UnitOfWork, what: str, item: str, container: str, user: str, source: str) -> None:
    unit.audit.append(f"enrolments:{what}", f"item:{item}", {"user": user, "source": source})
    payload = {"id": user, "item": item, "container": container}
    unit.outbox.append(f"learning.{what}", f"user:{user}", payload)
