"""The audit log: append-only, and chained for each institution.

A line's hash is SHA-256 over the hash of the line before it and a canonical form of its content,
so that no line can be changed, removed, moved or put in without all later hashes changing; and
those are anchored outside the database (:mod:`bloop.store.audit.anchors`). What is personal in a
line lies beside it, and only a salted hash of it is chained: see ``docs/admin/audit.md``.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from bloop.store.models import AuditLine, AuditPersonal
from bloop.store.transaction import Transaction
from bloop.store.types import dumps, to_text, utcnow
from bloop.telemetry.masking import mask_mapping
from bloop.telemetry.traces import child
from bloop_sdk import Call, Trace
from bloop_sdk._masking import mask_text

FORM = "bloop audit 1"
"""What a hash begins with: the form of a line."""
START = "0" * 64
"""What stands for the hash before an institution's first line."""
AUDIT_LOCK_CLASS = 0x0B1A

_lines: Any = AuditLine.__table__
_personal: Any = AuditPersonal.__table__
_ADDING, _ADDING_PERSONAL = insert(_lines), insert(_personal)
_LAST = (
    select(_lines.c.seq, _lines.c.hash)
    .where(_lines.c.institution_id == bindparam("of"))
    .order_by(_lines.c.seq.desc())
    .limit(1)
)
_COVERED = ("institution_id", "seq", "actor", "action", "resource", "trace", "detail", "about")
_WHOLE = 2**53


class Caller:
    """Who acts in a unit; with a ``trace`` in a span of that one, made when it is asked for."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.trace: Trace | None = None

    @property
    def call(self) -> Call:
        """The call as it is by now."""
        if self.trace is not None:
            trace, self.trace = child(self.trace), None
            self._call = Call(self._call.principal, self._call.institution, trace)
        return self._call


class Audit:
    """Audit lines of this transaction: collected, then chained as it commits."""

    def __init__(self, transaction: Transaction, caller: Caller) -> None:
        self._transaction = transaction
        self._caller = caller
        self._collected: list[dict[str, Any]] = []

    def append(
        self,
        action: str,
        resource: str,
        detail: Mapping[str, Any] | None = None,
        *,
        personal: Mapping[str, Any] | None = None,
        about: str | None = None,
    ) -> None:
        """Say who did ``action`` to ``resource`` (``kind:id``).

        Secrets, and personal data outside of ``personal``, are masked. ``personal`` is what the
        line tells of a person, an address say, and goes when that person is erased: ``about``, by
        default the resource.
        """
        told = {name: value for name, value in (personal or {}).items() if value is not None}
        self._collected.append(
            {
                "actor": actor_of(self._caller.call),
                "action": action,
                # A name of ours has none of what may be a secret; a mail address is no such name.
                "resource": mask_text(resource) if "@" in resource else resource,
                "trace": str(self._caller.call.trace),
                "detail": stable(mask_mapping(detail or {})),
                "about": (about or resource) if told else None,
                "personal": stable(told) if told else None,
            }
        )

    def write(self) -> None:
        """Chain and insert what was collected; the unit calls it last of all before its commit."""
        if not self._collected:
            return
        connection, now = self._transaction.connection, utcnow()
        of = self._caller.call.institution
        seq, before = _head(connection, of)
        lines, parts = [], []
        for seq, collected in enumerate(self._collected, seq + 1):  # noqa: B020 - it goes on
            line = {**collected, "institution_id": of, "seq": seq, "at": now, "personal_hash": None}
            value = line.pop("personal")
            if value is not None:
                salt = os.urandom(16).hex()
                line["personal_hash"] = commitment(salt, value)
                part = {"institution_id": of, "seq": seq, "about": line["about"]}
                parts.append({**part, "salt": salt, "value": value})
            before = line["hash"] = line_hash(before, line)
            lines.append(line)
        connection.execute(_ADDING, lines)
        if parts:
            connection.execute(_ADDING_PERSONAL, parts)
        self._collected = []


def actor_of(call: Call) -> str:
    """Who acts, as ``kind:id``."""
    return f"{call.principal.kind}:{call.principal.id}"


def line_hash(before: str, line: Mapping[str, Any]) -> str:
    """The hash of a line, in hexadecimal digits; ``before`` is that of the line before it."""
    covered = [FORM, before, *(line[name] for name in _COVERED)]
    covered += [line["personal_hash"], _text(line["at"])]
    return hashlib.sha256(dumps(covered).encode()).hexdigest()


def commitment(salt: str, value: Mapping[str, Any]) -> str:
    """What a line holds of its personal part: tells nothing of it once the salt is gone."""
    return hashlib.sha256(dumps([salt, value]).encode()).hexdigest()


def stable(value: Any) -> Any:
    """A plain value as both databases give it back; JSON numbers and texts may not survive them."""
    if isinstance(value, Mapping):
        return {str(stable(str(key))): stable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [stable(part) for part in value]
    if isinstance(value, str):
        # PostgreSQL keeps no NUL, and half of a surrogate pair is no character.
        return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _WHOLE:
            return int(value)
        return value if "e" not in (told := repr(value)) and "n" not in told else told
    return value


def _text(at: datetime | str) -> str:
    return at if isinstance(at, str) else to_text(at)


def _head(connection: Connection, institution: str) -> tuple[int, str]:
    """The last line's number and hash; nobody else chains to it before this transaction ends.

    SQLite has one writer. On PostgreSQL the lock comes in a statement of its own: the next one
    sees what was committed while this one waited.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(%(audit)s, %(institution)s)",
            {"audit": AUDIT_LOCK_CLASS, "institution": zlib.crc32(institution.encode()) - 2**31},
        )
    found = connection.execute(_LAST, {"of": institution}).first()
    return (found.seq, found.hash) if found else (0, START)
