"""Purge of a plugin: everything that it owns goes, whether it is still installed or not.

The database's part is one transaction. What lies in files goes after it, by a note that is
written before the commit: whoever was killed anywhere in between runs the purge again.
"""

from __future__ import annotations

import re
import shutil
import socket
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bloop.accounts.privacy.blobs import noted, write_note
from bloop.accounts.sessions import system_call
from bloop.content import removal
from bloop.content.search import described
from bloop.content.sync_models import SyncRun
from bloop.jobs import follow
from bloop.jobs.models import Job, JobState
from bloop.jobs.owners import is_dead
from bloop.kernel import hubfile, journal
from bloop.kernel.generation import offer_of
from bloop.kernel.models import HubGeneration, HubProcess, PluginState
from bloop.ops import purge_rows as rows
from bloop.store import migrate
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.faults import translated
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.transaction import Transaction
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

if TYPE_CHECKING:
    from bloop.hub import Hub

ALIVE_SECONDS = 60.0
RUNNING = ("loading", "ready")
_ID = re.compile(r"[a-z][a-z0-9_]{1,39}")

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of thing of the plugin; ``fate`` is ``removed`` or ``kept``."""

    what: str
    count: int
    fate: str = "removed"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a purge removes, and what it keeps; empty kinds are left out."""

    plugin: str
    lines: tuple[Line, ...]
    tables: dict[str, int]
    folder: Path | None
    config: Path | None
    blobs: frozenset[tuple[str, str]] = field(default=frozenset(), repr=False)
    content: bool = False
    blocked: ConflictError | None = field(default=None, compare=False)
    """Why a purge is refused as things are."""

    @property
    def empty(self) -> bool:
        """Whether the plugin owns nothing here."""
        return not (self.lines or self.tables or self.folder or self.config)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "plugin": self.plugin,
            "removed": {one.what: one.count for one in self.lines if one.fate == "removed"},
            "kept": {one.what: one.count for one in self.lines if one.fate == "kept"},
            "tables": self.tables,
            "folder": str(self.folder) if self.folder else None,
            "config": str(self.config) if self.config else None,
            "blocked": {"message": self.blocked.message, "cure": self.blocked.cure}
            if self.blocked
            else None,
        }


def plan(hub: Hub, plugin_id: str, *, content: bool = False) -> Plan:
    """What a purge would do; changes nothing."""
    _check_name(plugin_id)
    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        return _plan(hub, unit.session, plugin_id, content=content)


def purge(
    hub: Hub, plugin_id: str, *, content: bool = False, on_step: Step = lambda _: None
) -> Plan:
    """Remove everything; gives what went. ``on_step`` hears of each step before it is taken.

    Raises ConflictError where the plugin is enabled, runs or has content that others built upon.
    """
    _check_name(plugin_id)
    try:
        with migrate.owning(hub.database) as connection:
            transaction = Transaction(connection, EVERY_INSTITUTION)
            unit = UnitOfWork(transaction, system_call(EVERY_INSTITUTION))
            found = _plan(hub, unit.session, plugin_id, content=content)
            if found.blocked is not None:
                raise found.blocked
            on_step("note")
            write_note(_note(hub, plugin_id), {digest for _, digest in found.blobs})
            _remove_rows(unit, found, on_step)
            on_step("tables")
            migrate.drop_tables(connection, list(found.tables))
            if not found.empty:
                unit.audit.append("plugins:purge", f"plugin:{plugin_id}", found.as_dict())
            unit.finish()
            on_step("commit")
    except DBAPIError as err:
        fault = translated(err)
        if fault.code == "store_forbidden":
            fault.cure = "set [store] owner_url: only their owner may drop tables"
        raise fault from err
    _remove_files(hub, found, on_step)
    return found


def _check_name(plugin_id: str) -> None:
    if plugin_id == migrate.CORE or not _ID.fullmatch(plugin_id):
        raise InvalidError(
            f"{plugin_id[:40]!r} is no plugin's id",
            cure="`bloop db status` shows whose tables are left",
        )


def _blocked(
    hub: Hub, session: Session, plugin_id: str, *, content: bool
) -> Iterator[ConflictError]:
    """Why the plugin may not go yet: it is wanted, runs or is at work, or others built on it."""
    off = f"run: bloop plugins disable {plugin_id}"
    if host := _wanted_by(hub, session, plugin_id):
        yield ConflictError(f"{plugin_id} is enabled in the hub.toml of {host}", cure=off)
    since = utcnow() - timedelta(seconds=ALIVE_SECONDS)
    running = session.execute(
        select(HubProcess.pid, HubProcess.host)
        .join(PluginState, PluginState.process_id == HubProcess.id)
        .where(
            PluginState.plugin_id == plugin_id,
            PluginState.state.in_(RUNNING),
            HubProcess.beat_at > since,
        )
    ).first()
    if running is not None:
        yield ConflictError(
            f"process {running.pid} on {running.host} runs {plugin_id}",
            cure=f"{off}, and wait until it has stopped; one that died is forgotten after a minute",
        )
    jobs, runs = _at_work(session, plugin_id)
    if jobs or runs:
        yield ConflictError(
            f"{plugin_id} is at work: {jobs} jobs and {runs} readings",
            cure="wait until they have ended; one that died is forgotten after a minute",
        )
    if content and (built := removal.built_upon(session, rows.connections_of(plugin_id))):
        yield ConflictError(
            f"{built} things were added by others to what {plugin_id} brought",
            cure="move them elsewhere first, or purge without --content",
        )


