"""Items that stand only where learners can't see: below an unpublished or removed module.

The tree leaves such a branch out by itself; an item is reached by its id as well, so that its row
has to know. Whoever changes nodes calls one of these in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, or_, select, union, update

from bloop.content.changes import chunks
from bloop.content.models import Item, Node, Version
from bloop.content.sync_models import SyncRun
from bloop.content.trees import tree_changed
from bloop.store.unit import UnitOfWork


def conceal(unit: UnitOfWork, container_id: str, *, whole: bool = True) -> None:
    """Bring ``Item.concealed`` of one container to what its nodes say.

    An item without any place in the tree is no secret; one whose source gave up its place neither.
    Unless the tree is ``whole``, it stays hidden: its place may not have been read yet.
    """
    unit.session.flush()
    of = {"of_institution": unit.institution, "of_container": container_id}
    marked = set(unit.connection.scalars(_MARKED, of))
    if not marked and unit.connection.scalar(_CLOSED, of) is None:
        return  # As nearly always: nothing is hidden, and nothing hides anything.
    rows = unit.connection.execute(_PLACES, of).all()
    nodes: _Nodes = {
        id_: (parent, published and state == "active") for id_, parent, published, state, _ in rows
    }
    known: dict[str, bool] = {}
    open_to_all: dict[str, bool] = {}
    for id_, _, _, state, item in rows:
        if item is not None and state != "missing":
            shown = _shown(nodes, id_, known)
            open_to_all[item] = open_to_all.get(item, False) or shown
    hidden = {item for item, is_open in open_to_all.items() if not is_open}
    seen = marked - hidden if whole else marked & (open_to_all.keys() - hidden)
    if hidden - marked or seen:
        tree_changed(unit, [container_id])
    for ids, value in ((hidden - marked, True), (seen, False)):
        for part in chunks(sorted(ids)):
            unit.session.execute(
                update(Item)
                .where(
                    Item.institution_id == unit.institution,
                    Item.container_id == container_id,
                    Item.id.in_(part),
                )
                .values(concealed=value)
                .execution_options(synchronize_session=False)
            )


def conceal_after_run(
    unit: UnitOfWork, run_id: str, *, whole: bool = True, shown: Iterable[str] = ()
) -> None:
    """The same for each container in which a run, or one that was killed, touched something.

    ``shown`` are those that it shows from now on: what is in them was hidden by that alone.
    """
    of_run = {"of_institution": unit.institution, "of_run": run_id}
    touched = unit.connection.scalars(_TOUCHED, of_run)
    for container_id in sorted({*shown, *touched}):
        conceal(unit, container_id, whole=whole)


_INSTITUTION: Any = bindparam("of_institution")
_RUN: Any = bindparam("of_run")
_CONTAINER: Any = bindparam("of_container")
_PLACES = select(Node.id, Node.parent_id, Node.published, Node.state, Node.item_id).where(
    Node.institution_id == _INSTITUTION, Node.container_id == _CONTAINER
)
_CLOSED = (
    select(Node.id)
    .where(
        Node.institution_id == _INSTITUTION,
        Node.container_id == _CONTAINER,
        or_(Node.published.is_(False), Node.state != "active"),
    )
    .limit(1)
)
_MARKED = select(Item.id).where(
    Item.institution_id == _INSTITUTION,
    Item.container_id == _CONTAINER,
    Item.concealed.is_(True),
)
_TOUCHED = union(
    *[
        select(model.container_id).where(model.institution_id == _INSTITUTION, model.run_id == _RUN)
        for model in (Node, Item)
    ],
    # Nodes that it changed.
    select(Node.container_id)
    .join(
        Version,
        (Version.institution_id == Node.institution_id) & (Version.subject_id == Node.id),
    )
    .where(
        Node.institution_id == _INSTITUTION,
        Version.institution_id == _INSTITUTION,
        Version.subject == "node",
        Version.run_id == _RUN,
    ),
    # Items that one that was killed left hidden.
    select(Item.container_id)
    .join(
        SyncRun,
        (SyncRun.institution_id == Item.institution_id)
        & (SyncRun.connection_id == Item.connection_id),
    )
    .where(
        Item.institution_id == _INSTITUTION,
        SyncRun.institution_id == _INSTITUTION,
        Item.concealed.is_(True),
        SyncRun.id == _RUN,
    ),
)
"""Containers in which a run touched something; made once, and past the session."""

_Nodes = Mapping[str, tuple[str | None, bool]]
"""The parent of each node, and whether it is shown itself."""


def _shown(nodes: _Nodes, id_: str, known: dict[str, bool]) -> bool:
    """Whether a node and all above it are published; ``known`` remembers what was found."""
    way: list[str] = []
    above: str | None = id_
    while above is not None and above not in known:
        way.append(above)
        # Until its parent is known a node is hidden, so that a circle ends and shows nothing.
        known[above] = False
        above = nodes.get(above, _NOWHERE)[0]
    shown = True if above is None else known[above]
    for one in reversed(way):
        shown = shown and nodes.get(one, _NOWHERE)[1]
        known[one] = shown
    return shown


_NOWHERE = (None, False)
