"""Registered reads of content.

Those named ``_SHOWN`` are for learners and guests: they find only what is published and active, in
a container that is both and for whoever asks, and not below a module that is hidden. Who teaches a
course, or owns a notebook, finds everything in it (:mod:`bloop.content.enrolling.visibility`). What
somebody else owns nobody finds by any of them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, case, exists, func, or_, select, type_coerce
from sqlalchemy.sql.elements import ColumnElement

from bloop.content.enrolling.visibility import (
    container_reachable,
    container_shown,
    container_visible,
    inside_reachable,
    item_shown,
    item_visible,
    owns,
    teaches,
    text_visible,
    with_container,
)
from bloop.content.models import Container, Item, Node, Version
from bloop.store.statements import institution, register, select_rows
from bloop.store.types import Json

_ID: Any = bindparam("id")
_AFTER: Any = bindparam("after")
_LIMIT: Any = bindparam("limit")


_ITEM_HEAD = (
    Item.id,
    Item.container_id.label("container"),
    Item.connection_id.label("connection"),
    Item.kind,
    Item.title,
    Item.published,
    Item.state,
    Item.language,
    Item.url,
    Item.row_version,
    Item.created_at,
    Item.updated_at,
)
_CONTAINER_HEAD = (
    Container.id,
    Container.connection_id.label("connection"),
    Container.kind,
    Container.title,
    Container.code,
    Container.published,
    Container.audience,
    Container.owner_id.label("owner"),
    Container.state,
    Container.language,
    Container.url,
    Container.starts_at,
    Container.ends_at,
    Container.row_version,
    Container.created_at,
    Container.updated_at,
)
_LEARNER_DATA = type_coerce(
    case((or_(Item.learner_data.is_(None), teaches), Item.data), else_=Item.learner_data), Json
).label("data")
_LEARNER_HTML = case((text_visible, Item.html), else_="").label("html")


def of_container(*columns: Any) -> Any:
    """Items with their container, which learners must be allowed to see too."""
    return (
        select_rows(*columns)
        .join_from(Item, Container, with_container)
        .where(Item.institution_id == institution, Container.institution_id == institution)
    )


ITEM = register(
    "content.item",
    select_rows(*_ITEM_HEAD, Item.lost, Item.data, Item.html).where(
        Item.institution_id == institution, Item.id == _ID, inside_reachable(Item.container_id)
    ),
)
"""One item with everything that an educator sees."""

ITEM_SHOWN = register(
    "content.item_shown",
    of_container(*_ITEM_HEAD, Item.lost, _LEARNER_DATA, _LEARNER_HTML).where(
        Item.id == _ID, item_visible
    ),
)
"""The same without answers, and without a text before its time, except for who teaches."""


_FOR_WHOM = "the hub asks whom something is for, and shows nothing of it"
ITEM_IS_SHOWN = register(
    "content.item_is_shown",
    of_container(Container.id, Container.audience, Container.owner_id).where(
        Item.id == _ID, item_shown, container_shown
    ),
    whole=_FOR_WHOM,
)
CONTAINER_IS_SHOWN = register(
    "content.container_is_shown",
    select_rows(Container.id, Container.audience, Container.owner_id).where(
        Container.institution_id == institution, Container.id == _ID, container_shown
    ),
    whole=_FOR_WHOM,
)
"""Whether it is shown at all: in which container, and whom that is for."""

ITEM_IS_VISIBLE = register(
    "content.item_is_visible", of_container(Item.id).where(Item.id == _ID, item_visible)
)
CONTAINER_IS_VISIBLE = register(
    "content.container_is_visible",
    select_rows(Container.id).where(
        Container.institution_id == institution, Container.id == _ID, container_visible
    ),
)
"""Whether it is for whoever asks, who does not write content by their role."""

TEACHES = register(
    "content.teaches",
    select_rows(Container.id).where(
        Container.institution_id == institution, Container.id == _ID, teaches
    ),
)
TEACHES_ITEM = register(
    "content.teaches_item", of_container(Item.id).where(Item.id == _ID, teaches)
)
TEACHES_NODE = register(
    "content.teaches_node",
    select_rows(Node.id)
    .join(
        Container,
        and_(Container.institution_id == Node.institution_id, Container.id == Node.container_id),
    )
    .where(
        Node.institution_id == institution,
        Container.institution_id == institution,
        Node.id == _ID,
        teaches,
    ),
)
"""Whether whoever asks writes in a container because they are enrolled in it so."""


def _page(*conditions: ColumnElement[bool], shown: bool) -> Any:
    """A page of a container's items, in order of their ids."""
    where = (
        Item.container_id == bindparam("container"),
        Container.id == bindparam("container"),
        Item.id > _AFTER,
        *conditions,
    )
    base = of_container(*_ITEM_HEAD).where(*where)
    visible = item_visible if shown else and_(container_reachable, Item.state != "trashed")
    return base.where(visible).order_by(Item.id).limit(_LIMIT)


