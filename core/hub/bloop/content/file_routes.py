"""Bytes in and out: the files of courses, courses as files, and files to import."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path, PurePath
from typing import IO, Any

from starlette.background import BackgroundTask
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import job_started, json_response
from bloop.content import queries, service
from bloop.content.exports import HubExportSource
from bloop.content.file_answers import file_answer
from bloop.content.file_reads import file_for
from bloop.content.schemas import ItemOut, JobStarted
from bloop.content.sniffing import HEAD_BYTES, INLINE_TYPES, UNKNOWN, settled
from bloop.content.tree_routes import sees_drafts, taught
from bloop.content.uploads import Upload, accept
from bloop.store.blobs import BlobRef, Blobs
from bloop.store.database import in_unit
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.statements import parsed
from bloop_sdk import Exporter

router = Router(prefix="/api/v1", tags=["content"])

_PIECE = 1 << 20


@router.get("/items/{item_id}/content", action="content:read", problems=(404,))
async def show_content(request: Request, item_id: str) -> Response:
    """The bytes of a file, whole or in ranges."""
    call, hub = call_of(request), hub_of(request)
    found = await file_for(hub.database, call, item_id, drafts=sees_drafts(call))
    if found["blob"] is None:
        raise NotFoundError(
            f"the hub holds no bytes of {found['title']!r}", cure="see the quarantine for why"
        )
    data = parsed(found["data"])
    path = hub.blobs.path(found["blob"])
    media_type = settled(await asyncio.to_thread(_head, path), data.get("media_type"))
    inline = media_type in INLINE_TYPES
    return file_answer(
        request,
        path,
        found["blob"],
        media_type=media_type if inline else UNKNOWN,
        name=data.get("name") or found["title"],
        inline=inline,
    )


@router.post(
    "/containers/{container_id}/files",
    action="content:write",
    also=taught("containers", "container_id"),
    response_model=ItemOut,
    status_code=201,
    upload=True,
    problems=(404, 409, 413, 422),
)
async def add_file(request: Request, container_id: str) -> Response:
    """A new, unpublished file, from the field ``file`` of a multipart form."""
    hub = hub_of(request)
    name, media_type, ref = await uploaded(request)
    made = await hub.database.run(
        in_unit,
        hub.database,
        call_of(request),
        service.add_file,
        container_id,
        name=name,
        media_type=media_type,
        sha256=ref.sha256,
        size=ref.size,
    )
    row = await hub.database.read_one(queries.ITEM, call_of(request), id=made.id)
    assert row is not None
    return json_response(queries.ITEM.as_dict(row), 201, version=made.row_version)


@router.post(
    "/imports",
    action="content:import",
    response_model=JobStarted,
    status_code=202,
    upload=True,
    problems=(404, 409, 413, 422, 503),
)
async def import_upload(
    request: Request, into: str = "", plugin: str = "", *, confirm_deletes: bool = False
) -> Response:
    """Import a file, from the field ``file`` of a multipart form, into a new course or ``into``.

    What cannot be imported is refused before a job is asked for.
    """
    name, _, ref = await uploaded(request)
    job = await accept(
        hub_of(request),
        call_of(request),
        Upload(name, ref),
        into=into or None,
        plugin=plugin or None,
        confirm_deletes=confirm_deletes,
    )
    return job_started(job)


async def uploaded(
    request: Request, fields: dict[str, str] | None = None
) -> tuple[str, str | None, BlobRef]:
    """Name, type and stored bytes of the form's file; ``fields`` get what the form says of them.

    Raises InvalidError for a form without one, and for what is no such form.
    """
    hub = hub_of(request)
    async with _form(request) as form:
        if fields is not None:
            told = {name: form.get(name) for name in fields}
            fields |= {name: value for name, value in told.items() if isinstance(value, str)}
        return await stored(hub.blobs, form.get("file"))


async def stored(blobs: Blobs, upload: Any) -> tuple[str, str | None, BlobRef]:
    """The same of a field of a form that was read; raises InvalidError where it is no file."""
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise InvalidError(
            "file: the form has no such file",
            field="file",
            cure='send multipart/form-data with a file named "file"',
        )
    name = PurePath(upload.filename.replace("\\", "/")).name[:255] or "file"
    ref = await asyncio.to_thread(_store, blobs, upload.file)
    head = await asyncio.to_thread(_head, blobs.path(ref.sha256))
    return name, settled(head, upload.content_type), ref


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[FormData]:
    try:
        form = await request.form(max_files=1, max_fields=8)
    except MultiPartException as err:
        raise InvalidError(
            f"file: this is no multipart form: {err.message}",
            field="file",
            cure='send multipart/form-data with its boundary and a file named "file"',
        ) from err
    try:
        yield form
    finally:
        await form.close()


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _store(blobs: Blobs, file: IO[bytes]) -> BlobRef:
    return blobs.put(iter(lambda: file.read(_PIECE), b""))


@router.get("/containers/{container_id}/export", action="content:export", problems=(404, 422, 503))
async def export(request: Request, container_id: str, plugin: str = "cartridge") -> Response:
    """A course as a file, written by the exporter of ``plugin``."""
    hub: Any = hub_of(request)
    call = call_of(request)
    await hub.choices.require(call, plugin)
    exporter: Exporter = hub.open_exporter(plugin)
    source = await asyncio.to_thread(HubExportSource, hub.database, hub.blobs, call, container_id)
    target: Any = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it has been sent
    try:
        await asyncio.to_thread(exporter.export, source, target)
        size = target.tell()
        target.seek(0)
    except BaseException:
        target.close()
        raise
    name = f"{source.container.title[:80]}{exporter.suffix}".replace('"', "")
    return StreamingResponse(
        _pieces(target),
        media_type=exporter.media_type,
        headers={"content-length": str(size), "content-disposition": _attachment(name)},
        background=BackgroundTask(target.close),
    )


async def _pieces(file: Any) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, _PIECE):
        yield piece


def _attachment(name: str) -> str:
    from urllib.parse import quote

    return f"attachment; filename*=utf-8''{quote(name)}"
