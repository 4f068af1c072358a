"""Checking chains: edits, deletions, reorderings, insertions, and a cut at the end.

Lines are streamed in their order, so that memory stays the same for any number of them. Of each
chain the first bad line is told; what comes after it proves nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, select

from bloop.store.audit import START, commitment, line_hash
from bloop.store.audit.anchors import Anchor, Anchors
from bloop.store.database import Database
from bloop.store.models import AuditCheckpoint, AuditLine, AuditPersonal
from bloop.store.types import to_text
from bloop_sdk import Call

ROWS_AT_ONCE = 1000
TOLD_EVERY = 10_000
ERASED = "users:erase"
"""The action of the line that takes personal parts away, in the same transaction."""

_lines: Any = AuditLine.__table__
_personal: Any = AuditPersonal.__table__
_checkpoints: Any = AuditCheckpoint.__table__
_JOINED = select(_lines, _personal.c.salt, _personal.c.value).select_from(
    _lines.outerjoin(
        _personal,
        and_(
            _personal.c.institution_id == _lines.c.institution_id, _personal.c.seq == _lines.c.seq
        ),
    )
)

Told = Callable[[int, int], None]
"""Hears how many lines are checked, and of how many."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a chain, and at which line first; ``seq`` 0 is the file of anchors."""

    institution: str
    seq: int
    reason: str


