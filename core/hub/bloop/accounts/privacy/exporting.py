"""What the hub holds of one person, as a zip of JSON with their files."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import IO, Any, BinaryIO

import orjson
from sqlalchemy import select, update

from bloop.accounts.models import User
from bloop.accounts.privacy import blobs as bytes_of
from bloop.accounts.privacy.parts import Part, Subject, is_secret, shown_columns
from bloop.accounts.privacy.service import Sources, subject_of
from bloop.jobs.models import Job, JobState
from bloop.store.blobs import CHUNK_BYTES
from bloop.store.database import Database
from bloop.store.errors import NotFoundError
from bloop.store.held import hold
from bloop.store.types import to_text, utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

EXPORT_JOB = "accounts.export"
EXPORT_DAYS = 3
"""For so long an export lies ready for its person."""
ROWS_AT_ONCE = 500

_jobs: Any = Job.__table__
Told = Callable[[int, int], None]

ABOUT = """\
What the hub holds of one person.

person.json   whom this is about, when it was written, and how many rows each table has
tables/       the rows of each table, as JSON
files/        files that they brought, by their SHA-256

Left out:
"""


def export(
    database: Database,
    sources: Sources,
    call: Call,
    user_id: str,
    file: BinaryIO | IO[bytes],
    *,
    systems: bool,
    told: Told = lambda *_: None,
) -> dict[str, int]:
    """Write the zip; how many rows of each table are in it. Raises NotFoundError.

    With ``systems``, also what other systems gave of the person with the account's mail address:
    nobody has checked for the hub that the address is theirs.
    """
    with (
        database.reading(call) as unit,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        subject = subject_of(unit.get(User, user_id))
        if not systems:
            subject = Subject(subject.institution, subject.id)
        counts: dict[str, int] = {}
        parts = [part for part in sources.parts if part.exported]
        for done, part in enumerate(parts):
            told(done, len(parts))
            if number := _table(unit, part, subject, archive):
                counts[part.name] = number
        files = _files(unit, sources, subject, archive)
        person = {
            "institution": subject.institution,
            "person": subject.name,
            "at": to_text(utcnow()),
            "rows": counts,
            "files": files,
        }
        archive.writestr("person.json", orjson.dumps(person, option=orjson.OPT_INDENT_2))
        archive.writestr(
            "README.txt", ABOUT + "\n".join(_left_out(sources, systems=systems)) + "\n"
        )
    return counts


def run_export(
    database: Database, sources: Sources, call: Call, told: Told = lambda *_: None
) -> dict[str, Any]:
    """Write the export of the caller's own data to the hub's files, for EXPORT_DAYS."""
    with tempfile.TemporaryFile() as file:
        export(database, sources, call, call.principal.id, file, systems=False, told=told)
        file.seek(0)
        stored = sources.blobs.put(iter(lambda: file.read(CHUNK_BYTES), b""))
    with database.unit(call) as unit:
        hold(unit, (stored, "application/zip"))
    return {"blob": stored.sha256, "size": stored.size}


def forget_exports(database: Database, sources: Sources, call: Call) -> int:
    """Remove exports that have lain for EXPORT_DAYS; how many. ``call`` is the hub's own."""
    before = utcnow() - timedelta(days=EXPORT_DAYS)
    old = (
        _jobs.c.kind == EXPORT_JOB,
        _jobs.c.state == JobState.SUCCEEDED,
        _jobs.c.finished_at < before,
        _jobs.c.result["blob"].as_string().is_not(None),
    )
    note = sources.notes / "exports.json"
    with database.unit(call) as unit:
        connection = unit.connection
        found = connection.execute(
            select(_jobs.c.id, _jobs.c.institution_id, _jobs.c.result).where(*old)
        ).all()
        bytes_of.write_note(note, {row.result["blob"] for row in found})
        for row in found:
            bytes_of.forget(connection, row.institution_id, [row.result["blob"]])
            connection.execute(update(_jobs).where(_jobs.c.id == row.id).values(result=None))
    with database.unit(call) as unit:
        bytes_of.remove(unit.connection, sources.blobs, note, sources.holders)
    return len(found)


def _table(unit: UnitOfWork, part: Part, subject: Subject, archive: zipfile.ZipFile) -> int:
    columns = shown_columns(part)
    statement = select(*columns).where(part.where(subject)).order_by(*part.table.primary_key)
    options = {"yield_per": ROWS_AT_ONCE}
    rows = iter(unit.connection.execute(statement, execution_options=options))
    first = next(rows, None)
    if first is None:
        return 0
    number = 0
    with archive.open(f"tables/{part.name}.json", "w") as entry:
        for row in _all(first, rows):
            entry.write(b"[\n" if not number else b",\n")
            entry.write(orjson.dumps(row._asdict()))
            number += 1
        entry.write(b"\n]\n")
    return number


def _all(first: Any, rows: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rows


def _files(
    unit: UnitOfWork, sources: Sources, subject: Subject, archive: zipfile.ZipFile
) -> list[str]:
    """What they uploaded, and what is theirs alone; exports of before are left out."""
    own = (_jobs.c.institution_id == subject.institution) & (_jobs.c.actor == subject.name)
    statement = select(_jobs.c.payload).where(own, _jobs.c.kind != EXPORT_JOB)
    digests = {
        payload["blob"]
        for payload in unit.connection.scalars(statement)
        if isinstance(payload.get("blob"), str)
    }
    for part in sources.parts:
        column: Any = part.bytes
        if part.exported and column is not None:
            named = select(column).where(part.where(subject), column.is_not(None))
            digests |= set(unit.connection.scalars(named))
    written = []
    for digest in sorted(digests):
        try:
            source = sources.blobs.open(digest)
        except NotFoundError:
            continue
        with source, archive.open(f"files/{digest}", "w", force_zip64=True) as entry:
            while chunk := source.read(CHUNK_BYTES):
                entry.write(chunk)
        written.append(digest)
    return written


def _left_out(sources: Sources, *, systems: bool) -> Iterator[str]:
    for part in sources.parts:
        hidden = [column.name for column in part.table.columns if is_secret(column)]
        if not part.exported:
            yield f"- {part.name}: {part.reason}"
        elif hidden:
            yield f"- {part.name}: {', '.join(hidden)}, which are secrets or checks of them"
    if not systems:
        yield "- what is known by your mail address alone: ask an admin, who can see that it is you"
