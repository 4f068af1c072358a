"""The index in the hub's database: a document changes in the commit of the position in the log.

It is written in place, a document at a time, so that it answers while it is made anew: a rebuild is
events that name ranges of ids (:mod:`bloop.content.search.rebuild`), taken in their order among
the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import delete, insert, select, update

from bloop.content.models import Container, Item
from bloop.content.search import tracks
from bloop.content.search.documents import ANALYSER, documents_of
from bloop.content.search.models import SearchDocument
from bloop.content.search.topics import BEGUN, DESCRIBED, DONE, FOLLOWED, RANGE
from bloop.events.handlers import Consumer
from bloop.store.blobs import Blobs
from bloop.store.unit import UnitOfWork
from bloop_sdk.events import Event

OWNER = "bloop:search"
"""The owner of the index's consumer."""


def consumer(blobs: Blobs | None = None) -> Consumer:
    """Who keeps the index; with ``blobs`` also what files of captions say."""
    return Consumer(OWNER, OWNER, FOLLOWED, lambda: partial(take, blobs=blobs), trusted=True)


def take(unit: UnitOfWork, event: Event, blobs: Blobs | None = None) -> None:
    """Bring the index to what the rows are now that the event names."""
    ids = ids_of(unit, event)
    if blobs is not None and event.topic != DESCRIBED:
        tracks.refresh(unit, blobs, ids)
    refresh(unit, ids)


def ids_of(unit: UnitOfWork, event: Event) -> list[str]:
    """The ids of items and containers that an event is about."""
    payload = event.payload
    if event.topic in {BEGUN, DONE}:
        return []
    if event.topic == RANGE:
        return ids_between(unit, str(payload["after"]), str(payload["upto"]))
    ids = [str(payload["id"])]
    if event.topic.startswith("content.container."):
        ids += _of_other_language(unit, ids[0])
    return ids


def ids_between(unit: UnitOfWork, after: str, upto: str) -> list[str]:
    """The ids of all items and containers behind ``after``, up to ``upto``."""
    found: list[str] = []
    for model in (Item, Container):
        found += unit.session.scalars(
            select(model.id).where(
                model.institution_id == unit.institution, model.id > after, model.id <= upto
            )
        )
    return sorted(found)


def refresh(unit: UnitOfWork, ids: Sequence[str]) -> None:
    """Write what is to be found of these ids, and take out what is not any more."""
    if not ids:
        return
    found = documents_of(unit, ids)
    known = _known(unit, ids)
    gone = [id_ for id_ in known if id_ not in found]
    if gone:
        unit.session.execute(
            delete(SearchDocument)
            .where(SearchDocument.institution_id == unit.institution, SearchDocument.id.in_(gone))
            .execution_options(synchronize_session=False)
        )
    always = {"tenant": unit.institution.replace("-", ""), "analyser": ANALYSER}
    new: list[dict[str, Any]] = []
    for id_, document in found.items():
        columns = {key: value for key, value in document.items() if key != "published"} | always
        if id_ not in known:
            new.append({**columns, "institution_id": unit.institution})
        elif changed := _changed(known[id_], columns):
            unit.session.execute(
                update(SearchDocument)
                .where(SearchDocument.institution_id == unit.institution, SearchDocument.id == id_)
                .values(**changed)
                .execution_options(synchronize_session=False)
            )
    if new:
        unit.session.execute(insert(SearchDocument), new)


def _known(unit: UnitOfWork, ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    columns: Any = SearchDocument.__table__.c
    rows = unit.session.execute(
        select(*[getattr(SearchDocument, column.key) for column in columns]).where(
            SearchDocument.institution_id == unit.institution, SearchDocument.id.in_(list(ids))
        )
    )
    return {row["id"]: dict(row) for row in rows.mappings()}


def _changed(known: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in columns.items() if known[key] != value}


def _of_other_language(unit: UnitOfWork, container: str) -> list[str]:
    """Items that speak their course's language, where that is another one than is indexed."""
    language = unit.session.scalar(
        select(Container.language).where(
            Container.institution_id == unit.institution, Container.id == container
        )
    )
    return list(
        unit.session.scalars(
            select(Item.id)
            .join(
                SearchDocument,
                (SearchDocument.institution_id == Item.institution_id)
                & (SearchDocument.id == Item.id),
            )
            .where(
                Item.institution_id == unit.institution,
                Item.container_id == container,
                Item.language.is_(None),
                SearchDocument.language.is_distinct_from(language),
            )
        )
    )
