"""A new note as rows: its item, and its place in the notebook."""

from __future__ import annotations

from bloop.content import placing
from bloop.content.models import Item, Node
from bloop.content.notes.merge import Text
from bloop.content.notes.models import Anchor
from bloop.content.service import create_item
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind


def add_note(
    unit: UnitOfWork,
    container_id: str,
    text: Text,
    *,
    published: bool,
    parent: str | None,
    index: int | None,
) -> tuple[Item, Node]:
    """Add a note below the node ``parent``, at ``index`` among its siblings or last."""
    item = create_item(
        unit,
        container_id,
        kind=Kind.NOTE,
        title=text.title,
        data={"markdown": text.markdown, "tags": list(text.tags)},
    )
    if published:
        item.published = True
        unit.session.flush()
    place = placing.create_node(
        unit, container_id, title=text.title, parent=parent, index=index, item=item.id
    )
    return item, place


def rehang(unit: UnitOfWork, earlier: Item, onto: Item) -> None:
    """Let a note that was written anew be about what the earlier one is."""
    anchor = unit.session.get(Anchor, (unit.institution, earlier.id))
    if anchor is not None:
        kept = {column.name: getattr(anchor, column.name) for column in Anchor.__table__.columns}
        unit.session.add(Anchor(**{**kept, "item_id": onto.id}))
        unit.session.flush()