_of_kind = Item.kind == bindparam("kind")
ITEMS = register("content.items", _page(shown=False))
ITEMS_SHOWN = register("content.items_shown", _page(shown=True))
ITEMS_OF_KIND = register("content.items_of_kind", _page(_of_kind, shown=False))
ITEMS_OF_KIND_SHOWN = register("content.items_of_kind_shown", _page(_of_kind, shown=True))

TRASH = register(
    "content.trash",
    select_rows(*_ITEM_HEAD)
    .where(
        Item.institution_id == institution,
        Item.container_id == bindparam("container"),
        Item.state == "trashed",
        inside_reachable(Item.container_id),
        Item.id > _AFTER,
    )
    .order_by(Item.id)
    .limit(_LIMIT),
)

CONTAINER = register(
    "content.container",
    select_rows(*_CONTAINER_HEAD, Container.lost, Container.summary_html).where(
        Container.institution_id == institution, Container.id == _ID, container_reachable
    ),
)
CONTAINER_SHOWN = register(
    "content.container_shown",
    select_rows(*_CONTAINER_HEAD, Container.lost, Container.summary_html).where(
        Container.institution_id == institution, Container.id == _ID, container_visible
    ),
)
CONTAINER_LANGUAGE = register(
    "content.container_language",
    select_rows(Container.language).where(
        Container.institution_id == institution, Container.id == _ID, container_reachable
    ),
)
"""In which language a container is, for who sees something in it."""


def _containers(condition: ColumnElement[bool]) -> Any:
    return (
        select_rows(*_CONTAINER_HEAD)
        .where(Container.institution_id == institution, Container.id > _AFTER, condition)
        .order_by(Container.id)
        .limit(_LIMIT)
    )


CONTAINERS = register(
    "content.containers", _containers(and_(container_reachable, Container.state != "trashed"))
)
CONTAINERS_SHOWN = register("content.containers_shown", _containers(container_visible))

OWN_NOTEBOOKS = register(
    "content.own_notebooks", _containers(and_(owns, Container.state != "trashed"))
)
"""What is the caller's alone."""


def _tree(*conditions: ColumnElement[bool]) -> Any:
    """Nodes in the order of siblings; what they show comes along."""
    return (
        select_rows(
            Node.id,
            Node.parent_id.label("parent"),
            Node.title,
            Node.published,
            Node.state,
            Node.row_version,
            Node.item_id.label("item"),
            func.coalesce(Item.kind, Node.item_kind).label("kind"),
            Item.title.label("item_title"),
            Item.published.label("item_published"),
            Item.state.label("item_state"),
        )
        .join_from(
            Node,
            Item,
            and_(Item.institution_id == Node.institution_id, Item.id == Node.item_id),
            isouter=True,
        )
        .where(
            Node.institution_id == institution,
            or_(Item.institution_id == institution, Item.institution_id.is_(None)),
            Node.container_id == bindparam("container"),
            inside_reachable(Node.container_id),
            *conditions,
        )
        .order_by(Node.parent_id, Node.position, Node.remote_id)
    )


