"""A tiny provider whose course a test can change, and what the tests compare databases with."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import inspect, select, update

from bloop.content.models import (
    CalendarEvent,
    Completion,
    Container,
    Enrolment,
    Item,
    Node,
    Outcome,
    Person,
    Section,
    Submission,
    Version,
)
from bloop.content.sync_models import Quarantine, SyncCursor, SyncRun, SyncSeen
from bloop.kernel.models import Connection
from bloop.store.database import Database
from bloop.store.models import Blob, OutboxEvent
from bloop_sdk import Batch, Call, CheckResult, Cursor, Deletes, Kind, ProviderSpec, Ref, Stream
from bloop_sdk import records as r

TREE_KINDS = frozenset({Kind.MODULE, *r.ITEM_KINDS})


def course(remote_id: str = "c1", **values: Any) -> r.Container:
    title = values.pop("title", "Acids and bases")
    return r.Container(
        remote_id=remote_id, title=title, raw={"id": remote_id, "t": title}, **values
    )


def page(number: int | str, html: str = "<p>text</p>", **values: Any) -> r.Page:
    remote_id, title = f"p{number}", values.pop("title", f"Page {number}")
    raw = values.pop("raw", {"id": remote_id, "title": title, "html": html})
    container = values.pop("container", "c1")
    return r.Page(
        remote_id=remote_id, container=container, title=title, html=html, raw=raw, **values
    )


def module(number: int | str, parent: str | None = None, **values: Any) -> r.Node:
    remote_id = f"m{number}"
    position = values.pop("position", 1)
    title = values.pop("title", f"Module {number}")
    container = values.pop("container", "c1")
    return r.Node(
        remote_id=remote_id,
        container=container,
        parent=parent,
        position=position,
        title=title,
        raw={"id": remote_id},
        **values,
    )


def leaf(content: r.Content, parent: str | None, position: int = 1) -> r.Node:
    return r.Node(
        remote_id=f"n-{content.remote_id}",
        container=content.container,
        parent=parent,
        position=position,
        title=content.title,
        content=content.ref,
        raw={"id": content.remote_id},
    )


def file(name: str, data: bytes = b"bytes", **values: Any) -> r.File:
    async def chunks() -> AsyncIterator[bytes]:
        yield data

    return r.File(
        remote_id=name,
        container="c1",
        title=name,
        name=name,
        raw={"name": name, "crc": hash(data)},
        **{"chunks": chunks, **values},
    )


@dataclass
class Course:
    """A provider of one stream of containers and one, partitioned, of what is in them."""

    containers: list[r.Record] = field(default_factory=lambda: [course()])
    contents: list[r.Record] = field(default_factory=list)
    skipped: tuple[r.Skipped, ...] = ()
    deleted: tuple[Ref, ...] = ()
    batch_size: int = 2
    deletes: Deletes = Deletes.ENUMERATE
    fail: Callable[[str, int], None] = lambda _stream, _start: None
    reads: list[tuple[str, int]] = field(default_factory=list)

    def spec(self) -> ProviderSpec:
        kinds = frozenset({Kind.COURSE, Kind.PERSON})
        return ProviderSpec(
            streams=(
                Stream(name="courses", kinds=kinds, deletes=self.deletes),
                Stream(
                    name="tree",
                    kinds=TREE_KINDS | {Kind.ENROLMENT, Kind.OUTCOME},
                    deletes=self.deletes,
                    partitioned=True,
                ),
            )
        )

    async def check(self) -> CheckResult:
        return CheckResult(account="me")

    async def discover(self) -> Sequence[r.Container]:
        return [one for one in self.containers if isinstance(one, r.Container)]

    async def read(self, partition: Any, state: Cursor | None) -> AsyncIterator[Batch]:
        if partition.stream == "courses":
            records: Sequence[r.Record] = self.containers
        else:
            records = [
                one
                for one in self.contents
                if getattr(one, "container", None) in {partition.container, None}
            ]
        start = state.value["next"] if state else 0
        while start == 0 or start < len(records):
            self.reads.append((partition.stream, start))
            self.fail(partition.stream, start)
            part = tuple(records[start : start + self.batch_size])
            first = start == 0 and partition.stream == "tree"
            start = min(start + self.batch_size, len(records))
            yield Batch(
                records=part,
                skipped=self.skipped if first else (),
                deleted=self.deleted if first else (),
                cursor=Cursor({"next": start}),
                done=start,
                total=len(records),
            )
            if not records:
                return

    async def fetch(self, refs: Any) -> Batch:
        raise NotImplementedError

    async def write(self, op: Any, precondition: Any) -> Any:
        raise NotImplementedError

    def verify_webhook(self, request: Any) -> Any:
        raise NotImplementedError


def changed(record: Any, **values: Any) -> Any:
    """A record at another version: what differs shows in ``raw``."""
    return replace(record, raw={**record.raw, **{k: str(v) for k, v in values.items()}}, **values)


def connect(database: Database, call: Call, key: str = "site") -> str:
    with database.unit(call) as unit:
        made = Connection(
            institution_id=call.institution,
            plugin_id="tiny",
            capability="lms",
            key=key,
            name="Tiny",
        )
        unit.session.add(made)
        unit.session.flush()
        return made.id


def open_to_everybody(database: Database, call: Call) -> None:
    """What a live connection brings is for the enrolled alone, until somebody says otherwise."""
    with database.unit(call) as unit:
        every = update(Container).where(Container.institution_id == call.institution)
        unit.session.execute(every.values(audience="open"))


def rows(database: Database, call: Call, model: type[Any], *conditions: Any) -> list[Any]:
    with database.unit(call) as unit:
        key = inspect(model).primary_key
        found = list(unit.session.scalars(select(model).where(*conditions).order_by(*key)))
        unit.session.expunge_all()
    return found


TABLES = (
    Container,
    Person,
    Section,
    Item,
    Node,
    Enrolment,
    Outcome,
    Submission,
    Completion,
    CalendarEvent,
    Quarantine,
    Version,
)
_VARYING = {"institution_id", "connection_id", "run_id", "actor", "id", "tree_version", "bucket"}


def dump(database: Database, call: Call) -> dict[str, list[str]]:
    """Everything of content and sync, with ids named for what they stand for, and no times."""
    held = rows(database, call, Connection)
    names: dict[str, str] = {row.id: f"<connection:{row.key}>" for row in held}
    tables: dict[str, list[Any]] = {}
    for model in (*TABLES, SyncCursor, SyncRun, SyncSeen, Blob, OutboxEvent):
        tables[model.__tablename__] = rows(database, call, model)
        for row in tables[model.__tablename__]:
            if hasattr(row, "remote_id") and hasattr(row, "id"):
                names[row.id] = f"<{model.__tablename__}:{row.remote_id}>"
    return {name: sorted(_line(row, names) for row in found) for name, found in tables.items()}


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


def _line(row: Any, names: dict[str, str]) -> str:
    columns = inspect(type(row)).columns
    skip = {*_VARYING, "seq", "epoch", "seconds", "trace"}
    values = {
        column.key: getattr(row, column.key)
        for column in columns
        if column.key not in skip and not column.key.endswith("_at") and column.key != "at"
    }
    text = repr(sorted(values.items(), key=lambda pair: pair[0]))
    for id_, name in names.items():
        text = text.replace(id_, name)
    return _MOMENT.sub("<time>", text)
