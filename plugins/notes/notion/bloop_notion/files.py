"""The bytes of files: an address opens one for an hour, then Notion gives another."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from bloop_notion.model import Media
from bloop_sdk import (
    ConnectionContext,
    FatalError,
    ForbiddenRecordError,
    HostileInputError,
    MalformedRecordError,
    MissingRecordError,
    PermissionMissingError,
    Request,
    RetriableError,
)

PIECE = 4 * 1024 * 1024
"""Bytes that the rest of a file is asked for at a time."""
TRIES = 4
"""So many addresses of one file are tried."""

_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")

Fresh = Callable[[str, Media], Awaitable[str | None]]
"""A new address of a file of a page; None where it stands there no more."""


class Downloads:
    """Reads files of one connection; ``fresh`` asks Notion for a new address."""

    def __init__(self, ctx: ConnectionContext, fresh: Fresh) -> None:
        self._ctx = ctx
        self._fresh = fresh

    def reader(self, page: str, media: Media) -> Callable[[], AsyncIterator[bytes]]:
        """What reads a file from its beginning each time."""

        async def chunks() -> AsyncIterator[bytes]:
            try:
                async for chunk in self._all(page, media):
                    yield chunk
            except PermissionMissingError as err:
                raise ForbiddenRecordError(err.message) from err
            except HostileInputError:
                raise
            except FatalError as err:
                # One file that cannot be had costs no other.
                raise MalformedRecordError(err.message, cure=err.cure, code="file_refused") from err

        return chunks

    async def _all(self, page: str, media: Media) -> AsyncIterator[bytes]:
        """A file, taken up again where it breaks off or its address expires."""
        got, url = 0, media.url
        for left in range(TRIES, 0, -1):
            try:
                reading = self._rest(url, got) if got else self._whole(url)
                async for chunk in reading:
                    got += len(chunk)
                    yield chunk
            except (PermissionMissingError, MissingRecordError, RetriableError, FatalError) as err:
                if isinstance(err, HostileInputError) or left == 1:
                    raise
                expired = isinstance(err, PermissionMissingError | MissingRecordError | FatalError)
                if expired:
                    found = await self._fresh(page, media)
                    if found is None:
                        raise MissingRecordError(
                            f"{media.name} stands in its page no more"
                        ) from err
                    url = found
                elif not got:
                    raise
            else:
                return

    async def _whole(self, url: str) -> AsyncIterator[bytes]:
        async for chunk in self._ctx.http.stream(Request(url=url)):
            yield chunk

    async def _rest(self, url: str, got: int) -> AsyncIterator[bytes]:
        """What follows the first ``got`` bytes; raises MalformedRecordError where none is told."""
        size: int | None = None
        while size is None or got < size:
            asked = {"Range": f"bytes={got}-{got + PIECE - 1}"}
            response = await self._ctx.http.send(Request(url=url, headers=asked))
            told = _RANGE.fullmatch(response.headers.get("content-range", ""))
            if response.status == 416:
                return
            if response.status != 206 or told is None or int(told[1]) != got or not response.body:
                raise MalformedRecordError(
                    "the download broke off, and where it lies no rest of a file is given",
                    code="file_incomplete",
                )
            with suppress(ValueError):
                size = int(told[3])
            got += len(response.body)
            yield response.body
