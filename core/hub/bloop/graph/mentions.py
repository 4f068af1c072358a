"""Notes that name concepts: ``[[Photosynthesis]]`` leads to the note of that title, or the concept.

A mention is kept by the name's key. So it is found whether the note or the concept was there first,
and follows a concept that is renamed or merged. Whose note it is decides who sees it.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from sqlalchemy import bindparam, delete, insert, select

from bloop.content.enrolling.visibility import inside_reachable, item_visible, with_container
from bloop.content.models import Container, Item
from bloop.content.search.index import ids_between
from bloop.content.search.topics import RANGE
from bloop.content.texts import BY_TITLE
from bloop.events.handlers import Consumer
from bloop.graph.models import Concept, ConceptMention, ConceptName, Standing
from bloop.graph.names import key_of
from bloop.store.statements import institution, register
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind
from bloop_sdk.events import Event

OWNER = "bloop:graph"
"""The owner of the consumer that keeps them."""
TOPICS = ("content.item.*", RANGE)
MOST = 500
_BY_TITLE = re.compile(rf'"bloop:{Kind.NOTE}:(?:{BY_TITLE}|title%3D)([^\s"\'<>#]{{1,2000}})')


def consumer() -> Consumer:
    """Who keeps the mentions; a rebuild of the search has them made anew as well."""
    return Consumer(OWNER, OWNER, TOPICS, lambda: take, trusted=True)


def take(unit: UnitOfWork, event: Event) -> None:
    """Bring the mentions of the notes that an event is about to what those say now."""
    if event.topic == RANGE:
        payload = event.payload
        refresh(unit, ids_between(unit, str(payload["after"]), str(payload["upto"])))
    elif event.payload.get("kind") == Kind.NOTE:
        refresh(unit, [str(event.payload["id"])])


def refresh(unit: UnitOfWork, items: Sequence[str]) -> None:
    """Write what these items mention, where they are notes that are there."""
    if not items:
        return
    unit.session.execute(
        delete(ConceptMention)
        .where(
            ConceptMention.institution_id == unit.institution,
            ConceptMention.item_id.in_(list(items)),
        )
        .execution_options(synchronize_session=False)
    )
    notes = unit.session.execute(
        select(Item.id, Item.html).where(
            Item.institution_id == unit.institution,
            Item.id.in_(list(items)),
            Item.kind == Kind.NOTE,
            Item.state != "trashed",
        )
    )
    rows = [{"item_id": note, "key": key} for note, html in notes for key in mentioned(html)]
    if rows:
        own = {"institution_id": unit.institution}
        unit.session.execute(insert(ConceptMention), [own | row for row in rows])


def mentioned(html: str) -> list[str]:
    """The keys of the names that a note links to by title, as its stored HTML has them."""
    found = (unquote(entities.unescape(one)) for one in _BY_TITLE.findall(html))
    return [key for key in dict.fromkeys(map(key_of, found)) if key][:MOST]


_mentions: Any = (
    select(Item.id, Item.title, Item.container_id.label("container"), Item.updated_at)
    .join(
        ConceptMention,
        (ConceptMention.institution_id == Item.institution_id)
        & (ConceptMention.item_id == Item.id),
    )
    .join(
        ConceptName,
        (ConceptName.institution_id == ConceptMention.institution_id)
        & (ConceptName.key == ConceptMention.key),
    )
    .join(Container, with_container)
    .where(
        Item.institution_id == institution,
        ConceptMention.institution_id == institution,
        ConceptName.institution_id == institution,
        Container.institution_id == institution,
        ConceptName.concept_id == bindparam("id"),
        Item.state == "active",
    )
    .distinct()
    .order_by(Item.updated_at.desc(), Item.id)
    .limit(bindparam("limit"))
)
MENTIONING = register(
    "graph.mentioning", _mentions.where(inside_reachable(Item.container_id)), heavy=True
)
MENTIONING_SHOWN = register("graph.mentioning_shown", _mentions.where(item_visible), heavy=True)
"""The notes that mention a concept: of all, and of those that whoever asks may see."""

BY_NAME = register(
    "graph.by_name",
    select(Concept.id, Concept.name)
    .join(
        ConceptName,
        (ConceptName.institution_id == Concept.institution_id)
        & (ConceptName.concept_id == Concept.id),
    )
    .where(
        Concept.institution_id == institution,
        ConceptName.institution_id == institution,
        ConceptName.key == bindparam("key"),
        Concept.standing != Standing.REJECTED.value,
    ),
)
"""The concept of a name."""
