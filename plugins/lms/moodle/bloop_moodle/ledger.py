"""What a stream has given of a course: so that it gives what changed, and tells what is gone.

Moodle has no tombstones. By module (the owner), the ledger keeps a digest of the records that it
gave and their refs; it is the stream's cursor, so it is saved in the commit of those records.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bloop_moodle.outline import Module, Outline
from bloop_moodle.values import digest, parts
from bloop_sdk.records import (
    KIND_OF_OTHERS,
    Batch,
    Content,
    Cursor,
    JSONObject,
    Kind,
    Node,
    Record,
    Ref,
    Skipped,
)

RECORDS = 200
"""About so many records are committed together."""
OVERLAP = 3600
"""Seconds that are asked for again: servers of one Moodle need not agree on the time."""
FULL_EVERY = 86400
"""After so many seconds everything is read, whatever Moodle says has changed."""
_VERSION = 1
_PLACE = f"{Kind.MODULE}:"
_SHUT = "shut"


@dataclass(slots=True)
class Made:
    """What was made of one module, in the order in which it is to be written."""

    records: list[Record] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    failed: bool = False
    """Whether it could not be read whole: what was given before is not gone."""

    @property
    def refs(self) -> list[str]:
        """The records that there are."""
        return [str(ref_of(record)) for record in self.records]

    def digest(self) -> str:
        """Equal where nothing changed."""
        skipped = [(one.ref, one.reason) for one in self.skipped]
        return digest([[_shown(record) for record in self.records], skipped])


class Ledger:
    """The cursor of one stream in one course."""

    def __init__(self, outline: Outline, state: Cursor | None) -> None:
        value: JSONObject = {}
        if state is not None and state.version == _VERSION:
            value = state.value
        self._outline = outline
        self._owners: dict[str, list[Any]] = dict(value.get("owners", {}))
        self._at: int | None = value.get("at")
        self._full: int | None = value.get("full")
        self._waiting = Made()
        self._gone: list[Ref] = []

    def since(self) -> int | None:
        """From when on to ask what has changed; None where everything is to be read."""
        at, full, now = self._at, self._full, self._outline.at
        if at is None or full is None or now is None:
            return None
        # A clock that went back has no "since".
        return max(at - OVERLAP, 0) if at <= now < full + FULL_EVERY else None

    def stale(self, owner: str, signature: str, *, signed: bool = False) -> bool:
        """Whether an owner may have changed since this stream gave it.

        ``signed`` says that whatever changes in it changes its signature.
        """
        outline, known = self._outline, self._owners.get(owner)
        since = self.since()
        if known is None or known[0] != signature or since is None:
            return True
        if outline.touched is None or outline.since is None or outline.since > since:
            return not signed
        return owner in outline.touched

    @property
    def empty(self) -> bool:
        """Whether the stream has given nothing of this course."""
        return not self._owners

    def put(
        self, owner: str, signature: str, made: Made, section: str | None = None
    ) -> Iterator[Batch]:
        """Take what was made of an owner; gives a batch when there is enough for one."""
        known, now = self._owners.get(owner), made.digest()
        if known is not None and known[1] == now:
            self._owners[owner] = [signature, now, known[2], section]
            return
        refs = made.refs
        skipped = {one.ref for one in made.skipped}
        if known is not None:
            before = [ref for ref in known[2] if ref not in refs]
            refs += [ref for ref in before if made.failed or ref in skipped]
            self._gone += [_parsed(ref) for ref in before if not made.failed and ref not in skipped]
        *first, last = parts(made.records, RECORDS) if made.records else ([],)
        for some in first:
            # The owner is done with its last part only: a resumed read gives it anew.
            yield from self._flush()
            yield Batch(records=tuple(some))
        self._waiting.records += last
        self._waiting.skipped += made.skipped
        self._owners[owner] = [signature, now, refs, section]
        if len(self._waiting.records) >= RECORDS:
            yield from self._flush()

    def closed(self, module: Module) -> list[Skipped]:
        """What may not be read any more: what was given of it stays in the hub, unseen."""
        known = self._owners.get(module.cmid)
        refs = list(known[2]) if known else []
        if module.content is not None and str(module.content) not in refs:
            refs.append(str(module.content))
        return _forbidden(refs, module.restriction)

    def finish(self, owners: Sequence[str]) -> Batch:
        """The last batch: what is in none of the owners that are still there is gone."""
        for owner in sorted(self._owners.keys() - set(owners)):
            signature, seen, refs, section = self._owners[owner]
            if section not in self._outline.shut:
                self._gone += [_parsed(ref) for ref in refs]
                del self._owners[owner]
            elif (signature, seen) != (_SHUT, _SHUT):
                self._owners[owner] = [_SHUT, _SHUT, refs, section]
                self._waiting.skipped += _forbidden(refs, "its section is restricted")
        now = self._outline.at
        if self.since() is None:
            self._full = now
        self._at = now
        (batch,) = self._flush()
        return batch

    def _flush(self) -> Iterator[Batch]:
        made, self._waiting = self._waiting, Made()
        gone, self._gone = self._gone, []
        value = {"owners": dict(self._owners), "at": self._at, "full": self._full}
        yield Batch(
            records=tuple(made.records),
            skipped=tuple(made.skipped),
            deleted=tuple(gone),
            cursor=Cursor(value, _VERSION),
        )


def _forbidden(refs: list[str], reason: str) -> list[Skipped]:
    return [
        Skipped(ref=ref, reason=reason, code="record_forbidden")
        for ref in refs
        if not ref.startswith(_PLACE)
    ]


def ref_of(record: Record) -> Ref:
    """The ref of a record that is in a course."""
    if isinstance(record, Content):
        return record.ref
    return Ref(KIND_OF_OTHERS[type(record)], record.remote_id)


def _shown(record: Record) -> list[Any]:
    place: list[Any] = [str(ref_of(record)), record.raw]
    if isinstance(record, Node):
        place += [record.parent, record.position, record.title, str(record.content)]
        place += [record.published]
    return place


def _parsed(ref: str) -> Ref:
    kind, _, remote_id = ref.partition(":")
    return Ref(Kind(kind), remote_id)
