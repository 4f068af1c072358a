"""The trees of containers, which are read far more often than changed, and cached.

``Container.tree_version`` is another one after each commit that changed what a tree shows, so a
tree that is kept under its version is never shown once it is old: :mod:`bloop.store.cache`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, bindparam, inspect, select, update

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
    of = {"of_institution": unit.institution}
    found: set[str] = set()
    # Past the session, for which the statements would be made anew: they are part of each commit.
    for start in range(0, max(len(containers), len(items)), _AT_ONCE):
        part = [sorted(ids)[start : start + _AT_ONCE] for ids in (containers, items)]
        finding, named = (_SHOWING, {"items": part[1]}) if part[1] else (_THEMSELVES, {})
        found |= set(unit.connection.scalars(finding, {**of, "containers": part[0], **named}))
    for start in range(0, len(found), _AT_ONCE):
        some = sorted(found)[start : start + _AT_ONCE]
        unit.connection.execute(_RENEWING, {**of, "containers": some, "version": new_id()})


_TREES: Any = inspect(Container).local_table
_OF_INSTITUTION: Any = bindparam("of_institution")
_NAMED = _TREES.c.id.in_(bindparam("containers", expanding=True))


def _found(which: ColumnElement[bool]) -> Any:
    """Locked in one order, so that two units that change the same ones don't wait in a circle."""
    return (
        select(_TREES.c.id)
        .where(_TREES.c.institution_id == _OF_INSTITUTION, which)
        .order_by(_TREES.c.id)
        .with_for_update(key_share=True)
    )


_THEMSELVES = _found(_NAMED)
_SHOWING = _found(
    _NAMED
    | _TREES.c.id.in_(
        select(Node.container_id).where(
            Node.institution_id == _OF_INSTITUTION,
            Node.item_id.in_(bindparam("items", expanding=True)),
        )
    )
)
_RENEWING = (
    update(_TREES)
    .where(_TREES.c.institution_id == _OF_INSTITUTION, _NAMED)
    .values(tree_version=bindparam("version"))
)
