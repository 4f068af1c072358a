"""A batch before it is written: hashed, compared with what the hub holds, and made into columns.

Nothing here writes. Hashing and sanitising run in a thread of their own, so that neither the event
loop nor the one writer waits for them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from bloop.content.bulk import named_rows
from bloop.content.codec import canonical, check_identity, columns_of, kind_of
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
    Sourced,
    Submission,
)
from bloop.content.quarantine import plain
from bloop.content.sanitise import SANITISER_VERSION, sanitise
from bloop.store.blobs import BlobRef
from bloop.store.unit import UnitOfWork
from bloop_sdk import Batch, MalformedRecordError, Ref, Skipped, records
from bloop_sdk.records import CONTAINER_KINDS, ITEM_KINDS, JSONObject, Kind, Record

MODELS: dict[Kind, type[Sourced]] = {
    **dict.fromkeys(sorted(CONTAINER_KINDS), Container),
    **dict.fromkeys(sorted(ITEM_KINDS), Item),
    Kind.MODULE: Node,
    Kind.PERSON: Person,
    Kind.ENROLMENT: Enrolment,
    Kind.OUTCOME: Outcome,
    Kind.SECTION: Section,
    Kind.SUBMISSION: Submission,
    Kind.COMPLETION: Completion,
    Kind.CALENDAR_EVENT: CalendarEvent,
}
"""Where each kind of record is kept."""

WRITE_ORDER: tuple[type[Sourced], ...] = (
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
)
"""Tables in the order in which their rows may refer to each other."""


MANY = 50
"""Records that are worth a second thread."""

UNSEEN = frozenset({"missing", "forbidden", "unshared"})
"""States that end when the record is met again."""


class Known(NamedTuple):
    """What the hub holds of a record."""

    id: str
    raw_hash: str | None
    state: str
    row_version: int
    sanitiser: int = 0
    blob: str | None = None


@dataclass(slots=True)
class Incoming:
    """One record on its way; ``json`` is what was hashed of it."""

    record: Record
    ref: Ref
    hash: str
    json: bytes
    known: Known | None = None
    columns: dict[str, Any] | None = None
    blob: BlobRef | None = None
    revived: bool = False
    """Whether it leaves the trash: it was changed over there meanwhile."""

    @property
    def model(self) -> type[Sourced]:
        """Its table."""
        return MODELS[self.ref.kind]

    @property
    def counted_as(self) -> str:
        """The kind under which reports count it: a leaf of the tree is a place, no module."""
        leaf = isinstance(self.record, records.Node) and self.record.content is not None
        return "node" if leaf else str(self.ref.kind)

    @property
    def has_bytes(self) -> bool:
        """Whether nothing of it is to be fetched any more: of a file, its bytes."""
        if not isinstance(self.record, records.File) or self.record.chunks is None:
            return True
        known = self.known
        kept = known is not None and known.raw_hash == self.hash and known.blob is not None
        return kept or self.blob is not None

    @property
    def changed(self) -> bool:
        """Whether its row would be written; a row in the trash stays as it is."""
        known = self.known
        if known is None:
            return True
        if known.state == "trashed":
            return self.revived
        return (
            known.raw_hash != self.hash
            or (self.blob is not None and self.blob.sha256 != known.blob)
            or known.state in UNSEEN
            or known.sanitiser not in {SANITISER_VERSION, 0}
        )


Problem = tuple[str, str, str]
"""Something of a record that is kept nevertheless: its ref, the reason, and a code."""


@dataclass(slots=True)
class Work:
    """A batch on its way."""

    batch: Batch
    incoming: dict[Ref, Incoming] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    left_out: set[Ref] = field(default_factory=set)
    doubled: int = 0
    bytes: int = 0

    def reject(self, ref: str, reason: str, code: str, raw: JSONObject) -> None:
        """Send a record to quarantine."""
        self.skipped.append(Skipped(ref=plain(ref), reason=reason, code=code, raw=raw))

    def leave_out(self, refs: Collection[Ref]) -> None:
        """Take away all that is told of some records."""
        names = {str(ref) for ref in refs}
        for ref in refs:
            self.incoming.pop(ref, None)
        self.skipped = [one for one in self.skipped if one.ref not in names]
        self.problems = [one for one in self.problems if one[0] not in names]
        kept = tuple(ref for ref in self.batch.deleted if ref not in refs)
        self.batch = replace(self.batch, deleted=kept)


def hashed(batch: Batch, left_out: Callable[[Record], bool] | None = None) -> Work:
    """The batch's records by their identity; those that cannot be read are rejected.

    Of two records with one identity the later one counts, as it would in two batches. Of those
    that are ``left_out`` only the identity is kept: they are not gone.
    """
    skipped = [replace(one, ref=plain(one.ref)) for one in batch.skipped]
    work = Work(batch, skipped=skipped)
    for record in batch.records:
        try:
            ref = Ref(kind_of(record), record.remote_id)
            check_identity(record)
            if left_out is not None and left_out(record):
                work.left_out.add(ref)
                continue
            found = Incoming(record, ref, *canonical(record))
        except MalformedRecordError as err:
            work.reject(_name(record), err.message, err.code, record.raw)
            continue
        work.doubled += ref in work.incoming
        work.incoming[ref] = found
    return work


def _name(record: Record) -> str:
    try:
        kind: str = kind_of(record)
    except MalformedRecordError:
        kind = type(record).__name__.lower()
    return f"{kind}:{record.remote_id}"


def look_up(unit: UnitOfWork, connection_id: str, work: Work) -> None:
    """Tell each record what the hub holds of it: one query a table."""
    refs: defaultdict[type[Sourced], list[Ref]] = defaultdict(list)
    for ref in work.incoming:
        refs[MODELS[ref.kind]].append(ref)
    for model, wanted in refs.items():
        for ref, known in find_known(unit, connection_id, model, wanted).items():
            work.incoming[ref].known = known


def find_known(
    unit: UnitOfWork, connection_id: str, model: type[Sourced], refs: Iterable[Ref]
) -> dict[Ref, Known]:
    """The rows of one table that stand for some of ``refs``."""
    found = _find(unit, connection_id, model, refs, _known_columns(model))
    return {ref: Known(*known) for ref, known in found}


def find_ids(
    unit: UnitOfWork, connection_id: str, model: type[Sourced], refs: Iterable[Ref]
) -> dict[Ref, str]:
    """Their ids alone."""
    return {ref: id_ for ref, (id_,) in _find(unit, connection_id, model, refs, ["id"])}


def _find(
    unit: UnitOfWork,
    connection_id: str,
    model: type[Sourced],
    refs: Iterable[Ref],
    columns: Sequence[str],
) -> Iterator[tuple[Ref, Sequence[Any]]]:
    wanted: dict[tuple[str, str], Ref] = {(ref.kind, ref.remote_id): ref for ref in refs}
    if not wanted:
        return
    has_kind = issubclass(model, Container | Item)
    kinds = {kind for kind, _ in wanted}
    names: dict[str, Collection[str]] = {"kind": kinds} if has_kind else {}
    names["remote_id"] = [remote_id for _, remote_id in wanted]
    told = ("remote_id", "kind" if has_kind else "remote_id", *columns)
    (kind,) = (None,) if has_kind else kinds
    for remote_id, own_kind, *known in named_rows(unit, model, told, connection_id, names):
        ref = wanted.get((kind or own_kind, remote_id))
        if ref is not None:
            yield ref, known


def _known_columns(model: type[Sourced]) -> list[str]:
    return [name for name in Known._fields if hasattr(model, name)]


def new_items(work: Work) -> dict[Ref, str]:
    """The ids of items that were added by a batch, once that is committed."""
    return {
        ref: one.columns["id"]
        for ref, one in work.incoming.items()
        if one.known is None and one.model is Item and one.columns is not None
    }


async def fill(work: Work, cleaning: Collection[int] = ()) -> None:
    """Make the columns of every record that changed; reject those that have none.

    ``cleaning`` are records, by identity, whose HTML another process cleans: :func:`fill_html`.
    Sanitising leaves the interpreter to others, so that of many records halves are done at once.
    """
    changed = [one for one in work.incoming.values() if one.changed]
    halves = len(changed) >= MANY and not cleaning
    parts = [changed[::2], changed[1::2]] if halves else [changed]
    await asyncio.gather(
        *[asyncio.to_thread(_fill, work, part, cleaning) for part in parts if part]
    )


async def fill_html(work: Work, clean: Mapping[int, str], cleaning: Collection[int]) -> None:
    """Put in what has come ``clean``; what has not is cleaned here."""

    def put() -> None:
        for one in work.incoming.values():
            if one.columns is not None and (number := id(one.record)) in cleaning:
                html = clean.get(number)
                one.columns["html"] = sanitise(html_of(one.record)) if html is None else html

    if len(clean) == len(cleaning):
        put()
    else:
        await asyncio.to_thread(put)


def html_of(record: Record) -> str:
    """The HTML of a content record, which is most of what there is to clean; else nothing."""
    html = getattr(record, "html", "") if isinstance(record, records.Content) else ""
    return html if isinstance(html, str) else ""


def _fill(work: Work, changed: Iterable[Incoming], cleaning: Collection[int]) -> None:
    for one in changed:
        try:
            one.columns = columns_of(one.record, "" if id(one.record) in cleaning else None)
        except MalformedRecordError as err:
            work.reject(str(one.ref), err.message, err.code, one.record.raw)
            del work.incoming[one.ref]
            continue
        if isinstance(one.record, records.File):
            _fill_file(one)


def _fill_file(one: Incoming) -> None:
    assert one.columns is not None
    if one.blob is None:
        same = one.known is not None and one.known.raw_hash == one.hash
        one.columns["blob"] = one.known.blob if one.known and same else None
        return
    one.columns["blob"] = one.blob.sha256
    one.columns["data"]["size"] = one.blob.size
