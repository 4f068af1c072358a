"""Base classes of every table, and the ground's own: outbox, audit lines, blobs, values of plugins.

A table whose rows belong to an institution derives from :class:`Tenant`; only then does the unit of
work, the registry of reads and row-level security guard it. Personal fields carry
``info=personal(...)``.
"""

from __future__ import annotations

import enum
import zlib
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from bloop.store.ids import new_id
from bloop.store.sealed import sealed
from bloop.store.types import Json, utcnow
from bloop_sdk import Personal
from bloop_sdk.tables import ID, NAMING, TYPES, Tenant

__all__ = [
    "EVERY_INSTITUTION",
    "ID",
    "AuditCheckpoint",
    "AuditLine",
    "AuditPersonal",
    "Base",
    "BigSerial",
    "Blob",
    "HubSecret",
    "IdempotencyKey",
    "KeyState",
    "MasterKey",
    "OutboxEvent",
    "PluginFile",
    "PluginValue",
    "Tenant",
    "person",
    "personal",
]

BigSerial = BigInteger().with_variant(Integer, "sqlite")

EVERY_INSTITUTION = "*"
"""The institution of a system call that serves all of them: runners, consumers, sweepers."""


class Base(DeclarativeBase):
    """All tables of the core; constraint names are stable across both databases.

    A table with a ``row_version`` counts it by itself, and an update of a row that somebody else
    has changed since it was read is refused, whatever the database's isolation.
    """

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = TYPES

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        version = getattr(cls, "row_version", None)
        return {} if version is None else {"version_id_col": version}


def personal(category: str = "personal") -> dict[str, Any]:
    """Column info that marks personal data, for export, erasure and masking."""
    return {"personal": Personal(category)}


def person() -> dict[str, Any]:
    """Column info that marks who did it, or of whom it tells, as ``kind:id``.

    Such a name stays when a person is erased: it then leads to nobody.
    """
    return {"person": True}


BUCKETS = 1024
"""A consumer has at most so many partitions."""


def bucket_of(institution: str, aggregate: str) -> int:
    """Where an aggregate falls, for ever: what shares its bucket shares its partition."""
    return zlib.crc32(f"{institution}/{aggregate}".encode()) % BUCKETS


class OutboxEvent(Tenant, Base):
    """The log of what happened: written in the commit of the change itself.

    ``aggregate_seq`` counts the events of one aggregate from 1, ``version`` is the payload's, and
    ``bucket`` is :func:`bucket_of` its aggregate.
    ``seq`` never comes again, even where the newest rows are gone; on PostgreSQL it is not the
    order of commits, which ``bloop.events.reader`` answers for.
    """

    __tablename__ = "outbox_event"
    __table_args__ = (
        UniqueConstraint("institution_id", "aggregate", "aggregate_seq"),
        UniqueConstraint("id"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(BigSerial, Identity(always=True), primary_key=True)
    id: Mapped[str] = mapped_column(ID, default=new_id)
    topic: Mapped[str] = mapped_column(String(80))
    aggregate: Mapped[str] = mapped_column(String(80))
    aggregate_seq: Mapped[int] = mapped_column(BigInteger)
    bucket: Mapped[int] = mapped_column(SmallInteger)
    actor: Mapped[str] = mapped_column(String(80), info=person())
    trace: Mapped[str] = mapped_column(String(55))
    payload: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(default=1)
    occurred_at: Mapped[datetime] = mapped_column(default=utcnow)


class AuditLine(Tenant, Base):
    """Who did what: written in the commit of the act, never changed.

    ``seq`` counts the lines of one institution from 1 without a gap, and ``hash`` covers the line
    and the hash of the one before (:mod:`bloop.store.audit`). ``personal_hash`` commits it to what
    :class:`AuditPersonal` holds of the person ``about`` (``user:id``).
    """

    __tablename__ = "audit_line"
    __table_args__ = (Index("ix_audit_line_at", "institution_id", "at"),)

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    actor: Mapped[str] = mapped_column(String(80), info=person())
    action: Mapped[str] = mapped_column(String(80))
    resource: Mapped[str] = mapped_column(String(120))
    trace: Mapped[str] = mapped_column(String(55))
    detail: Mapped[dict[str, Any]]
    about: Mapped[str | None] = mapped_column(String(80), info=person())
    personal_hash: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(default=utcnow)
    hash: Mapped[str] = mapped_column(String(64))


class AuditPersonal(Tenant, Base):
    """What a line of the audit tells of a person; gone once they are erased.

    Its line holds only SHA-256 of ``salt`` and value, so that the chain stays good without it.
    """

    __tablename__ = "audit_personal"
    __table_args__ = (Index("ix_audit_personal_about", "institution_id", "about"),)

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    about: Mapped[str] = mapped_column(String(80), info=person())
    salt: Mapped[str] = mapped_column(String(32))
    value: Mapped[dict[str, Any]] = mapped_column(info=personal("trace"))


class AuditCheckpoint(Tenant, Base):
    """Where an institution's chain begins since its front was cut: after line ``seq``.

    ``mac`` is by the key ``key_id`` of :mod:`bloop.store.audit.anchors`.
    """

    __tablename__ = "audit_checkpoint"

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(default=utcnow)
    key_id: Mapped[str] = mapped_column(String(16))
    mac: Mapped[str] = mapped_column(String(64))


class Blob(Tenant, Base):
    """That an institution holds these bytes; the bytes themselves lie under their SHA-256.

    ``held_at`` is when that was said last: see :func:`bloop.store.held.hold`.
    """

    __tablename__ = "blob"

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str | None] = mapped_column(String(120))
    held_at: Mapped[datetime] = mapped_column(default=utcnow)


class PluginValue(Tenant, Base):
    """One value of a plugin's key-value store."""

    __tablename__ = "plugin_value"

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    plugin_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)


class PluginFile(Tenant, Base):
    """A file that a plugin keeps, by its name; the bytes are a :class:`Blob`."""

    __tablename__ = "plugin_file"

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    plugin_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)


class KeyState(enum.StrEnum):
    """Where a master key is in its life."""

    COMING = "coming"
    """It is in the ring of some processes, and seals nothing yet."""
    CURRENT = "current"
    """It seals."""
    OLD = "old"
    """It only opens."""
    RETIRED = "retired"
    """Nothing is sealed with it any more."""


class MasterKey(Base):
    """What is known of a master key: never the key itself.

    ``proof`` tells it from any other (:meth:`bloop.store.sealing.MasterKeys.proof`).
    ``rewrapped_at`` is when nothing was left that an older key had sealed.
    """

    __tablename__ = "master_key"
    __table_args__ = (
        Index(
            "uq_master_key_current",
            "state",
            unique=True,
            sqlite_where=text("state = 'current'"),
            postgresql_where=text("state = 'current'"),
        ),
    )

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    proof: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    switched_at: Mapped[datetime | None]
    rewrapped_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]


class HubSecret(Base):
    """A secret of the hub itself, by its name."""

    __tablename__ = "hub_secret"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[bytes] = mapped_column(LargeBinary, info=sealed("name"))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class IdempotencyKey(Tenant, Base):
    """That a request with this key had its effect, and what it was answered.

    ``id`` is a digest of institution, principal, route and key, ``fingerprint`` one of the whole
    request, ``owner`` the process that answers it. Only what is ANSWERED has a status.
    """

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_created", "created_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    principal: Mapped[str] = mapped_column(String(80), info=person())
    owner: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(20))
    status: Mapped[int | None]
    headers: Mapped[Any | None] = mapped_column(Json)
    body: Mapped[bytes | None] = mapped_column(LargeBinary, info=personal("content"))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
