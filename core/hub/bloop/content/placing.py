"""Commands on the tree: nodes are made, moved and renamed.

A place is a parent and an index among its children. A position is a number between those of the
neighbours, so that a move writes one row; when two neighbours have grown too close, their
siblings are numbered afresh.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from bloop.content.bulk import update_rows
from bloop.content.changing import added, changed, editable, refuse_live
from bloop.content.models import Container, Item, Node
from bloop.content.naming import title_of
from bloop.content.tree import in_cycle
from bloop.store.commands import command
from bloop.store.errors import InvalidError
from bloop.store.ids import new_id
from bloop.store.unit import UnitOfWork


@command("content:write")
def create_node(
    unit: UnitOfWork,
    container_id: str,
    *,
    title: str,
    parent: str | None = None,
    index: int | None = None,
    item: str | None = None,
    published: bool = True,
) -> Node:
    """A new place in the tree: a module, or with ``item`` what it shows. Last by default."""
    container = editable(unit, Container, container_id, None)
    shown = _item_of(unit, container.id, item)
    _check_parent(unit, container.id, parent)
    id_ = new_id()
    return added(
        unit,
        Node(
            institution_id=unit.institution,
            id=id_,
            remote_id=id_,
            container_id=container.id,
            parent_id=parent,
            position=position_at(unit, container.id, parent, index),
            title=title_of(title),
            published=published,
            item_id=shown.id if shown else None,
            item_kind=shown.kind if shown else None,
            item_remote_id=shown.remote_id if shown else None,
        ),
    )


@command("content:write")
def update_node(
    unit: UnitOfWork, id_: str, version: int | None, changes: Mapping[str, Any]
) -> Node:
    """Rename, publish or move: ``parent`` and ``index`` name the new place."""
    row = editable(unit, Node, id_, version)
    refuse_live(unit, row)
    values = {name: changes[name] for name in ("published",) if name in changes}
    if "title" in changes:
        values["title"] = title_of(changes["title"])
    if "parent" in changes or "index" in changes:
        parent = changes.get("parent", row.parent_id)
        check_place(unit, row, parent)
        values["parent_id"] = parent
        values["position"] = position_at(
            unit, row.container_id, parent, changes.get("index"), without=row.id
        )
    moved = "parent_id" in values
    return changed(unit, row, values, "moved" if moved else "edited")


def check_place(unit: UnitOfWork, row: Node, parent: str | None) -> None:
    """Raise :class:`InvalidError` where ``parent`` is no place for ``row``."""
    _check_parent(unit, row.container_id, parent)
    if parent is None:
        return
    known = unit.session.execute(
        select(Node.id, Node.parent_id).where(
            Node.institution_id == unit.institution, Node.container_id == row.container_id
        )
    )
    parents = {found.id: found.parent_id for found in known}
    parents[row.id] = parent
    if in_cycle(parents, row.id):
        raise InvalidError(
            f"parent: {row.title!r} would stand below itself",
            field="parent",
            cure="move what is below it out first",
        )


def _check_parent(unit: UnitOfWork, container_id: str, parent: str | None) -> None:
    if parent is None:
        return
    found = unit.session.scalar(
        select(Node).where(Node.institution_id == unit.institution, Node.id == parent)
    )
    if found is None or found.container_id != container_id or found.state == "trashed":
        raise InvalidError(
            f"parent: no node {parent} in this container", field="parent", cure="see its tree"
        )


def _item_of(unit: UnitOfWork, container_id: str, item: str | None) -> Item | None:
    if item is None:
        return None
    found = unit.session.scalar(
        select(Item).where(Item.institution_id == unit.institution, Item.id == item)
    )
    if found is None or found.container_id != container_id:
        raise InvalidError(f"item: no item {item} in this container", field="item")
    return found


def position_at(
    unit: UnitOfWork,
    container_id: str,
    parent: str | None,
    index: int | None,
    *,
    without: str | None = None,
) -> float:
    """A number between the neighbours at ``index`` (None: behind the last)."""
    others = [row for row in siblings(unit, container_id, parent) if row.id != without]
    place = len(others) if index is None else min(index, len(others))
    found = _between(others, place)
    if found is None:
        update_rows(unit, Node, [(row, {"position": float(n)}) for n, row in enumerate(others)])
        unit.session.expire_all()
        return place - 0.5
    return found


def siblings(unit: UnitOfWork, container_id: str, parent: str | None) -> Sequence[Node]:
    """The nodes below ``parent``, in their order; those in the trash count for no place."""
    return unit.session.scalars(
        select(Node)
        .where(
            Node.institution_id == unit.institution,
            Node.container_id == container_id,
            Node.parent_id == parent if parent is not None else Node.parent_id.is_(None),
            Node.state != "trashed",
        )
        .order_by(Node.position, Node.remote_id)
    ).all()


def _between(siblings: Sequence[Node], place: int) -> float | None:
    """None where no number fits between the two neighbours."""
    if not siblings:
        return 0.0
    if place == 0:
        return siblings[0].position - 1
    before = siblings[place - 1].position
    if place == len(siblings):
        return before + 1
    after = siblings[place].position
    middle = (before + after) / 2
    return middle if before < middle < after else None
