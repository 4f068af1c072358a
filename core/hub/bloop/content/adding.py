"""Commands of who writes an outline: an item and its place are made, renamed and removed as one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from bloop.content.changing import changed, refuse_live
from bloop.content.models import Item, Node
from bloop.content.placing import create_node, update_node
from bloop.content.service import add_file as add_file_item
from bloop.content.service import create_item, restore, trash
from bloop.store.commands import command
from bloop.store.errors import InvalidError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind

MODULE = "module"
ADDED = (MODULE, Kind.PAGE, Kind.LINK, Kind.ASSIGNMENT, Kind.DISCUSSION)


@command("content:write")
def add(
    unit: UnitOfWork,
    container_id: str,
    *,
    kind: str,
    title: str,
    href: str = "",
    parent: str | None = None,
) -> Node:
    """A module, or an item that is not published yet with its place, last below ``parent``.

    Raises InvalidError for another kind, and for a link without a web address.
    """
    if kind not in ADDED:
        raise InvalidError(
            f"kind: a {kind!r} is not added here", field="kind", cure=f"one of {', '.join(ADDED)}"
        )
    if kind == MODULE:
        return create_node(unit, container_id, title=title, parent=parent)
    data = {"href": href} if kind == Kind.LINK else {}
    item = create_item(unit, container_id, kind=kind, title=title, data=data)
    return create_node(unit, container_id, title=item.title, parent=parent, item=item.id)


@command("content:write")
def add_file(
    unit: UnitOfWork,
    container_id: str,
    *,
    name: str,
    media_type: str | None,
    sha256: str,
    size: int,
    parent: str | None = None,
) -> Node:
    """A file whose bytes are stored already, with its place, as :func:`add` makes one."""
    item = add_file_item(
        unit, container_id, name=name, media_type=media_type, sha256=sha256, size=size
    )
    return create_node(unit, container_id, title=item.title, parent=parent, item=item.id)


@command("content:write")
def place(unit: UnitOfWork, container_id: str, item_id: str, parent: str | None = None) -> Node:
    """A place, the last below ``parent``, for an item that has none; one that has keeps that."""
    item = unit.get(Item, item_id)
    standing = unit.session.scalars(
        select(Node).where(
            Node.institution_id == unit.institution,
            Node.item_id == item.id,
            Node.state != "trashed",
        )
    ).first()
    if standing is not None:
        return standing
    return create_node(unit, container_id, title=item.title, parent=parent, item=item.id)


@command("content:write")
def rename(unit: UnitOfWork, node_id: str, version: int | None, title: str) -> Node:
    """Give a place another title, and what stands at it, where that had the same one."""
    node = unit.get(Node, node_id)
    was = node.title
    node = update_node(unit, node_id, version, {"title": title})
    if node.item_id is None:
        return node
    item = unit.get(Item, node.item_id)
    if item.title != was or item.kind == Kind.NOTE:
        return node
    refuse_live(unit, item)
    values: dict[str, Any] = {"title": node.title}
    if isinstance(item.draft, dict) and item.draft.get("title") == was:
        values["draft"] = {**item.draft, "title": node.title}
    changed(unit, item, values, "edited")
    return node


@command("content:write")
def remove(unit: UnitOfWork, node_id: str, version: int | None) -> Node:
    """Put a place into the trash, with the item that stands nowhere else.

    What is below a module goes out of sight with it, and comes back with it.
    """
    node = trash(unit, Node, node_id, version)
    if node.item_id is None:
        return node
    elsewhere = select(Node.id).where(
        Node.institution_id == unit.institution,
        Node.item_id == node.item_id,
        Node.id != node.id,
        Node.state != "trashed",
    )
    item = unit.get(Item, node.item_id)
    if unit.session.scalars(elsewhere).first() is None and item.state == "active":
        trash(unit, Item, item.id, None)
    return node


@command("content:write")
def bring_back(unit: UnitOfWork, node_id: str, version: int | None) -> Node:
    """Take a place out of the trash, with the item that went there with it.

    One whose module is in the trash or gone stands at the end of the outline from then on.
    """
    node = restore(unit, Node, node_id, version)
    if node.parent_id is not None and unit.get(Node, node.parent_id).state == "trashed":
        node = update_node(unit, node.id, None, {"parent": None})
    if node.item_id is not None:
        item = unit.get(Item, node.item_id)
        if item.state == "trashed":
            restore(unit, Item, item.id, None)
    return node
