"""Bytes of files on their way in: streamed to a blob before the batch that names them commits."""

from __future__ import annotations

from contextlib import aclosing

from bloop.content.incoming import Incoming, Work
from bloop.store.blobs import BlobRef, Blobs
from bloop.store.errors import NotFoundError
from bloop_sdk import HostileInputError, SkippableError, records


async def fetch_bytes(blobs: Blobs, work: Work, limit: int) -> None:
    """Get the bytes that the hub does not hold of the batch's files.

    A file whose bytes cannot be had keeps its row; why goes into quarantine under its name.
    """
    files = [one for one in work.incoming.values() if isinstance(one.record, records.File)]
    for one in files:
        if not _wanted(blobs, one):
            continue
        try:
            one.blob = await _stream(blobs, one, limit)
            work.bytes += one.blob.size
        except (SkippableError, HostileInputError) as err:
            code = "file_too_large" if isinstance(err, HostileInputError) else err.code
            work.problems.append((str(one.ref), f"its bytes: {err}", code))


def _wanted(blobs: Blobs, one: Incoming) -> bool:
    if not isinstance(one.record, records.File) or one.record.chunks is None:
        return False
    known = one.known
    if known is None or known.raw_hash != one.hash or known.blob is None:
        return known is None or known.state != "trashed"
    try:
        blobs.path(known.blob)
    except NotFoundError:
        return True
    return False


async def _stream(blobs: Blobs, one: Incoming, limit: int) -> BlobRef:
    assert isinstance(one.record, records.File)
    assert one.record.chunks is not None
    if one.record.size is not None and one.record.size > limit:
        raise HostileInputError(f"{one.record.size} bytes; at most {limit} are allowed")
    writer = blobs.writer(limit)
    try:
        async with aclosing(one.record.chunks()) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                writer.write(chunk)
        return writer.finish()
    except BaseException:
        writer.abort()
        raise
