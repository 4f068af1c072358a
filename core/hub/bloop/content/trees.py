"""The trees of containers, which are read far more often than changed, and cached.

``Container.tree_version`` is another one after each commit that changed what a tree shows, so a
tree that is kept under its version is never shown once it is old: :mod:`bloop.store.cache`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, select, update

from bloop.content.models import Container, Node
from bloop.content.queries import TREE, TREE_SHOWN, TREE_VERSION, TREE_VERSION_SHOWN
from bloop.store.database import Database
from bloop.store.errors import NotFoundError
from bloop.store.ids import new_id
from bloop.store.statements import to_dicts
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

_AT_ONCE = 500
_CHANGED = "bloop.content.trees"


async def read_tree(
    database: Database, call: Call, container: str, *, drafts: bool
) -> list[dict[str, Any]]:
    """The nodes of a container, siblings in order, each with what it shows of its item.

    Learners see less than who sees ``drafts``, or teaches it. Raises NotFoundError for a container
    that the caller may not see.
    """
    version = TREE_VERSION if drafts else TREE_VERSION_SHOWN
    row = await database.read_one(version, call, id=container)
    if row is None:
        raise NotFoundError(f"nothing here has the id {container[:40]}")
    tree = TREE if drafts or row[1] else TREE_SHOWN

    async def load() -> list[list[Any]]:
        return [list(one) for one in await database.read(tree, call, container=container)]

    found = await database.cache.fetch(call, tree.name, container, row[0], load)
    return to_dicts(tree, found)


def tree_changed(unit: UnitOfWork, containers: Iterable[str], items: Iterable[str] = ()) -> None:
    """Give trees another version as the unit ends: of containers, and all that show some items."""
    changed: tuple[set[str], set[str]] | None = unit.session.info.get(_CHANGED)
    if changed is None:
        changed = unit.session.info[_CHANGED] = (set(), set())
        unit.endings.append(_renew)
    changed[0].update(containers)
    changed[1].update(items)


def _renew(unit: UnitOfWork) -> None:
    containers, items = unit.session.info.pop(_CHANGED)
    session, found = unit.session, set()
    for start in range(0, max(len(containers), len(items)), _AT_ONCE):
        part = [sorted(ids)[start : start + _AT_ONCE] for ids in (containers, items)]
        which: ColumnElement[bool] = Container.id.in_(part[0])
        if part[1]:
            which |= Container.id.in_(
                select(Node.container_id).where(
                    Node.institution_id == unit.institution, Node.item_id.in_(part[1])
                )
            )
        # Locked in one order, so that two units that change the same ones don't wait in a circle.
        found |= set(
            session.scalars(
                select(Container.id)
                .where(Container.institution_id == unit.institution, which)
                .order_by(Container.id)
                .with_for_update(key_share=True)
            )
        )
    for start in range(0, len(found), _AT_ONCE):
        session.execute(
            update(Container)
            .where(
                Container.institution_id == unit.institution,
                Container.id.in_(sorted(found)[start : start + _AT_ONCE]),
            )
            .values(tree_version=new_id())
            .execution_options(synchronize_session=False)
        )
