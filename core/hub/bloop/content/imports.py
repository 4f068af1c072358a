"""Importing a file or a folder: it gets the connection of its own identifier, and is read.

    cartridge = Importer("cartridge", "lms")
    report = await import_file(database, blobs, open_provider, call, cartridge, path)

A file imported again meets the rows of its last import and writes what differs: nothing, for the
same file. It is known by what it says of itself, and by its content wherever that lies now.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from sqlalchemy import select

from bloop.content.engine import run_read
from bloop.content.models import Container
from bloop.content.options import FILE_LIMIT, Progress, RunOptions
from bloop.content.runs import RunReport
from bloop.content.sanitising import SanitiserProcess
from bloop.content.sync_models import SyncRun
from bloop.jobs.ledger import enqueue
from bloop.kernel.models import Connection
from bloop.kernel.registry import PluginRecord
from bloop.kernel.states import PluginState
from bloop.store.blobs import Blobs
from bloop.store.commands import command
from bloop.store.database import Database, in_unit
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.ids import new_id
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call, FatalError, Keyed, MissingRecordError
from bloop_sdk import Container as RemoteContainer
from bloop_sdk.folders import open_inside, walk
from bloop_sdk.providers.content import ContentProvider

OpenProvider = Callable[[str, Path], ContentProvider]
"""Makes a provider for ``(connection id, file)``; nothing is read before it is asked."""

IMPORT_JOB = "content.import"
"""The kind of the job that imports an uploaded file; its handler is :func:`import_upload`."""

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Importer:
    """The plugin that reads a file, and as which capability."""

    plugin_id: str
    capability: str


def importer_for(
    plugins: Iterable[PluginRecord],
    name: str,
    plugin_id: str | None = None,
    *,
    folder: bool = False,
    inside: Mapping[str, int] | None = None,
) -> Importer:
    """The ready plugin that says it imports files of this name, or the one that is asked for.

    A plugin that is asked for is believed to read a file of any name, but a ``folder`` only where
    it says so. Of several the one comes first that knows most of what is ``inside``, which counts
    a folder's files by their suffixes. Raises :class:`InvalidError` with what could be done.
    """
    what = "folder" if folder else PurePath(name).suffix.lower()
    known = [record for record in plugins if record.manifest and record.manifest.imports]
    fitting = [
        record
        for record in known
        if plugin_id in {None, record.id}
        if record.manifest and (what in record.manifest.imports or (plugin_id and not folder))
    ]
    # A folder is not read by whoever knows none of its files while another knows some.
    some = [record for record in fitting if _known(record, inside or {})]
    fitting = sorted(some, key=lambda record: -_known(record, inside or {})) or fitting
    for record in fitting:
        if record.status.state is PluginState.READY and record.manifest:
            capability = next(c for c in ("lms", "notes") if c in record.manifest.provides)
            return Importer(record.id, capability)
    if fitting:
        record = fitting[0]
        raise InvalidError(
            f"{name}: plugin {record.id} would import it, but is {record.status.state}",
            cure=record.status.cure or f"bloop plugins enable {record.id}",
            field="file",
        )
    who = f"plugin {plugin_id}" if plugin_id else "no plugin"
    asked = "folders" if folder else what or "files without a suffix"
    names = sorted({one for record in known if record.manifest for one in record.manifest.imports})
    raise InvalidError(
        f"{name}: {who} imports {'no ' if plugin_id else ''}{asked}",
        cure=f"known are {', '.join(names) or 'none'}; or name the plugin",
        field="file",
    )


def suffixes_in(folder: Path) -> Counter[str]:
    """How many files of each suffix a folder holds, as :func:`importer_for` takes it."""
    return Counter(PurePath(found.path).suffix.lower() for found in walk(folder))


def _known(record: PluginRecord, inside: Mapping[str, int]) -> int:
    return sum(inside.get(one, 0) for one in record.manifest.imports) if record.manifest else 0


async def import_file(
    database: Database,
    blobs: Blobs,
    open_provider: OpenProvider,
    call: Call,
    importer: Importer,
    path: Path,
    *,
    name: str | None = None,
    into: str | None = None,
    confirm_deletes: bool = False,
    file_limit: int = FILE_LIMIT,
    progress: Progress | None = None,
    sanitiser: SanitiserProcess | None = None,
) -> RunReport:
    """Import a file or a folder, into the course ``into`` or one of its own.

    ``name`` is what people call it. It is checked before anything is written. Raises what the
    plugin raises.
    """
    fresh = new_id()
    provider = open_provider(fresh, path)
    containers = await provider.discover()
    if not containers:
        raise FatalError(f"{path.name}: there is no course in it")
    source = await asyncio.to_thread(digest_of, path)
    connection, into = await database.run(
        in_unit,
        database,
        call,
        connection_of_file,
        importer,
        fresh,
        key=_key_of(provider, containers),
        name=((len(containers) == 1 and containers[0].title) or name or path.name)[:200],
        file=name or path.name,
        source=source,
        into=into,
    )
    if connection != fresh:
        provider = open_provider(connection, path)
    return await run_read(
        database,
        blobs,
        provider,
        call,
        connection=connection,
        options=RunOptions(
            source=source,
            into=into,
            confirm_deletes=confirm_deletes,
            file_limit=file_limit,
            sanitiser=sanitiser,
        ),
        progress=progress,
    )


def _key_of(provider: ContentProvider, containers: Sequence[RemoteContainer]) -> str:
    """What an import is known by from one to the next."""
    own = provider.source_key() if isinstance(provider, Keyed) else ""
    return own or containers[0].remote_id


async def import_upload(
    database: Database,
    blobs: Blobs,
    open_provider: Callable[[Importer, str, Path], ContentProvider],
    call: Call,
    payload: Mapping[str, Any],
    progress: Progress | None = None,
    sanitiser: SanitiserProcess | None = None,
) -> dict[str, Any]:
    """Do an :data:`IMPORT_JOB`: import the blob that its payload names; gives the report."""
    importer = Importer(payload["plugin"], payload["capability"])
    with tempfile.TemporaryDirectory(prefix="bloop-import-") as folder:
        # A course without a title takes the file's name, and a blob is called by its digest.
        path = Path(folder) / file_name(payload["name"])
        path.symlink_to(blobs.path(payload["blob"]).absolute())
        report = await import_file(
            database,
            blobs,
            lambda connection, path: open_provider(importer, connection, path),
            call,
            importer,
            path,
            name=payload["name"],
            into=payload["into"],
            confirm_deletes=payload["confirm_deletes"],
            progress=progress,
            sanitiser=sanitiser,
        )
    return asdict(report)


def file_name(name: str) -> str:
    """An uploaded file's own name, as far as every file system takes it."""
    stem = re.sub(r"[^\w ()-]", "_", PurePath(name).stem)[:60].strip() or "course"
    return stem + re.sub(r"[^\w.]", "", PurePath(name).suffix)[:12]