@dataclass(slots=True)
class Report:
    """What was found; ``heads`` are where each chain ends, ``anchored`` up to where by anchors.

    ``spans`` are the times of the first and the last line that is there of each.
    """

    lines: int = 0
    heads: dict[str, int] = field(default_factory=dict)
    spans: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    anchored: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether every chain is whole."""
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "good": self.good,
            "lines": self.lines,
            "institutions": [self._institution(one) for one in self.heads],
            "faults": [asdict(fault) for fault in self.faults],
        }

    def _institution(self, one: str) -> dict[str, Any]:
        begun, ended = map(to_text, self.spans[one]) if one in self.spans else (None, None)
        told = {"id": one, "last": self.heads[one], "anchored": self.anchored.get(one, 0)}
        return {**told, "from": begun, "to": ended}


@dataclass(slots=True)
class Chain:
    """How far a chain is checked: its last good line, and the hash of that."""

    institution: str
    seq: int = 0
    hash: str = START


def verify(
    database: Database,
    anchors: Anchors,
    call: Call,
    *,
    of: str | None = None,
    told: Told = lambda *_: None,
) -> Report:
    """Check all chains against themselves and the anchors; ``call`` is the hub's own.

    With ``of`` it checks that institution's alone, and tells nothing of where files lie.
    """
    report = Report()
    newest, damaged = anchors.check()
    newest = {one: anchor for one, anchor in newest.items() if of in {None, one}}
    file = anchors.file if of is None else anchors.file.name
    for damage in damaged:
        report.faults.append(Fault("", 0, f"line {damage.line} of {file} {damage.reason}"))
    with database.reading(call) as unit:
        connection = unit.connection
        wanted = () if of is None else (_lines.c.institution_id == of,)
        total = connection.scalar(select(func.count()).select_from(_lines).where(*wanted)) or 0
        chains = {chain.institution: chain for chain in _begun(connection, anchors, report, of)}
        for institution, rows in _by_institution(_stream(connection, *wanted)):
            chain = chains.pop(institution, Chain(institution))
            _whole(connection, anchors, chain, _counted(rows, report, told, total), report)
        # Nothing is left of these at all.
        for chain in [*chains.values(), *(Chain(one) for one in newest if one not in report.heads)]:
            if chain.institution not in report.heads:
                _whole(connection, anchors, chain, iter(()), report)
    report.anchored = {
        one: anchor.seq for one, anchor in newest.items() if anchor.seq <= report.heads.get(one, 0)
    }
    told(total, total)
    return report


def advance(connection: Connection, chain: Chain, upto: int) -> Fault | None:
    """Check the lines of a chain behind the last good one, up to ``upto``; gives what is wrong."""
    part = (_lines.c.institution_id == chain.institution, _lines.c.seq.between(chain.seq + 1, upto))
    with closing(_stream(connection, *part)) as rows:
        for row in rows:
            if fault := _next(connection, chain, row):
                return fault
    if chain.seq < upto:
        return Fault(chain.institution, chain.seq + 1, "is missing")
    return None


def checkpoint_of(connection: Connection, anchors: Anchors, institution: str) -> Chain | Fault:
    """Where a chain begins: at its first line, or after what was cut by somebody with the key."""
    row = connection.execute(
        select(_checkpoints).where(_checkpoints.c.institution_id == institution)
    ).first()
    return Chain(institution) if row is None else _checkpoint(row, anchors)


def signed_parts(
    institution: str, seq: int, hash_: str, at: datetime
) -> tuple[str, str, int, str, str]:
    """What the signature of a checkpoint is over."""
    return ("checkpoint", institution, seq, hash_, to_text(at))


def _checkpoint(row: Row[Any], anchors: Anchors) -> Chain | Fault:
    parts = signed_parts(row.institution_id, row.seq, row.hash, row.at)
    if row.key_id != anchors.key_id:
        reason = f"its front was cut with another key, {row.key_id}: put that key here to check it"
        return Fault(row.institution_id, row.seq, reason)
    if not anchors.is_signed(row.mac, *parts):
        return Fault(row.institution_id, row.seq, "its front was cut by somebody without the key")
    return Chain(row.institution_id, row.seq, row.hash)


def _begun(
    connection: Connection, anchors: Anchors, report: Report, of: str | None
) -> Iterator[Chain]:
    wanted = () if of is None else (_checkpoints.c.institution_id == of,)
    for row in connection.execute(select(_checkpoints).where(*wanted)).all():
        found = _checkpoint(row, anchors)
        if isinstance(found, Fault):
            report.faults.append(found)
            found = Chain(row.institution_id, row.seq, row.hash)
        yield found


def _whole(
    connection: Connection,
    anchors: Anchors,
    chain: Chain,
    rows: Iterator[Row[Any]],
    report: Report,
) -> None:
    """Check one chain to its end, and note where that is or what is wrong."""
    fault = _first_fault(connection, anchors, chain, rows)
    last = chain.seq
    for row in rows:  # Counted, and not looked at.
        last = row.seq
    report.heads[chain.institution] = last
    if fault is not None:
        report.faults.append(fault)


def _first_fault(
    connection: Connection, anchors: Anchors, chain: Chain, rows: Iterator[Row[Any]]
) -> Fault | None:
    begun = chain.seq
    awaited = anchors.of(chain.institution)
    anchor = _after(awaited, begun)
    for row in rows:
        good = chain.seq
        if fault := _next(connection, chain, row):
            return fault
        if anchor is not None and anchor.seq == chain.seq:
            if anchor.hash != chain.hash:
                reason = f"does not lead to what was anchored at {anchor.at} as line {anchor.seq}"
                return Fault(chain.institution, good + 1, reason)
            anchor = _after(awaited, chain.seq)
    if anchor is None:
        return None
    reason = f"is missing: at {anchor.at} the chain went on to line {anchor.seq}"
    return Fault(chain.institution, chain.seq + 1, reason)


def _after(awaited: Iterator[Anchor], seq: int) -> Anchor | None:
    return next((anchor for anchor in awaited if anchor.seq > seq), None)


def _next(connection: Connection, chain: Chain, row: Row[Any]) -> Fault | None:
    """Take one line more, or say what is wrong with it."""
    institution, line = chain.institution, row._asdict()
    if row.seq != chain.seq + 1:
        return Fault(institution, chain.seq + 1, "is missing")
    if line_hash(chain.hash, line) != row.hash:
        reason = "was altered, moved or put in: it does not follow from the line before"
        return Fault(institution, row.seq, reason)
    if personal := _personal_fault(connection, row):
        return Fault(institution, row.seq, personal)
    chain.seq, chain.hash = row.seq, row.hash
    return None


def _personal_fault(connection: Connection, row: Row[Any]) -> str | None:
    if row.salt is not None:
        same = row.personal_hash == commitment(row.salt, row.value)
        return None if same else "has a personal part that was altered"
    if row.personal_hash is None:
        return None
    erased = connection.scalar(
        select(
            exists().where(
                _lines.c.institution_id == row.institution_id,
                _lines.c.seq > row.seq,
                _lines.c.action == ERASED,
                _lines.c.resource == row.about,
            )
        )
    )
    return None if erased else f"lacks its personal part, and {row.about} was never erased"


def _stream(connection: Connection, *conditions: ColumnElement[bool]) -> Generator[Row[Any]]:
    statement = _JOINED.where(*conditions).order_by(_lines.c.institution_id, _lines.c.seq)
    result = connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE})
    try:
        yield from result
    finally:
        result.close()


def _by_institution(rows: Iterable[Row[Any]]) -> Iterator[tuple[str, Iterator[Row[Any]]]]:
    """Like ``itertools.groupby``; each group has to be read to its end."""
    yield from groupby(rows, key=lambda row: str(row.institution_id))


def _counted(
    rows: Iterator[Row[Any]], report: Report, told: Told, total: int
) -> Iterator[Row[Any]]:
    for number, row in enumerate(rows):
        report.lines += 1
        if report.lines % TOLD_EVERY == 0:
            told(report.lines, total)
        begun = row.at if number == 0 else report.spans[row.institution_id][0]
        report.spans[row.institution_id] = (begun, row.at)
        yield row
