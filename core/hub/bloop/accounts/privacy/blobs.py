"""Bytes that a person brought, or that were made for them, and that nobody else has."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, select

from bloop.accounts.privacy.parts import Subject
from bloop.jobs.models import Job
from bloop.store.blobs import Blobs
from bloop.store.models import Blob

_jobs: Any = Job.__table__
_blobs: Any = Blob.__table__


def blobs_of(connection: Connection, subject: Subject, holders: Sequence[Any]) -> set[str]:
    """SHA-256 of what their jobs were asked for with, or made, unless something else names it.

    ``holders`` are the tables of domains that name bytes, each with the column that does.
    """
    own = (_jobs.c.institution_id == subject.institution) & (_jobs.c.actor == subject.name)
    found = {
        told["blob"]
        for row in connection.execute(select(_jobs.c.payload, _jobs.c.result).where(own))
        for told in row
        if isinstance(told, dict) and isinstance(told.get("blob"), str)
    }
    return {one for one in found if not _held(connection, one, holders, ~own)}


def forget(connection: Connection, institution: str, digests: Iterable[str]) -> None:
    """Delete the rows that say that an institution holds them."""
    for digest in digests:
        gone = (_blobs.c.institution_id == institution, _blobs.c.sha256 == digest)
        connection.execute(delete(_blobs).where(*gone))


def remove(connection: Connection, blobs: Blobs, note: Path, holders: Sequence[Any]) -> None:
    """Delete the bytes that a note names and nobody holds, then the note.

    Its transaction keeps others from saying that they hold them; what came again meanwhile is
    younger than the note.
    """
    digests = noted(note)
    if not digests:
        return
    written = note.stat().st_mtime
    for digest in sorted(digests):
        row = connection.execute(select(_blobs.c.sha256).where(_blobs.c.sha256 == digest)).first()
        if row is not None or _held(connection, digest, holders, None):
            continue
        blobs.remove(digest, written)
    note.unlink()


def write_note(note: Path, digests: set[str]) -> None:
    """Keep which bytes are to go, with those of an erasure that did not come to its end."""
    wanted = digests | noted(note)
    if not wanted:
        return
    note.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=note.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(sorted(wanted), file)
        file.flush()
        os.fsync(handle)
    Path(name).replace(note)


def noted(note: Path) -> set[str]:
    """What a note names; nothing where there is none."""
    try:
        return set(json.loads(note.read_text("utf-8")))
    except FileNotFoundError:
        return set()


def _held(connection: Connection, digest: str, holders: Sequence[Any], others: Any) -> bool:
    """Whether another row names these bytes; of jobs, those that ``others`` says."""
    for _, column in holders:
        if connection.execute(select(column).where(column == digest).limit(1)).first():
            return True
    for column in (_jobs.c.payload, _jobs.c.result):
        named = column["blob"].as_string() == digest
        found = select(_jobs.c.id).where(named if others is None else named & others)
        if connection.execute(found.limit(1)).first():
            return True
    return False
