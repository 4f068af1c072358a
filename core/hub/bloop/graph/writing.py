"""One version of the graph in the making: rows are put and taken, and the log tells of each.

Whoever writes holds the institution's :class:`GraphState`, so that writes of one graph stand in a
row: what was checked about cycles still holds when it is committed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

from sqlalchemy import Table, bindparam, delete, insert, or_, select, tuple_, update

from bloop.graph.models import (
    Concept,
    ConceptEdge,
    ConceptName,
    Coverage,
    GraphChange,
    GraphState,
    GraphVersion,
    Standing,
)
from bloop.graph.names import check_texts, keepable
from bloop.store.errors import ConflictError
from bloop.store.ids import new_id
from bloop.store.inserting import INSERT
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork, actor_of

Key = tuple[str, ...]
Values = dict[str, Any]

CONCEPT: Any = Concept.__table__
NAME: Any = ConceptName.__table__
EDGE: Any = ConceptEdge.__table__
COVERAGE: Any = Coverage.__table__
Change = tuple[Table, Key, Values | None, Values | None]
"""A row of a table by its key, before and after."""
SUBJECTS: dict[str, Table] = {one.name: one for one in (CONCEPT, NAME, EDGE, COVERAGE)}
CHANGED = "learning.graph_changed"
AT_ONCE = 200
"""So many rows are asked for in one statement: each may take four parameters."""
_UNLOGGED = frozenset({"institution_id", "created_at", "updated_at", "row_version"})


@cache
def key_columns(table: Table) -> tuple[Any, ...]:
    """What names a row within its institution."""
    return tuple(one for one in table.primary_key.columns if one.name != "institution_id")


@cache
def logged_columns(table: Table) -> tuple[Any, ...]:
    """What the log keeps of a row."""
    return tuple(one for one in table.columns if one.name not in _UNLOGGED)


def key_text(key: Key) -> str:
    """A key as the log has it."""
    return json.dumps(key, ensure_ascii=False)


class Writing:
    """Rows of one write; nothing is written where nothing changed.

    >>> writing = Writing(unit, "link")
    >>> writing.put(EDGE, (target, kind, source), {"weight": 1.0})
    >>> writing.finish()

    Much to write is made ready in a unit that only reads, without ``hold``, and written in parts,
    so that others can write meanwhile: :meth:`finish_part`.
    """

    def __init__(
        self, unit: UnitOfWork, act: str, *, undoes: int | None = None, hold: bool = True
    ) -> None:
        self._unit = unit
        self._act = act
        self._undoes = undoes
        self._rows: dict[tuple[str, Key], Values | None] = {}
        self._before: dict[tuple[str, Key], Values | None] = {}
        self._leaving: dict[str, set[Key]] = defaultdict(set)
        self.version = (self._hold() if hold else self._now()) + 1

    def _hold(self) -> int:
        """Wait for whoever else writes this graph, and keep others waiting until the commit."""
        state: Any = GraphState.__table__
        of = {"institution_id": self._unit.institution}
        make = INSERT[self._unit.dialect]
        self._unit.connection.execute(make(state).values(version=0, **of).on_conflict_do_nothing())
        held = (
            select(state.c.version)
            .where(state.c.institution_id == self._unit.institution)
            .with_for_update()
        )
        return int(self._unit.connection.execute(held).scalar_one())

    def _now(self) -> int:
        """The graph's version, which others may write meanwhile."""
        version = select(GraphState.version).where(
            GraphState.institution_id == self._unit.institution
        )
        return self._unit.connection.scalar(version) or 0

    def in_parts(self, most: int) -> list[list[Change]]:
        """What was made ready without ``hold``, for :meth:`finish_part`.

        What goes comes first and edges last, so that no version between has what the last one has
        not. A concept's names are in its own part, which is longer for that: by them it is found.
        """
        parts: list[list[Change]] = []
        for row in sorted(self.changed(), key=_turn):
            if not parts or (len(parts[-1]) >= most and row[0] is not NAME):
                parts.append([])
            parts[-1].append(row)
        return parts

    def finish_part(self, unit: UnitOfWork, rows: Sequence[Change]) -> bool:
        """Write a part as one version; False, and nothing, where somebody else wrote since."""
        self._unit = unit
        if self._hold() + 1 != self.version:
            return False
        self._commit(rows)
        self.version += 1
        return True

    def new_concept(self) -> str:
        """An id for a concept that is not there yet, which need not be asked for."""
        id_ = new_id()
        self._rows[CONCEPT.name, (id_,)] = None
        return id_

    # -- reading

    def load(self, table: Table, condition: Any) -> list[Key]:
        """Have the rows that meet a condition at hand; their keys, in order."""
        keys = key_columns(table)
        found = self._unit.connection.execute(
            select(*logged_columns(table))
            .where(table.c.institution_id == self._unit.institution, condition)
            .order_by(*keys)
        )
        loaded: list[Key] = []
        for row in found.mappings():
            key = tuple(row[one.name] for one in keys)
            if self._rows.get((table.name, key)) is None and (table.name, key) not in self._before:
                self._set(table, key, dict(row))
            loaded.append(key)
        return loaded

    def _set(self, table: Table, key: Key, row: Values | None) -> None:
        self._rows[table.name, key] = row
        if table is EDGE:
            self._leaving[key[2]].add(key)

    def edges_leaving(self, concepts: Iterable[str], kind: str) -> list[tuple[Key, Values]]:
        """The edges of a kind that some concepts are the source of, and that hold so far."""
        found = [
            (key, row)
            for one in sorted(concepts)
            for key in sorted(self._leaving.get(one, ()))
            if key[1] == kind and (row := self._rows[EDGE.name, key]) is not None
        ]
        return [(key, row) for key, row in found if _holds(row)]

    def fetch(self, table: Table, keys: Iterable[Key]) -> None:
        """Have the rows with these keys at hand, in few statements."""
        wanted = [key for key in dict.fromkeys(keys) if (table.name, key) not in self._rows]
        columns = key_columns(table)
        for key in wanted:
            if any(keepable(part) != part for part in key):
                self._rows[table.name, key] = None  # No database has it, or can be asked for it.
        wanted = [key for key in wanted if (table.name, key) not in self._rows]
        for some in batches(wanted, AT_ONCE):
            condition = columns[0].in_(sorted({key[0] for key in some}))
            if len(columns) > 1:  # Of tuples alone SQLite would make a scan of the whole table.
                condition &= tuple_(*columns).in_(some)
            self.load(table, condition)
            for key in some:
                self._rows.setdefault((table.name, key), None)

    def load_touching(self, concepts: Iterable[str]) -> list[tuple[Table, Key]]:
        """Have the edges of some concepts and what covers them at hand; their tables and keys."""
        found: dict[tuple[Table, Key], None] = {}
        for some in batches(sorted(concepts), AT_ONCE):
            touched = or_(EDGE.c.source_id.in_(some), EDGE.c.target_id.in_(some))
            found |= dict.fromkeys((EDGE, key) for key in self.load(EDGE, touched))
            covered = self.load(COVERAGE, COVERAGE.c.concept_id.in_(some))
            found |= dict.fromkeys((COVERAGE, key) for key in covered)
        return list(found)

    def row(self, table: Table, key: Key) -> Values | None:
        """A row as this write has it so far."""
        if (table.name, key) not in self._rows:
            self.fetch(table, [key])
        return self._rows[table.name, key]

    # -- writing

    def put(self, table: Table, key: Key, values: Mapping[str, Any]) -> bool:
        """Make or change a row; whether anything about it is another thing now."""
        now = self.row(table, key)
        names = (one.name for one in key_columns(table))
        made = {**(now or self._defaults(table)), **values, **dict(zip(names, key, strict=True))}
        if made == now:
            return False
        for name, one in made.items():
            if one is not None and (now is None or one != now[name]):
                check_texts(one, name)
        self._keep(table, key, now)
        self._set(table, key, made)
        return True

    def take(self, table: Table, key: Key) -> bool:
        """Take a row away; whether there was one."""
        now = self.row(table, key)
        if now is None:
            return False
        self._keep(table, key, now)
        self._rows[table.name, key] = None
        return True

    def _keep(self, table: Table, key: Key, now: Values | None) -> None:
        self._before.setdefault((table.name, key), now)

    @staticmethod
    def _defaults(table: Table) -> Values:
        found: Values = {}
        for column in logged_columns(table):
            default: Any = column.default
            if default is None:
                found[column.name] = None
            else:
                found[column.name] = default.arg(None) if default.is_callable else default.arg
        return found

    def changed(self) -> Iterator[Change]:
        """What is to be written: each row before and after."""
        for (name, key), before in self._before.items():
            after = self._rows[name, key]
            if after != before:
                yield SUBJECTS[name], key, before, after

    def finish(self) -> int:
        """Write it; the graph's version, which is the old one where nothing changed."""
        rows = list(self.changed())
        if not rows:
            return self.version - 1
        self._commit(rows)
        return self.version

    def _commit(self, rows: Sequence[Change]) -> None:
        self._check_ends(rows)
        self._check_gone(rows)
        # The others refer to concepts: those are made first, and taken away last.
        for table in reversed(SUBJECTS.values()):
            self._delete(table, [one[1] for one in rows if one[0] is table and one[3] is None])
        for table in SUBJECTS.values():
            self._write(table, [one[1:] for one in rows if one[0] is table])
        self._count_names(rows)
        self._log(rows)

    def _check_ends(self, rows: Iterable[Change]) -> None:
        """Raise ConflictError for an edge that would hold while one of its concepts does not."""
        edges = [key for table, key, _, after in rows if table is EDGE and _holds(after)]
        self.fetch(CONCEPT, [(end,) for key in edges for end in (key[0], key[2])])
        for key in edges:
            for end in (key[0], key[2]):
                if not _holds(row := self._rows[CONCEPT.name, (end,)]):
                    raise ConflictError(
                        f"the concept {row['name'] if row else end} is not there any more",
                        cure="bring it back first, by adding it under its name",
                    )

    def _check_gone(self, rows: Iterable[Change]) -> None:
        """Raise ConflictError for a concept that would go while an edge or content holds to it."""
        gone = {
            key[0]: before["name"]
            for table, key, before, after in rows
            if table is CONCEPT and before and not _holds(after)
        }
        for table, key in self.load_touching(gone):
            if _holds(self._rows[table.name, key]):
                ends = (key[0], key[2]) if table is EDGE else (key[1],)
                name = next(gone[end] for end in ends if end in gone)
                raise ConflictError(
                    f"something refers to the concept {name} by now",
                    cure="remove the concept, or undo what was said of it since first",
                )

    def _delete(self, table: Table, keys: Sequence[Key]) -> None:
        if keys:
            self._unit.connection.execute(
                delete(table).where(*self._this(table)), [_bound(key) for key in keys]
            )

    def _this(self, table: Table) -> list[Any]:
        """The condition of a row whose key is bound as :func:`_bound` gives it."""
        return [
            table.c.institution_id == self._unit.institution,
            *(one == bindparam(f"key_{at}") for at, one in enumerate(key_columns(table))),
        ]

    def _write(
        self, table: Table, rows: Sequence[tuple[Key, Values | None, Values | None]]
    ) -> None:
        own = {"institution_id": self._unit.institution}
        connection = self._unit.connection
        stamp = {"updated_at": utcnow()} if "updated_at" in table.c else {}
        if new := [own | after for _, before, after in rows if before is None and after]:
            connection.execute(insert(table), new)
        alike: dict[tuple[str, ...], list[Values]] = defaultdict(list)
        for key, before, after in rows:
            if before is not None and after is not None:
                names = tuple(name for name, one in after.items() if one != before[name])
                alike[names].append(_bound(key) | {f"new_{name}": after[name] for name in names})
        counted = {"row_version": table.c.row_version + 1} if "row_version" in table.c else {}
        for names, values in alike.items():
            new_ones = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
            connection.execute(
                update(table).where(*self._this(table)).values({**new_ones, **stamp, **counted}),
                values,
            )

    def _count_names(self, rows: Iterable[Change]) -> None:
        """Other names make another version of a concept too, for who changes it meanwhile."""
        named, counted = set[str](), set[str]()
        for table, key, before, after in rows:
            if table is NAME:
                named |= {one["concept_id"] for one in (before, after) if one}
            elif table is CONCEPT:
                counted.add(key[0])
        for some in batches(sorted(named - counted), AT_ONCE):
            self._unit.connection.execute(
                update(CONCEPT)
                .where(CONCEPT.c.institution_id == self._unit.institution, CONCEPT.c.id.in_(some))
                .values(row_version=CONCEPT.c.row_version + 1)
            )

    def _log(self, rows: Sequence[Change]) -> None:
        own = {"institution_id": self._unit.institution, "version": self.version}
        connection = self._unit.connection
        connection.execute(
            insert(GraphChange),
            [
                own
                | {
                    "position": position,
                    "subject": table.name,
                    "key": key_text(key),
                    "before": before,
                    "after": after,
                }
                for position, (table, key, before, after) in enumerate(rows)
            ],
        )
        made = {
            "actor": actor_of(self._unit.call),
            "act": self._act,
            "undoes": self._undoes,
            "changed": len(rows),
        }
        connection.execute(insert(GraphVersion).values(**own, **made))
        state: Any = GraphState.__table__
        connection.execute(
            update(state)
            .where(state.c.institution_id == self._unit.institution)
            .values(version=self.version)
        )
        told = {"version": self.version, "act": self._act, "changed": len(rows)}
        self._unit.outbox.append(CHANGED, f"graph:{self._unit.institution}", told)
        self._unit.audit.append(f"graph:{self._act}", f"graph:{self.version}", told)


def _holds(row: Values | None) -> bool:
    return row is not None and row["standing"] != Standing.REJECTED


def _turn(change: Change) -> int:
    table, _, _, after = change
    goes = after is None if table is NAME else not _holds(after)
    return 0 if goes else 1 if table in (CONCEPT, NAME) else 2


def _bound(key: Key) -> Values:
    return {f"key_{at}": part for at, part in enumerate(key)}


def batches(keys: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The same in lists of at most ``size``."""
    rest = iter(keys)
    while some := list(islice(rest, size)):
        yield some
