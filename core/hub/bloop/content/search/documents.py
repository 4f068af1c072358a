"""Rows of content as documents to find: plain text, without the answers of quizzes.

What plugins say of an item (:mod:`bloop.content.search.described`) is found with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from bloop.content.changes import chunks
from bloop.content.models import Container, Item
from bloop.content.redact import learner_view
from bloop.content.search.models import ItemText
from bloop.content.texts import text_of_html
from bloop.store.unit import UnitOfWork

ANALYSER = 1
"""Raise it when other words are made of the same row: every document is then written again."""
TEXT_LENGTH = 100_000
"""So many characters of a text are found; an index of a database row has bounds."""
DESCRIBED_LENGTH = 80_000
"""So many of what plugins say of an item: what is said in an hour and a half."""


def documents_of(unit: UnitOfWork, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What is to be found of items, courses and notebooks, by id; none of what is in the trash.

    Keys are the columns of SearchDocument, and ``published``.
    """
    found: dict[str, dict[str, Any]] = {}
    for part in chunks(ids):
        described = _described(unit, part)
        for row in unit.session.execute(_items(unit, part)).mappings():
            found[row["id"]] = _item(row, described.get(row["id"], ()))
        for row in unit.session.execute(_containers(unit, part)).mappings():
            found[row["id"]] = _container(row)
    return found


def _items(unit: UnitOfWork, ids: list[str]) -> Any:
    columns: tuple[Any, ...] = (
        Item.id,
        Item.kind,
        Item.container_id,
        Item.language,
        Item.row_version.label("version"),
        Item.title,
        Item.html,
        Item.data,
        Item.state,
        Item.published,
        Container.language.label("course_language"),
    )
    return (
        select(*columns)
        .join(
            Container,
            (Container.institution_id == Item.institution_id) & (Container.id == Item.container_id),
        )
        .where(Item.institution_id == unit.institution, Item.id.in_(ids), Item.state != "trashed")
    )


def _described(unit: UnitOfWork, ids: list[str]) -> dict[str, list[str]]:
    """What plugins say of items."""
    found: dict[str, list[str]] = {}
    rows = unit.session.execute(
        select(ItemText.item_id, ItemText.text)
        .where(ItemText.institution_id == unit.institution, ItemText.item_id.in_(ids))
        .order_by(ItemText.item_id, ItemText.plugin_id, ItemText.key)
    )
    for item, text in rows:
        found.setdefault(item, []).append(text)
    return found


def _containers(unit: UnitOfWork, ids: list[str]) -> Any:
    columns: tuple[Any, ...] = (
        Container.id,
        Container.kind,
        Container.language,
        Container.row_version.label("version"),
        Container.title,
        Container.code,
        Container.summary_html,
        Container.state,
        Container.published,
    )
    return select(*columns).where(
        Container.institution_id == unit.institution,
        Container.id.in_(ids),
        Container.state != "trashed",
    )


def _item(row: Any, described: Sequence[str]) -> dict[str, Any]:
    own = _joined([text_of_html(row["html"]), *_of_data(row["kind"], row["data"])])
    beside = _joined(described)[:DESCRIBED_LENGTH]
    return {
        "id": row["id"],
        "kind": row["kind"],
        "container_id": row["container_id"],
        "language": row["language"] or row["course_language"],
        "version": row["version"],
        "title": row["title"],
        "own": len(own),
        "text": f"{own}\n{beside}" if beside else own,
        "published": row["published"] and row["state"] == "active",
    }


def _container(row: Any) -> dict[str, Any]:
    text = _joined([row["code"] or "", text_of_html(row["summary_html"])])
    return {
        "id": row["id"],
        "kind": row["kind"],
        "container_id": row["id"],
        "language": row["language"],
        "version": row["version"],
        "title": row["title"],
        "own": len(text),
        "text": text,
        "published": row["published"] and row["state"] == "active",
    }


def _of_data(kind: str, data: Mapping[str, Any]) -> Iterable[str]:
    """What only some kinds have: names of files, and questions as learners see them."""
    if kind == "file":
        yield str(data.get("name") or "")
    elif kind == "quiz":
        for question in (learner_view(kind, dict(data)) or {}).get("questions", ()):
            yield str(question.get("title") or "")
            yield text_of_html(question["html"])
            yield from (text_of_html(choice["html"]) for choice in question["choices"])


def _joined(parts: Iterable[str]) -> str:
    return "\n".join(part for part in parts if part).replace("\x00", "")[:TEXT_LENGTH]
