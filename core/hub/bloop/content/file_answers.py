"""Bytes of blobs as answers: by their digest, whole or in ranges, and never run by a browser."""

from __future__ import annotations

from pathlib import Path, PurePath

from starlette.requests import Request
from starlette.responses import FileResponse, Response

_SANDBOX = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'"
)
_REVALIDATED = "private, max-age=0, must-revalidate"
_FOR_EVER = "private, max-age=31536000, immutable"


def file_answer(
    request: Request,
    path: Path,
    sha256: str,
    *,
    media_type: str,
    name: str,
    inline: bool,
    immutable: bool = False,
) -> Response:
    """The file at ``path``; ``immutable`` says that its address never shows another one.

    304 for who has it, 206 and 416 for ranges (RFC 9110, section 14); ``name`` is what it is saved
    as, and may be empty.
    """
    headers = {
        "etag": f'"{sha256}"',
        "cache-control": _FOR_EVER if immutable else _REVALIDATED,
        "content-security-policy": _SANDBOX,
    }
    known = request.headers.get("if-none-match", "")
    named = {one.strip().removeprefix("W/") for one in known.split(",")}
    if {"*", headers["etag"]} & named:
        return Response(status_code=304, headers=headers)
    name, how = PurePath(name).name, "inline" if inline else "attachment"
    if not name:
        headers["content-disposition"] = how
    return FileResponse(
        path,
        headers=headers,
        media_type=media_type,
        filename=name or None,
        content_disposition_type=how,
    )
