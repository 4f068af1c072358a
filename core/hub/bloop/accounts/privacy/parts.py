"""Where a person's data is: found in the tables by their marks and foreign keys.

A table belongs to a person whose account its foreign keys lead to, or that one of its columns
marked ``person()`` names; what else a domain knows of people it adds itself (:class:`Part`). A test
holds every column marked ``personal()`` to be in a part, exported and erased, or excused.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    ForeignKeyConstraint,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    cast,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)

from bloop.accounts.models import User
from bloop.store.types import utcnow
from bloop_sdk import Role
from bloop_sdk._masking import is_private

ERASED_NAME = "Erased person"
"""What stands for the author where content keeps one."""

_users: Any = User.__table__


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose data: an account, and the mail address that other systems may know them by."""

    institution: str
    id: str
    email: str | None = None

    @property
    def name(self) -> str:
        """As lines and events name them."""
        return f"user:{self.id}"


class Fate(enum.StrEnum):
    """What erasure does with rows."""

    DELETED = "deleted"
    BLANKED = "blanked"
    KEPT = "kept"


Condition = Callable[[Subject], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one table that are about a person, and what becomes of them.

    Of rows that are blanked ``blank`` are the new values (``utcnow``: when it is done). ``also``
    narrows what is erased of those that are exported. ``reason`` says why some are not exported,
    or kept. By a ``late`` one others are found. ``bytes`` is the column that names the bytes of a
    row by their SHA-256, which an export holds as well. An ``eraser`` does it in another way: it
    gives how many rows it changed, or would where ``dry``.
    """

    table: Table
    of: Condition
    fate: Fate
    exported: bool = True
    reason: str = ""
    blank: Mapping[str, Any] = field(default_factory=dict)
    also: Callable[[], ColumnElement[bool]] | None = None
    late: bool = False
    bytes: Column[Any] | None = None
    eraser: Callable[[Connection, Subject, bool], int] | None = None

    @property
    def name(self) -> str:
        """Of its table."""
        return str(self.table.name)  # SQLAlchemy's is a kind of str that JSON does not take.

    def where(self, subject: Subject) -> ColumnElement[bool]:
        """The condition of its rows, in the person's institution."""
        return (self.table.c.institution_id == subject.institution) & self.of(subject)

    def erase(self, connection: Connection, subject: Subject, *, dry: bool) -> int:
        """Delete or blank; how many rows that is about. What is kept is 0."""
        if self.eraser is not None:
            return self.eraser(connection, subject, dry)
        if self.fate is Fate.KEPT:
            return 0
        condition = self.where(subject)
        if self.also is not None:
            condition &= self.also()
        if self.fate is Fate.BLANKED:
            changed = (_differs(self.table.c[name], new) for name, new in self._values().items())
            condition &= or_(*changed)
        if dry:
            counted = select(func.count()).select_from(self.table).where(condition)
            return connection.scalar(counted) or 0
        change: Any = (
            delete(self.table).where(condition)
            if self.fate is Fate.DELETED
            else update(self.table).where(condition).values(self._values())
        )
        return int(connection.execute(change).rowcount)

    def _values(self) -> dict[str, Any]:
        return {name: utcnow() if new is utcnow else new for name, new in self.blank.items()}


def parts_of(metadata: MetaData, added: Sequence[Part] = ()) -> list[Part]:
    """Every part, in an order in which they can be erased; ``added`` stand for their tables.

    Of several of one table only one is exported.
    """
    known: dict[str, list[Part]] = {}
    for part in added:
        known.setdefault(part.name, []).append(part)
    found: list[Part] = []
    for table in metadata.sorted_tables:
        found += known.get(table.name) or _introspected(table, found)
    # What refers to others goes before them.
    found.reverse()
    return sorted(found, key=lambda part: part.late)


def shown_columns(part: Part) -> list[Column[Any]]:
    """What an export holds of a row: no secrets, and no bytes."""
    return [column for column in part.table.columns if not is_secret(column)]


def is_secret(column: Column[Any]) -> bool:
    """Whether a column says nothing of who one is: a hash of a secret, a sealed value."""
    if isinstance(column.type, LargeBinary):
        return True
    return "personal" not in column.info and (
        is_private(column.name)
        or column.name in {"salt", "mac"}
        or column.name.rpartition("_")[2] == "hash"
    )


def blanks_of(table: Table) -> dict[str, Any]:
    """What the columns of a table that are marked as personal become."""
    return {column.name: _blank(column) for column in table.columns if "personal" in column.info}


def _introspected(table: Table, found: Sequence[Part]) -> Iterator[Part]:
    if table is _users:
        yield _account()
        return
    if "institution_id" not in table.c:
        return
    leading = list(_leading_to_account(table))
    for column in (one for one in leading if one.nullable):
        reason = "is of somebody else, and only says that they had to do with it"
        blank = {column.name: None}
        of = partial(_is_account, [column])
        yield Part(table, of, Fate.BLANKED, exported=False, reason=reason, blank=blank)
    if own := [one for one in leading if not one.nullable]:
        yield Part(table, partial(_is_account, own), Fate.DELETED)
    elif below := list(_leading_to_deleted(table, found)):
        reason = f"goes with {', '.join(sorted({name for name, _ in below}))}"
        conditions = [condition for _, condition in below]
        of = partial(_any, conditions)
        # What is marked is theirs as well, such as what they wrote in an attempt of theirs.
        marked = bool(blanks_of(table))
        yield Part(table, of, Fate.DELETED, exported=marked, reason="" if marked else reason)
    if (named := [one for one in table.c if "person" in one.info]) and not leading:
        told = ", ".join(column.name for column in named)
        reason = f"names {told} by an id that leads to nobody then"
        yield Part(table, partial(_is_named, named), Fate.KEPT, reason=reason)


def _account() -> Part:
    gone = {"name": ERASED_NAME, "role": Role.LEARNER.value}
    stamps = {"disabled_at": utcnow, "erased_at": utcnow}
    blank = {**blanks_of(_users), **gone, **stamps, "row_version": _users.c.row_version + 1}
    return Part(
        _users,
        lambda s: _users.c.id == s.id,
        Fate.BLANKED,
        blank=blank,
        also=lambda: _users.c.erased_at.is_(None),
        late=True,
    )


def _leading_to_account(table: Table) -> Iterator[Column[Any]]:
    for constraint in table.foreign_key_constraints:
        for element in constraint.elements:
            if element.column is _users.c.id:
                yield element.parent


def _leading_to_deleted(table: Table, found: Sequence[Part]) -> Iterator[tuple[str, Condition]]:
    deleted = {part.name: part for part in found if part.fate is Fate.DELETED}
    for constraint in table.foreign_key_constraints:
        part = deleted.get(constraint.referred_table.name)
        if part is not None and table is not part.table:
            yield part.name, _among(constraint, part)


def _is_account(columns: Sequence[Any], subject: Subject) -> ColumnElement[bool]:
    return or_(*(column == subject.id for column in columns))


def _is_named(columns: Sequence[Any], subject: Subject) -> ColumnElement[bool]:
    return or_(*(column == subject.name for column in columns))


def _any(conditions: Sequence[Condition], subject: Subject) -> ColumnElement[bool]:
    return or_(*(condition(subject) for condition in conditions))


def _among(constraint: ForeignKeyConstraint, part: Part) -> Condition:
    own = tuple_(*(element.parent for element in constraint.elements))
    theirs = [element.column for element in constraint.elements]
    return lambda s: own.in_(select(*theirs).where(part.where(s)))


def _blank(column: Column[Any]) -> Any:
    if column.nullable:
        return None
    if isinstance(column.type, JSON):
        return {}
    assert isinstance(column.type, String), f"{column}: say in a part what it becomes"
    return ""


def _differs(column: Column[Any], new: Any) -> ColumnElement[bool]:
    if new is None:
        return column.is_not(None)
    if isinstance(new, dict):
        return cast(column, Text) != "{}"
    return column.is_distinct_from(new)
