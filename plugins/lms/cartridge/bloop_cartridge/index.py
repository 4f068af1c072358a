"""What a manifest says, in a temporary database: memory does not grow with the cartridge.

SQLite keeps a database without a name in a file of its own that is gone when it is closed, and
holds at most ``cache_size`` of it in memory.
"""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bloop_sdk.records import JSONObject, Kind

_SCHEMA = """
CREATE TABLE resource(
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, path TEXT,
    kind TEXT, owner TEXT, facts TEXT NOT NULL, inline BLOB);
CREATE INDEX resource_path ON resource(path);
CREATE INDEX resource_owner ON resource(owner) WHERE owner IS NOT NULL;
CREATE TABLE file(
    resource INTEGER NOT NULL, path TEXT NOT NULL, found INTEGER NOT NULL,
    PRIMARY KEY(resource, path)) WITHOUT ROWID;
CREATE INDEX file_path ON file(path);
CREATE TABLE dependency(resource TEXT NOT NULL, target TEXT NOT NULL);
CREATE INDEX dependency_resource ON dependency(resource);
CREATE TABLE item(
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, parent INTEGER, depth INTEGER NOT NULL,
    title TEXT NOT NULL, ref TEXT, visible INTEGER NOT NULL, children INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX item_id ON item(id);
CREATE INDEX item_ref ON item(ref);
CREATE TABLE node(item INTEGER PRIMARY KEY, parent TEXT, position INTEGER NOT NULL);
CREATE TABLE extra(path TEXT PRIMARY KEY, resource INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE canvas(
    kind TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY(kind, id)) WITHOUT ROWID;
CREATE TABLE problem(
    seq INTEGER PRIMARY KEY, ref TEXT NOT NULL, reason TEXT NOT NULL, code TEXT NOT NULL);
CREATE TABLE step(seq INTEGER PRIMARY KEY, what TEXT NOT NULL, key TEXT NOT NULL, data TEXT);
CREATE INDEX step_key ON step(what, key);
"""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the manifest.

    ``path`` is its main file as the zip spells it, None where it is missing. ``owner`` is the
    resource that this one belongs to as settings or as a fallback; such a one is no content.
    ``inline`` is XML that stands in the manifest itself, as the thin variant allows.
    """

    seq: int
    id: str
    type: str
    path: str | None
    kind: Kind | None = None
    owner: str | None = None
    facts: JSONObject = field(default_factory=dict)
    inline: bytes | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the organisation; ``depth`` 0 hangs directly at it."""

    seq: int
    id: str
    parent: int | None
    depth: int
    title: str
    ref: str | None
    visible: bool
    children: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One record to make, in the order in which the provider yields them."""

    seq: int
    what: str
    key: str
    data: str | None


_RESOURCE = "seq, id, type, path, kind, owner, facts, inline"
_ITEM = "seq, id, parent, depth, title, ref, visible, children"


class Index:
    """The temporary database and every question that is asked of it."""

    def __init__(self) -> None:
        self.db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._finalizer = weakref.finalize(self, self.db.close)
        # A process may end while a thread still reads: SQLite crashes where it is closed then.
        self._finalizer.atexit = False
        self.db.executescript("PRAGMA cache_size=-1024; PRAGMA journal_mode=OFF;" + _SCHEMA)
        self.db.execute("BEGIN")

    def close(self) -> None:
        """Drop the database."""
        self._finalizer()

    def add_resource(self, resource: Resource) -> bool:
        """Keep a resource; False where its identifier is taken."""
        added = self.db.execute(
            f"INSERT OR IGNORE INTO resource({_RESOURCE}) VALUES (?, ?, ?, ?, NULL, NULL, ?, ?)",  # noqa: S608 - a constant
            (
                resource.seq,
                resource.id,
                resource.type,
                resource.path,
                json.dumps(resource.facts),
                resource.inline,
            ),
        )
        return added.rowcount == 1

    def add_item(self, item: Item) -> bool:
        """Keep an item; False where its identifier is taken."""
        added = self.db.execute(
            f"INSERT OR IGNORE INTO item({_ITEM}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
            (
                item.seq,
                item.id,
                item.parent,
                item.depth,
                item.title,
                item.ref,
                item.visible,
                item.children,
            ),
        )
        return added.rowcount == 1

    def add_file(self, resource: int, path: str, *, found: bool) -> None:
        """Keep a file of a resource."""
        self.db.execute("INSERT OR IGNORE INTO file VALUES (?, ?, ?)", (resource, path, found))

    def add_dependency(self, resource: str, target: str) -> None:
        """Keep that a resource names another one."""
        self.db.execute("INSERT INTO dependency VALUES (?, ?)", (resource, target))

    def add_step(self, what: str, key: str, data: str | None = None) -> None:
        """Append to the plan."""
        self.db.execute("INSERT INTO step(what, key, data) VALUES (?, ?, ?)", (what, key, data))

    def add_problem(self, ref: str, reason: str, code: str = "record_missing") -> None:
        """Keep something that cannot be used, for the report."""
        self.db.execute(
            "INSERT INTO problem(ref, reason, code) VALUES (?, ?, ?)", (ref, reason, code)
        )

    def resources(self) -> Iterator[Resource]:
        """All resources in the manifest's order; they may be changed while they are walked."""
        return map(_resource, self._walk(_RESOURCE, "resource"))

    def linked_resources(self) -> Iterator[Resource]:
        """The resources that depend on others or have variants, as :meth:`resources`."""
        where = "id IN (SELECT resource FROM dependency) OR instr(facts, '\"variant\"')"
        return map(_resource, self._walk(_RESOURCE, "resource", where))

    def resource(self, identifier: str) -> Resource | None:
        """The resource of an identifier."""
        row = self.db.execute(
            f"SELECT {_RESOURCE} FROM resource WHERE id = ?",  # noqa: S608 - a constant
            (identifier,),
        ).fetchone()
        return _resource(row) if row else None

    def banks(self, suffix: str, most: int) -> list[Resource]:
        """Question banks: by their type, or by how Canvas names their files."""
        rows = self.db.execute(
            f"SELECT {_RESOURCE} FROM resource WHERE owner IS NULL AND path IS NOT NULL AND"  # noqa: S608 - a constant
            " (instr(type, 'question-bank') OR substr(path, -length(?)) = ?) ORDER BY seq LIMIT ?",
            (suffix, suffix, most),
        )
        return [_resource(row) for row in rows]

    def next_resource(self) -> int:
        """A sequence number past those of all resources."""
        return int(self.db.execute("SELECT coalesce(max(seq), 0) + 1 FROM resource").fetchone()[0])

    def items_of_nothing(self) -> Iterator[Item]:
        """The items that refer to a resource which the manifest does not hold."""
        where = "ref IS NOT NULL AND ref NOT IN (SELECT id FROM resource)"
        return map(_item, self._walk(_ITEM, "item", where))

    def resources_at(self, path: str) -> list[Resource]:
        """The resources whose main file this is, in the manifest's order."""
        rows = self.db.execute(
            f"SELECT {_RESOURCE} FROM resource WHERE path = ? ORDER BY seq LIMIT 20",  # noqa: S608 - a constant
            (path,),
        )
        return [_resource(row) for row in rows]

    def holder(self, path: str) -> Resource | None:
        """The first resource that lists a file, one for learners before one that is not."""
        row = self.db.execute(
            "SELECT r.id FROM file f JOIN resource r ON r.seq = f.resource WHERE f.path = ?"
            " ORDER BY instr(r.facts, '\"hidden\": true') > 0, r.seq LIMIT 1",
            (path,),
        ).fetchone()
        return self.resource(row[0]) if row else None

    def items(self) -> Iterator[Item]:
        """All items in document order: parents first."""
        return map(_item, self._walk(_ITEM, "item"))

    def _walk(self, columns: str, table: str, where: str = "TRUE") -> Iterator[Any]:
        """The rows of a table by their sequence, some hundred at a time."""
        last = 0
        query = f"SELECT {columns} FROM {table} WHERE seq > ? AND ({where}) ORDER BY seq LIMIT 500"  # noqa: S608 - constants
        while rows := self.db.execute(query, (last,)).fetchall():
            yield from rows
            last = rows[-1][0]

    def item(self, identifier: str) -> Item | None:
        """The item of an identifier."""
        row = self.db.execute(f"SELECT {_ITEM} FROM item WHERE id = ?", (identifier,)).fetchone()  # noqa: S608 - a constant
        return _item(row) if row else None

    def first_item_of(self, resource: str) -> Item | None:
        """The first item that shows a resource."""
        row = self.db.execute(
            f"SELECT {_ITEM} FROM item WHERE ref = ? ORDER BY seq LIMIT 1",  # noqa: S608 - a constant
            (resource,),
        ).fetchone()
        return _item(row) if row else None

    def place_of(self, item: int) -> tuple[str | None, int]:
        """An item's parent node and its position among its siblings."""
        row = self.db.execute(
            "SELECT parent, position FROM node WHERE item = ?", (item,)
        ).fetchone()
        return row[0], row[1]

    def files(self, resource: int) -> list[tuple[str, bool]]:
        """The files of a resource, each with whether the zip holds it."""
        rows = self.db.execute("SELECT path, found FROM file WHERE resource = ?", (resource,))
        return [(path, bool(found)) for path, found in rows]

    def dependencies(self, resource: str) -> list[str]:
        """The identifiers that a resource depends on."""
        rows = self.db.execute(
            "SELECT target FROM dependency WHERE resource = ? LIMIT 1000", (resource,)
        )
        return [row[0] for row in rows]

    def owned_by(self, resource: str) -> list[str]:
        """The identifiers of the resources that belong to one."""
        rows = self.db.execute("SELECT id FROM resource WHERE owner = ? ORDER BY seq", (resource,))
        return [row[0] for row in rows]

    def nested_dependencies(self) -> list[tuple[str, str]]:
        """The dependencies on resources that have dependencies of their own."""
        return self.db.execute(
            "SELECT DISTINCT resource, target FROM dependency WHERE target IN"
            " (SELECT resource FROM dependency) ORDER BY rowid"
        ).fetchall()

    def listed(self, path: str) -> bool:
        """Whether some resource lists a file."""
        row = self.db.execute("SELECT 1 FROM file WHERE path = ? LIMIT 1", (path,)).fetchone()
        return row is not None

    def settings(self) -> list[Resource]:
        """The resources that hold Canvas's settings, and nothing to show."""
        rows = self.db.execute(
            f"SELECT {_RESOURCE} FROM resource WHERE kind IS NULL ORDER BY seq LIMIT 100"  # noqa: S608 - a constant
        )
        return [_resource(row) for row in rows]

    def has_extra(self, path: str) -> bool:
        """Whether a file is content by its path."""
        row = self.db.execute("SELECT 1 FROM extra WHERE path = ?", (path,)).fetchone()
        return row is not None

    def canvas(self, kind: str, identifier: str) -> JSONObject | None:
        """What Canvas's settings say about a thing."""
        row = self.db.execute(
            "SELECT data FROM canvas WHERE kind = ? AND id = ?", (kind, identifier)
        ).fetchone()
        return dict(json.loads(row[0])) if row else None

    def told_of(self, item: Item) -> JSONObject:
        """What Canvas's settings say about an item.

        Canvas names an external tool's item by what the manifest's item refers to.
        """
        return self.canvas("node", item.id) or self.canvas("node", item.ref or "") or {}

    def add_canvas(self, kind: str, identifier: str, data: JSONObject) -> None:
        """Keep what Canvas's settings say about a thing."""
        self.db.execute(
            "INSERT OR REPLACE INTO canvas VALUES (?, ?, ?)", (kind, identifier, json.dumps(data))
        )

    def steps(self, start: int, limit: int) -> list[Step]:
        """The plan from a position on; positions count from 0."""
        rows = self.db.execute(
            "SELECT seq, what, key, data FROM step WHERE seq > ? ORDER BY seq LIMIT ?",
            (start, limit),
        )
        return [Step(*row) for row in rows]

    def step_of(self, what: str, key: str) -> Step | None:
        """The step that makes one record."""
        row = self.db.execute(
            "SELECT seq, what, key, data FROM step WHERE what = ? AND key = ?", (what, key)
        ).fetchone()
        return Step(*row) if row else None

    def total(self) -> int:
        """How many steps the plan has."""
        return int(self.db.execute("SELECT count(*) FROM step").fetchone()[0])


def _resource(
    row: tuple[int, str, str, str | None, str | None, str | None, str, bytes | None],
) -> Resource:
    seq, identifier, type_, path, kind, owner, facts, inline = row
    return Resource(
        seq=seq,
        id=identifier,
        type=type_,
        path=path,
        kind=Kind(kind) if kind else None,
        owner=owner,
        facts=json.loads(facts),
        inline=inline,
    )


def _item(row: tuple[int, str, int | None, int, str, str | None, int, int]) -> Item:
    seq, identifier, parent, depth, title, ref, visible, children = row
    return Item(seq, identifier, parent, depth, title, ref, bool(visible), bool(children))
