"""What is done to the audit log by itself: anchors written, and old lines cut from its front."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from bloop.store.audit.anchors import Anchor, Anchors
from bloop.store.audit.verifying import Chain, Fault, advance, checkpoint_of, signed_parts
from bloop.store.database import Database, open_engine
from bloop.store.errors import ConflictError
from bloop.store.faults import translated
from bloop.store.models import AuditCheckpoint, AuditLine, AuditPersonal
from bloop.store.transaction import Transaction
from bloop.store.types import to_text, utcnow
from bloop.store.unit import UnitOfWork
from bloop.telemetry.logs import get_logger
from bloop_sdk import Call

log = get_logger("bloop.audit")

_lines: Any = AuditLine.__table__
_personal: Any = AuditPersonal.__table__
_checkpoints: Any = AuditCheckpoint.__table__


@dataclass(frozen=True, slots=True)
class Cut:
    """That the lines of an institution up to ``through`` are gone; ``lines`` of them just now."""

    institution: str
    through: int
    lines: int


def anchor(
    database: Database, anchors: Anchors, call: Call, institutions: Iterable[str]
) -> tuple[list[Anchor], list[Fault]]:
    """Check what came since each chain's newest anchor, and write down where it ends now.

    A chain that is broken gets no anchor. Each anchor is in the log of the hub as well.
    """
    heads: list[tuple[str, int, str]] = []
    faults: list[Fault] = []
    with database.reading(call) as unit:
        connection = unit.connection
        for institution in institutions:
            found = _come(connection, anchors, institution)
            if isinstance(found, Fault):
                faults.append(found)
            elif found.seq:
                heads.append((institution, found.seq, found.hash))
    made = anchors.append(heads, utcnow()) if heads else []
    for one in made:
        log.info("audit: anchored", of=one.institution, seq=one.seq, hash=one.hash)
    for fault in faults:
        told = {"of": fault.institution, "seq": fault.seq, "reason": fault.reason}
        log.error("audit: the chain is broken", **told)
    return made, faults


def _come(connection: Connection, anchors: Anchors, institution: str) -> Chain | Fault:
    """The chain as it stands now, checked from its newest anchor on."""
    begun = checkpoint_of(connection, anchors, institution)
    if isinstance(begun, Fault):
        return begun
    known = anchors.newest(institution)
    if known is not None and known.seq > begun.seq:
        begun = Chain(institution, known.seq, known.hash)
    own = _lines.c.institution_id == institution
    last = connection.scalar(select(func.max(_lines.c.seq)).where(own)) or 0
    if last < begun.seq:
        return Fault(institution, last + 1, f"is missing: the chain went on to line {begun.seq}")
    at = connection.scalar(select(_lines.c.hash).where(own, _lines.c.seq == begun.seq))
    if at not in {None, begun.hash}:
        return Fault(institution, begun.seq, "is another line than was anchored")
    return advance(connection, begun, last) or begun


def cut(
    database: Database,
    anchors: Anchors,
    call: Call,
    institutions: Iterable[str],
    before: datetime,
) -> list[Cut]:
    """Remove lines that are older than ``before`` from the front of each chain.

    What goes is checked first, and a signed checkpoint says where the chain begins from now on.
    The newest line always stays. Only the owner of the tables may: raises StoreError for others,
    and ConflictError for a chain that is broken.
    """
    done = []
    try:
        for institution in institutions:
            with _owning(database) as transaction:
                found = _cut(
                    transaction, anchors, Call(call.principal, institution, call.trace), before
                )
            if found is not None:
                done.append(found)
    except DBAPIError as err:
        fault = translated(err)
        if fault.code == "store_forbidden":
            fault.cure = "set [store] owner_url: only their owner may remove audit lines"
        raise fault from err
    return done


def _cut(transaction: Transaction, anchors: Anchors, call: Call, before: datetime) -> Cut | None:
    connection, institution = transaction.connection, call.institution
    begun = checkpoint_of(connection, anchors, institution)
    if isinstance(begun, Fault):
        raise _broken(begun)
    own = _lines.c.institution_id == institution
    last = connection.scalar(select(func.max(_lines.c.seq)).where(own)) or 0
    young = connection.scalar(select(func.min(_lines.c.seq)).where(own, _lines.c.at >= before))
    through = min(last, young or last) - 1
    if through <= begun.seq:
        return None
    was = begun.seq
    if fault := advance(connection, begun, through):
        raise _broken(fault)
    at = utcnow()
    mac = anchors.sign(*signed_parts(institution, through, begun.hash, at))
    row = {"institution_id": institution, "seq": through, "hash": begun.hash, "at": at}
    connection.execute(delete(_checkpoints).where(_checkpoints.c.institution_id == institution))
    connection.execute(insert(_checkpoints).values(**row, key_id=anchors.key_id, mac=mac))
    for table in (_personal, _lines):
        gone = (table.c.institution_id == institution, table.c.seq <= through)
        connection.execute(delete(table).where(*gone))
    unit = UnitOfWork(transaction, call)
    unit.audit.append(
        "audit:cut", f"audit:{through}", {"lines": through - was, "before": to_text(before)}
    )
    unit.finish()
    return Cut(institution, through, through - was)


def _broken(fault: Fault) -> ConflictError:
    return ConflictError(
        f"the audit log of {fault.institution} is broken: line {fault.seq} {fault.reason}",
        cure="nothing is removed from it; run: bloop audit verify",
    )


@contextmanager
def _owning(database: Database) -> Iterator[Transaction]:
    """A transaction of the tables' owner; a check of the whole database, as upgrades do, is not."""
    engine = open_engine(database.owner_url, pool=NullPool)
    try:
        with engine.begin() as connection:
            if database.dialect == "postgresql":
                connection.execute(text("SELECT set_config('bloop.institution', '*', true)"))
            yield Transaction(connection, "*")
    finally:
        engine.dispose()