@command("content:import")
def ask_for_import(unit: UnitOfWork, payload: Mapping[str, Any], *, key: str | None = None) -> str:
    """Ask for the job that imports an uploaded file; its id. The same ``key`` asks only once.

    Raises NotFoundError or ConflictError where the course that it goes into cannot take it.
    """
    if payload["into"] is not None:
        _writable(unit, payload["into"])
    return enqueue(unit, IMPORT_JOB, payload, plugin_id=payload["plugin"], key=key)


def _writable(unit: UnitOfWork, into: str) -> Container:
    course = unit.get(Container, into)
    if course.state == "trashed":
        raise ConflictError(f"the course {course.title!r} is in the trash", cure="restore it")
    return course


@command("content:import")
def connection_of_file(
    unit: UnitOfWork,
    importer: Importer,
    fresh: str,
    *,
    key: str,
    name: str,
    file: str,
    source: str,
    into: str | None,
) -> tuple[str, str | None]:
    """The connection of an import, and the course that it goes into.

    It is that of this course, of the same identifier, or of the same content.
    """
    found = None
    if into is not None:
        course = _writable(unit, into)
        found = _of_course(unit, course, importer)
        key = found.key if found else f"{into}/{key}"[:500]
    found = found or unit.session.scalar(
        select(Connection).where(
            Connection.institution_id == unit.institution,
            Connection.plugin_id == importer.plugin_id,
            Connection.key == key[:500],
        )
    )
    if found is not None:
        return found.id, into
    if into is None and (same := _of_content(unit, importer, source)):
        return same
    unit.session.add(
        Connection(
            institution_id=unit.institution,
            id=fresh,
            plugin_id=importer.plugin_id,
            capability=importer.capability,
            key=key[:500],
            name=name,
            settings={"file": file},
        )
    )
    unit.audit.append("content.file_connected", f"connection:{fresh}", {"file": file})
    return fresh, into


def _of_course(unit: UnitOfWork, course: Container, importer: Importer) -> Connection | None:
    """The file that a course was imported from, where the same plugin did it."""
    if course.connection_id is None:
        return None
    found = unit.get(Connection, course.connection_id)
    if found.plugin_id != importer.plugin_id or "file" not in found.settings:
        return None
    if len(_courses_of(unit, found.id)) > 1:
        raise ConflictError(
            f"{course.title!r} came together with others, which this file would take for gone",
            cure="import all of them again, or this one without a course to go into",
        )
    return found


def _of_content(unit: UnitOfWork, importer: Importer, source: str) -> tuple[str, str | None] | None:
    """The connection that the same bytes were imported to from another place, and its one course.

    Which may be called after the place. Of several the connection alone is known again where what
    its plugin calls them does not depend on it.
    """
    same = unit.session.scalars(
        select(Connection.id)
        .join(SyncRun, SyncRun.connection_id == Connection.id)
        .where(
            Connection.institution_id == unit.institution,
            Connection.plugin_id == importer.plugin_id,
            SyncRun.institution_id == unit.institution,
            SyncRun.source == source,
            SyncRun.state == "succeeded",
            SyncRun.into_id.is_(None),
        )
        .order_by(Connection.id)
    )
    for connection in dict.fromkeys(same):
        courses = _courses_of(unit, connection)
        if courses:
            return connection, courses[0] if len(courses) == 1 else None
    return None


def _courses_of(unit: UnitOfWork, connection: str) -> Sequence[str]:
    return unit.session.scalars(
        select(Container.id).where(
            Container.institution_id == unit.institution,
            Container.connection_id == connection,
            Container.state.in_(["active", "pending"]),
        )
    ).all()


def digest_of(path: Path) -> str:
    """The SHA-256, in hex, of a file, or of a folder's names and contents."""
    digest = hashlib.sha256()
    if not path.is_dir():
        with path.open("rb") as file:
            _add(digest, file)
        return digest.hexdigest()
    for found in walk(path):
        # Sizes stand before and behind, so that no content can be taken for another file's name.
        digest.update(f"\0{found.path}\0{found.refused or found.size}\0".encode(errors="replace"))
        if found.refused is None:
            try:
                with open_inside(path, found.path) as file:
                    digest.update(b"\0%d" % _add(digest, file))
            except MissingRecordError:  # It went away since it was listed.
                digest.update(b"gone")
    return digest.hexdigest()


def _add(digest: Any, file: BinaryIO) -> int:
    size = 0
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
    return size
