"""Registered reads of who writes courses: items with their drafts, and what was done."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, func, or_

from bloop.accounts.models import User
from bloop.content.enrolling.visibility import container_reachable, inside_reachable
from bloop.content.models import Container, Item, Node, Version
from bloop.kernel.models import Connection
from bloop.store.statements import institution, register, select_rows

_ID: Any = bindparam("id")
_CONTAINER: Any = bindparam("container")


def _with_source(model: Any) -> Any:
    """The connection that a row came by, for outer joins."""
    return and_(
        Connection.institution_id == model.institution_id, Connection.id == model.connection_id
    )


_by = User.id == func.substr(Version.actor, len("user:") + 1)
_here = or_(Connection.institution_id == institution, Connection.institution_id.is_(None))
_SOURCE = (Connection.name.label("system"), Connection.settings.label("system_settings"))

ITEM_EDITED = register(
    "content.item_edited",
    select_rows(
        Item.id,
        Item.container_id.label("container"),
        Item.kind,
        Item.title,
        Item.published,
        Item.state,
        Item.language,
        Item.row_version,
        Item.data,
        Item.html,
        Item.source,
        Item.draft,
        Item.updated_at,
        *_SOURCE,
    )
    .join_from(Item, Connection, _with_source(Item), isouter=True)
    .where(
        Item.institution_id == institution,
        _here,
        Item.id == _ID,
        inside_reachable(Item.container_id),
    ),
    heavy=True,
)
"""One item as an author edits it, and the system that it comes from."""

COURSE_EDITED = register(
    "content.course_edited",
    select_rows(
        Container.id,
        Container.kind,
        Container.title,
        Container.code,
        Container.summary_html,
        Container.language,
        Container.published,
        Container.audience,
        Container.state,
        Container.row_version,
        Container.owner_id.label("owner"),
        *_SOURCE,
    )
    .join_from(Container, Connection, _with_source(Container), isouter=True)
    .where(
        Container.institution_id == institution, _here, Container.id == _ID, container_reachable
    ),
    heavy=True,
)
"""The same of a course."""

ITEMS_EDITED = register(
    "content.items_edited",
    select_rows(
        Item.id,
        Item.kind,
        Item.title,
        Item.published,
        Item.state,
        Item.row_version,
        Item.draft,
        *_SOURCE,
    )
    .join_from(Item, Connection, _with_source(Item), isouter=True)
    .where(
        Item.institution_id == institution,
        _here,
        Item.container_id == _CONTAINER,
        Item.state != "trashed",
        inside_reachable(Item.container_id),
    )
    .order_by(Item.id),
    heavy=True,
)
"""What a course holds, with the drafts of it."""

ITEMS_UNPUBLISHED = register(
    "content.items_unpublished",
    select_rows(
        Item.id,
        Item.kind,
        Item.title,
        Item.published,
        Item.language,
        Item.row_version,
        Item.data,
        Item.html,
        Item.source,
        Item.draft,
        *_SOURCE,
    )
    .join_from(Item, Connection, _with_source(Item), isouter=True)
    .where(
        Item.institution_id == institution,
        _here,
        Item.container_id == _CONTAINER,
        Item.state == "active",
        or_(Item.published.is_(False), Item.draft.is_not(None)),
        inside_reachable(Item.container_id),
    )
    .order_by(Item.id),
    heavy=True,
)
"""What publishing a course would change for learners: what they do not see, and drafts."""

BIN_NODES = register(
    "content.bin_nodes",
    select_rows(
        Node.id,
        Node.title,
        Node.row_version,
        Node.updated_at,
        Node.item_kind.label("kind"),
        Node.item_id.label("item"),
    )
    .where(
        Node.institution_id == institution,
        Node.container_id == _CONTAINER,
        Node.state == "trashed",
        inside_reachable(Node.container_id),
    )
    .order_by(Node.updated_at.desc(), Node.id)
    .limit(bindparam("limit")),
    heavy=True,
)
BIN_ITEMS = register(
    "content.bin_items",
    select_rows(Item.id, Item.title, Item.row_version, Item.updated_at, Item.kind)
    .where(
        Item.institution_id == institution,
        Item.container_id == _CONTAINER,
        Item.state == "trashed",
        inside_reachable(Item.container_id),
    )
    .order_by(Item.updated_at.desc(), Item.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""The newest of what is in a course's trash."""


def _rows_of(model: Any) -> Any:
    ids = select_rows(model.id).where(
        model.institution_id == institution,
        model.container_id == _CONTAINER,
        inside_reachable(model.container_id),
    )
    return and_(Version.subject == model.__tablename__, Version.subject_id.in_(ids))


_itself = and_(
    Version.subject == "container",
    Version.subject_id.in_(
        select_rows(Container.id).where(
            Container.institution_id == institution, Container.id == _CONTAINER, container_reachable
        )
    ),
)
HISTORY = register(
    "content.history",
    select_rows(
        Version.id,
        Version.subject,
        Version.subject_id,
        Version.row_version,
        Version.change,
        Version.actor,
        User.name.label("who"),
        Version.at,
        Version.snapshot["title"].as_string().label("title"),
    )
    .outerjoin(
        User,
        and_(User.institution_id == Version.institution_id, _by),
    )
    .where(
        Version.institution_id == institution,
        or_(User.institution_id == institution, User.institution_id.is_(None)),
        or_(_rows_of(Item), _rows_of(Node), _itself),
        or_(bindparam("before") == "", Version.id < bindparam("before")),
    )
    .order_by(Version.id.desc())
    .limit(bindparam("limit")),
    heavy=True,
)
"""What was changed in a course, the newest first: what each row held before, by whom and when."""

TEXTS_OF_ITEM = register(
    "content.texts_of_item",
    select_rows(
        Version.row_version,
        Version.change,
        Version.actor,
        User.name.label("who"),
        Version.at,
        Version.snapshot,
    )
    .join(Item, and_(Item.institution_id == Version.institution_id, Item.id == Version.subject_id))
    .outerjoin(
        User,
        and_(User.institution_id == Version.institution_id, _by),
    )
    .where(
        Version.institution_id == institution,
        Item.institution_id == institution,
        or_(User.institution_id == institution, User.institution_id.is_(None)),
        inside_reachable(Item.container_id),
        Version.subject == "item",
        Version.subject_id == _ID,
    )
    .order_by(Version.row_version.desc())
    .limit(bindparam("limit")),
    heavy=True,
)
"""What an item held before each of its changes, the newest first."""
