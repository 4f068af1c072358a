"""Tables of the kernel: what is wanted, what each process has, and connections."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.ids import new_id
from bloop.store.models import ID, Base, Tenant, personal
from bloop.store.sealed import sealed
from bloop.store.types import Json, utcnow


class HubGeneration(Base):
    """What the operator wants of plugins, as one row (``id`` is 1).

    ``generation`` is a hash over ``wanted["plugins"]``, the ``[plugins]`` of the ``hub.toml`` that
    was edited last. ``wanted["host"]`` says on which machine, ``wanted["files"]`` which text each
    machine was last seen with.
    """

    __tablename__ = "hub_generation"

    id: Mapped[int] = mapped_column(primary_key=True, default=1, autoincrement=False)
    generation: Mapped[str] = mapped_column(String(64))
    wanted: Mapped[dict[str, Any]]
    set_at: Mapped[datetime] = mapped_column(default=utcnow)


class HubProcess(Base):
    """A living process of the hub, its version and generation; dead ones stop beating.

    ``config_fault`` says why it keeps its last good configuration, where ``hub.toml`` is broken.
    It runs up to ``workers`` jobs at a time, of ``queues`` (none named: all), which it leases as
    ``lease_owner``. ``master_keys`` are the versions that it can open secrets with.
    """

    __tablename__ = "hub_process"

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(20))
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    version: Mapped[str | None] = mapped_column(String(60))
    lease_owner: Mapped[str | None] = mapped_column(String(80))
    workers: Mapped[int] = mapped_column(default=0)
    queues: Mapped[list[str]] = mapped_column(default=list)
    master_keys: Mapped[list[int]] = mapped_column(Json, default=list)
    generation: Mapped[str] = mapped_column(String(64))
    config_fault: Mapped[str | None] = mapped_column(String(2000))
    started_at: Mapped[datetime] = mapped_column(default=utcnow)
    beat_at: Mapped[datetime] = mapped_column(default=utcnow)


class PluginState(Base):
    """The state of a plugin in one process, with its reason and its cure."""

    __tablename__ = "plugin_state"

    process_id: Mapped[str] = mapped_column(
        ForeignKey("hub_process.id", ondelete="CASCADE"), primary_key=True
    )
    plugin_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    state: Mapped[str] = mapped_column(String(20))
    version: Mapped[str | None] = mapped_column(String(60))
    reason: Mapped[str | None] = mapped_column(String(2000))
    cure: Mapped[str | None] = mapped_column(String(1000))
    recoverable: Mapped[bool] = mapped_column(default=True)
    import_ms: Mapped[float | None]
    since: Mapped[datetime] = mapped_column(default=utcnow)


class InstitutionPlugin(Tenant, Base):
    """That an institution has switched a loaded plugin on or off for itself, and its settings.

    ``secrets`` is one sealed JSON object of those settings that are secret; ``secrets_set_at``
    says when each of them was set.
    """

    __tablename__ = "institution_plugin"

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    plugin_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    enabled: Mapped[bool] = mapped_column(default=True)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    secrets: Mapped[bytes | None] = mapped_column(
        LargeBinary, info=sealed("institution_id", plugin="plugin_id")
    )
    secrets_set_at: Mapped[dict[str, Any]] = mapped_column(default=dict)
    row_version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)


class UserPlugin(Tenant, Base):
    """What a user has set of a plugin for themselves; secrets as in an institution's row."""

    __tablename__ = "user_plugin"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "user_id"],
            ["account_user.institution_id", "account_user.id"],
            ondelete="CASCADE",
        ),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(ID, primary_key=True)
    plugin_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict, info=personal("settings"))
    secrets: Mapped[bytes | None] = mapped_column(
        LargeBinary,
        info=sealed("institution_id", "user_id", plugin="plugin_id") | personal("settings"),
    )
    secrets_set_at: Mapped[dict[str, Any]] = mapped_column(default=dict)
    row_version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)


class Connection(Tenant, Base):
    """One institution's account with one system, or one imported file.

    ``key`` tells connections of one plugin apart: a site's address, or a manifest's identifier.
    ``checked`` is what the last check said, ``selected`` what of the system is read (an absent
    list means all): ``{"containers": [remote ids], "streams": [names]}``. ``job_id`` is the sync
    that was asked for last. ``every`` is how often one is asked for by itself, as an interval or a
    cron line in the hub's time zone (NULL: never), and ``next_at`` when next. ``writes`` are those
    of its provider's specification, as it was met last, and ``send_job`` sends what waits for it.
    One with an ``owner_id`` a user has for themselves: all that it brings is theirs alone.
    ``watches`` says whether that provider can watch for changes: ``watcher`` is the process that
    does, ``watched_since`` then, and ``unwatched`` why nobody can.
    """

    __tablename__ = "connection"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "owner_id"], ["account_user.institution_id", "account_user.id"]
        ),
        UniqueConstraint("institution_id", "plugin_id", "key"),
        UniqueConstraint("institution_id", "id"),
        Index(
            "ix_connection_next",
            "next_at",
            sqlite_where=text("next_at IS NOT NULL"),
            postgresql_where=text("next_at IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    owner_id: Mapped[str | None] = mapped_column(ID)
    plugin_id: Mapped[str] = mapped_column(String(40))
    capability: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(500))
    name: Mapped[str] = mapped_column(String(200))
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    secrets: Mapped[bytes | None] = mapped_column(
        LargeBinary, info=sealed("institution_id", "id", plugin="plugin_id")
    )
    secrets_set_at: Mapped[dict[str, Any]] = mapped_column(default=dict)
    checked: Mapped[dict[str, Any]] = mapped_column(default=dict)
    selected: Mapped[dict[str, Any]] = mapped_column(default=dict)
    job_id: Mapped[str | None] = mapped_column(ID)
    every: Mapped[str | None] = mapped_column(String(120))
    next_at: Mapped[datetime | None]
    writes: Mapped[list[str]] = mapped_column(default=list)
    send_job: Mapped[str | None] = mapped_column(ID)
    watches: Mapped[bool] = mapped_column(default=False)
    watcher: Mapped[str | None] = mapped_column(String(80))
    watched_since: Mapped[datetime | None]
    unwatched: Mapped[str | None] = mapped_column(String(2000))
    state: Mapped[str] = mapped_column(String(20), default="unconfigured")
    reason: Mapped[str | None] = mapped_column(String(2000))
    cure: Mapped[str | None] = mapped_column(String(1000))
    recoverable: Mapped[bool] = mapped_column(default=True)
    since: Mapped[datetime] = mapped_column(default=utcnow)
    row_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