TREE = register("content.tree", _tree(Node.state != "trashed"), heavy=True)
"""The nodes of one container: a whole tree may be long, so it never runs in the event loop."""

TREE_SHOWN = register(
    "content.tree_shown",
    _tree(
        Node.state == "active",
        Node.published.is_(True),
        or_(Node.item_kind.is_(None), item_shown),
    ),
    heavy=True,
)

TREE_VERSION = register(
    "content.tree_version",
    select_rows(Container.tree_version).where(
        Container.institution_id == institution, Container.id == _ID, container_reachable
    ),
)
TREE_VERSION_SHOWN = register(
    "content.tree_version_shown",
    select_rows(Container.tree_version, teaches.label("taught")).where(
        Container.institution_id == institution, Container.id == _ID, container_visible
    ),
)
"""Under which a tree may be kept; who teaches is shown the whole one."""

BY_REFERENCE = register(
    "content.by_reference",
    select_rows(Item.id)
    .join_from(
        Container,
        Item,
        and_(
            Item.institution_id == Container.institution_id,
            Item.connection_id == Container.connection_id,
        ),
    )
    .where(
        Container.institution_id == institution,
        Item.institution_id == institution,
        Container.id == bindparam("container"),
        container_reachable,
        inside_reachable(Item.container_id),
        Item.kind == bindparam("kind"),
        Item.remote_id == bindparam("remote_id"),
    ),
)
"""What a ``bloop:KIND:REMOTE_ID`` link in a container points at."""

BY_REFERENCE_WITHIN = register(
    "content.by_reference_within",
    select_rows(Item.id)
    .where(
        Item.institution_id == institution,
        Item.container_id == bindparam("container"),
        inside_reachable(Item.container_id),
        Item.kind == bindparam("kind"),
        Item.remote_id == bindparam("remote_id"),
    )
    .order_by(Item.id)
    .limit(1),
)
"""The same for what was authored here, or came from a file into somebody else's course."""


def _of_anothers(model: Any) -> ColumnElement[bool]:
    """Whether a version is of a row in what somebody else owns."""
    container = model.id if model is Container else model.container_id
    return and_(
        Version.subject == model.__tablename__,
        exists(
            select(model.id).where(
                model.institution_id == institution,
                model.id == Version.subject_id,
                ~inside_reachable(container),
            )
        ),
    )


VERSIONS = register(
    "content.versions",
    select_rows(Version.row_version, Version.change, Version.actor, Version.at)
    .where(
        Version.institution_id == institution,
        Version.subject == bindparam("subject"),
        Version.subject_id == _ID,
        Version.row_version < bindparam("before"),
        ~or_(*(_of_anothers(model) for model in (Container, Item, Node))),
    )
    .order_by(Version.row_version.desc())
    .limit(_LIMIT),
)

EXPORTED_ITEMS = register(
    "content.exported_items",
    select_rows(
        Item.id,
        Item.kind,
        Item.remote_id,
        Item.title,
        Item.published,
        Item.html,
        Item.data,
        Item.blob,
        Item.lost,
        Item.remote_version,
        Item.url,
    )
    .where(
        Item.institution_id == institution,
        Item.container_id == bindparam("container"),
        Item.state.in_(["active", "pending"]),
        inside_reachable(Item.container_id),
        Item.id > _AFTER,
    )
    .order_by(Item.id)
    .limit(_LIMIT),
    heavy=True,
)

EXPORTED_NODES = register(
    "content.exported_nodes",
    select_rows(
        Node.id,
        Node.remote_id,
        Node.parent_id,
        Node.title,
        Node.published,
        Node.item_kind,
        Node.item_remote_id,
    )
    .where(
        Node.institution_id == institution,
        Node.container_id == bindparam("container"),
        Node.state.in_(["active", "pending"]),
        inside_reachable(Node.container_id),
    )
    .order_by(Node.parent_id, Node.position, Node.remote_id),
    heavy=True,
)