def _at_work(session: Session, plugin_id: str) -> tuple[int, int]:
    """How many jobs and readings of it go on."""
    now = utcnow()
    leases = session.scalars(
        select(Job.lease_owner).where(
            Job.plugin_id == plugin_id, Job.state == JobState.RUNNING, Job.lease_until > now
        )
    )
    jobs = sum(owner is None or not is_dead(owner) for owner in leases)
    runs = session.scalar(
        select(func.count()).where(
            SyncRun.connection_id.in_(rows.connections_of(plugin_id)),
            SyncRun.state == "running",
            SyncRun.beat_at > now - timedelta(seconds=ALIVE_SECONDS),
        )
    )
    return jobs, runs or 0


def _wanted_by(hub: Hub, session: Session, plugin_id: str) -> str | None:
    """The machine whose hub.toml enables it: this one, or that which is in force."""
    here = socket.gethostname()
    if any(plugin.id == plugin_id for plugin in hub.config.wanted()):
        return here
    row = session.scalar(select(HubGeneration))
    if row is None or row.wanted["files"].get(here) != offer_of(hub.config, here).text:
        return None  # This file was edited since, so that it counts.
    entry = row.wanted["plugins"].get(plugin_id, {})
    return row.wanted["host"] if isinstance(entry, dict) and entry.get("enabled") else None


def _plan(hub: Hub, session: Session, plugin_id: str, *, content: bool) -> Plan:
    lines = [
        Line(one.what, one.count(session, plugin_id), _fate(one, content=content))
        for one in rows.OWNED
    ]
    blobs = rows.blobs_of(session, plugin_id, content=content)
    lines.append(Line("files' bytes", len(blobs)))
    folder = hub.config.value.hub.data_dir / "plugins" / plugin_id
    path = hub.config.path
    written = tomllib.loads(hub.config.text).get("plugins", {})
    return Plan(
        plugin=plugin_id,
        lines=tuple(line for line in lines if line.count),
        tables=_count_tables(session, plugin_id),
        folder=folder if folder.exists() else None,
        config=path if plugin_id in written else None,
        blobs=frozenset(blobs),
        content=content,
        blocked=next(_blocked(hub, session, plugin_id, content=content), None),
    )


def _fate(owned: rows.Owned, *, content: bool) -> str:
    return "kept" if owned.content and not content else "removed"


def _count_tables(session: Session, plugin_id: str) -> dict[str, int]:
    connection = session.connection()
    quote = connection.dialect.identifier_preparer.quote
    return {
        name: connection.scalar(text(f"SELECT count(*) FROM {quote(name)}")) or 0  # noqa: S608 - a table's own name
        for name in migrate.tables_of(connection, plugin_id)
    }


def _remove_rows(unit: UnitOfWork, found: Plan, on_step: Step) -> None:
    session, plugin_id = unit.session, found.plugin
    mine = rows.connections_of(plugin_id)
    on_step("content")
    if found.content:
        removal.announce_deleted(unit, mine)
    else:
        removal.detach_content(session, mine)
    described.announce_of_plugin(unit, plugin_id)
    follow.abandon(unit, select(Job.id).where(Job.plugin_id == plugin_id))
    for owned in rows.OWNED:
        if found.content or not owned.content:
            on_step(owned.what)
            owned.delete(session, plugin_id)
    on_step("who holds bytes")
    rows.forget_blobs(session, set(found.blobs))


def _remove_files(hub: Hub, found: Plan, on_step: Step) -> None:
    on_step("bytes")
    _remove_bytes(hub, found.plugin)
    on_step("folder")
    if found.folder is not None:
        shutil.rmtree(found.folder)
    on_step("journal")
    journal.forgive(hub.config.value.hub.data_dir / "journal", found.plugin)
    on_step("hub.toml")
    if found.config is not None:
        hubfile.forget(found.config, found.plugin)
    on_step("done")


def _note(hub: Hub, plugin_id: str) -> Path:
    return hub.config.value.hub.data_dir / "purge" / f"{plugin_id}.json"


def _remove_bytes(hub: Hub, plugin_id: str) -> None:
    """Delete what the note names and nobody holds.

    The transaction keeps others from saying that they hold it; bytes that came again meanwhile
    are younger than the note.
    """
    note = _note(hub, plugin_id)
    digests = noted(note)
    if not digests:
        return
    written = note.stat().st_mtime
    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        for digest in sorted(digests - rows.held_anywhere(unit.session, digests)):
            hub.blobs.remove(digest, written)
    note.unlink()
