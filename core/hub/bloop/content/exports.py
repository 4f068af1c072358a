"""A container as exporters read it, straight from the database, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, BinaryIO

import orjson

from bloop.content.codec import record_of
from bloop.content.queries import CONTAINER, EXPORTED_ITEMS, EXPORTED_NODES
from bloop.store.blobs import Blobs
from bloop.store.database import Database
from bloop.store.errors import NotFoundError
from bloop.store.statements import Statement
from bloop_sdk import Call, MissingRecordError, Ref
from bloop_sdk.records import Container, Content, File, Kind, Node

PAGE = 200


class HubExportSource:
    """Implements :class:`bloop_sdk.ExportSource`; use it in a thread.

    Raises :class:`NotFoundError` for a container that is not there.
    """

    def __init__(self, database: Database, blobs: Blobs, call: Call, container_id: str) -> None:
        self._database = database
        self._blobs = blobs
        self._call = call
        self._id = container_id
        self._held: dict[str, str] = {}
        row = database.read_now(CONTAINER, call, id=container_id)
        if not row or row[0][CONTAINER.columns.index("state")] == "trashed":
            raise NotFoundError(f"no container {container_id}")
        self._row = CONTAINER.as_dict(row[0])

    @property
    def container(self) -> Container:
        """The course or notebook; its remote id is its id here."""
        row = self._row
        return Container(
            remote_id=self._id,
            kind=Kind(row["kind"]),
            title=row["title"],
            code=row["code"],
            summary_html=row["summary_html"],
            language=row["language"],
            starts_at=_moment(row["starts_at"]),
            ends_at=_moment(row["ends_at"]),
        )

    def nodes(self) -> Iterable[Node]:
        """The tree, parents first, siblings in order; positions count from 0."""
        children: dict[str | None, list[dict[str, Any]]] = {}
        names: dict[str, str] = {}
        for row in self._rows(EXPORTED_NODES):
            children.setdefault(row["parent_id"], []).append(row)
            names[row["id"]] = row["remote_id"]
        stack = list(reversed(list(enumerate(children.get(None, [])))))
        while stack:
            position, row = stack.pop()
            yield self._node(row, position, names)
            below = children.get(row["id"], [])
            stack.extend(reversed(list(enumerate(below))))

    def _node(self, row: dict[str, Any], position: int, names: dict[str, str]) -> Node:
        shown = None
        if row["item_kind"] and row["item_remote_id"]:
            shown = Ref(Kind(row["item_kind"]), row["item_remote_id"])
        return Node(
            remote_id=row["remote_id"],
            container=self._id,
            parent=names.get(row["parent_id"]),
            position=position,
            title=row["title"],
            content=shown,
            published=row["published"],
        )

    def contents(self) -> Iterable[Content]:
        """Everything of the container, also what hangs at no node."""
        after = ""
        while True:
            rows = list(self._rows(EXPORTED_ITEMS, after=after, limit=PAGE))
            for row in rows:
                if row["blob"]:
                    self._held[row["remote_id"]] = row["blob"]
                for name in ("data", "lost"):
                    row[name] = orjson.loads(orjson.dumps(row[name]))
                yield record_of(row["kind"], row, self._id)
            if len(rows) < PAGE:
                return
            after = rows[-1]["id"]

    def open(self, file: File) -> BinaryIO:
        """The bytes of a file; raises MissingRecordError where the hub holds none."""
        sha256 = self._held.get(file.remote_id)
        if sha256 is None:
            raise MissingRecordError(f"the hub holds no bytes of {file.name!r}", ref=str(file.ref))
        try:
            return self._blobs.open(sha256)
        except NotFoundError as err:
            raise MissingRecordError(
                f"the bytes of {file.name!r} are gone", ref=str(file.ref)
            ) from err

    def _rows(self, statement: Statement, **values: Any) -> Iterator[dict[str, Any]]:
        found = self._database.read_now(statement, self._call, container=self._id, **values)
        return (statement.as_dict(row) for row in found)


def _moment(value: Any) -> datetime | None:
    """A time as either database hands it out."""
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value)
