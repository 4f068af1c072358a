"""Files on their way to Notion: an upload first, which a block then shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from mimetypes import MimeTypes
from typing import Any

from bloop_notion.api import Api, RefusedError
from bloop_notion.fields import dashed, obj, text
from bloop_sdk import MissingRecordError, UnsupportedError
from bloop_sdk.records import JSONObject

SINGLE = 20 * 1024 * 1024
"""Bytes that go in one piece; more go in parts."""
PART = 10 * 1024 * 1024
MAX_NAME = 900
_TYPES = MimeTypes()  # Python's own list; the function of its module asks the system's too.
_NAMED = {
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "image/x-icon": "image/vnd.microsoft.icon",
}
"""Types by the names that Notion knows them by."""


async def upload(
    api: Api,
    limit: int | None,
    name: str,
    media_type: str | None,
    size: int,
    chunks: AsyncIterator[bytes],
) -> str:
    """Send a file; the id of the upload, which has an hour to be shown by a block."""
    if limit is not None and size > limit:
        raise UnsupportedError(
            f"{name}: it has {size:,} bytes, and this workspace of Notion takes {limit:,}",
            cure="link to the file instead, or use a Notion plan that takes larger ones",
        )
    kind = type_of(name, media_type)
    body: JSONObject = {"filename": _fitting(name)}
    body |= {"content_type": kind} if kind else {}
    parts = -(-size // PART) if size > SINGLE else 1
    body |= {"mode": "multi_part", "number_of_parts": parts} if parts > 1 else {}
    try:
        own = text(await api.send("POST", "file_uploads", body=body), "id")
    except RefusedError as err:
        raise UnsupportedError(
            f"{name}: Notion's API does not take it: {err.message}",
            cure="link to the file instead, or put it into Notion by hand",
        ) from err
    number = 0
    async for piece in _pieces(chunks, PART if parts > 1 else SINGLE):
        number += 1
        part = (_fitting(name), piece, kind or "application/octet-stream")
        form: dict[str, Any] = {"file": part}
        if parts > 1:
            form["part_number"] = str(number)
        await api.send("POST", f"file_uploads/{own}/send", form=form)
    if parts > 1:
        await api.send("POST", f"file_uploads/{own}/complete", body={})
    return dashed(own) or own


def type_of(name: str, told: str | None) -> str | None:
    """A file's media type: that of its name's ending, which Notion wants it to be; or what is told.

    https://developers.notion.com/reference/create-a-file-upload
    """
    found = _TYPES.guess_type(name, strict=False)[0] or told
    return _NAMED.get(found, found) if found else None


async def waiting(api: Api, upload_id: str) -> JSONObject | None:
    """An upload that no block shows yet; None where there is none of that id."""
    if dashed(upload_id) is None:
        return None
    try:
        found = await api.get(f"file_uploads/{upload_id}")
    except MissingRecordError:
        return None
    return found if text(found, "status") == "uploaded" else None


def limit_of(me: JSONObject) -> int | None:
    """The most bytes of a file that a workspace takes, where it tells."""
    found = obj(obj(me, "bot"), "workspace_limits").get("max_file_upload_size_in_bytes")
    return found if isinstance(found, int) and found > 0 else None


def _fitting(name: str) -> str:
    """A name that Notion takes: 900 bytes at most, with its ending."""
    while len(name.encode()) > MAX_NAME:
        head, dot, tail = name.rpartition(".")
        name = f"{head[:-1]}{dot}{tail}" if dot and len(tail) < 20 and head else name[:-1]
    return name or "file"


async def _pieces(chunks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """The same bytes in pieces of ``size``; an empty file is one empty piece."""
    held, sent = bytearray(), False
    async for chunk in chunks:
        held += chunk
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
            sent = True
    if held or not sent:
        yield bytes(held)
