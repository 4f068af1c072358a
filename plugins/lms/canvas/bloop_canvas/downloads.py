"""The bytes of files: from Canvas, or from where its redirects lead; what breaks off is resumed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

from bloop_canvas.api import Api
from bloop_canvas.fields import whole
from bloop_sdk import DeadlineError, MalformedRecordError, UnavailableError
from bloop_sdk.records import JSONObject

PIECE = 4 * 1024 * 1024
"""Bytes that the rest of a file is asked for at a time."""

_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")


def reader(api: Api, item: JSONObject) -> Callable[[], AsyncIterator[bytes]] | None:
    """What reads a file from its beginning each time; None where Canvas gives no address."""
    url = item.get("url")
    if not isinstance(url, str) or urlsplit(url).scheme not in {"https", "http"}:
        return None
    size = whole(item, "size")

    async def chunks() -> AsyncIterator[bytes]:
        got = 0
        try:
            async for chunk in api.stream(url):
                got += len(chunk)
                yield chunk
        except (UnavailableError, DeadlineError) as err:
            if not got:
                raise
            async for chunk in _rest(api, url, got, size, err):
                got += len(chunk)
                yield chunk
        if size is not None and got != size:
            raise MalformedRecordError(
                f"{got} bytes came of a file that has {size}", code="file_changed"
            )

    return chunks


async def _rest(
    api: Api, url: str, got: int, size: int | None, broken: UnavailableError | DeadlineError
) -> AsyncIterator[bytes]:
    """What follows the first ``got`` bytes; raises ``broken`` where the server knows no ranges."""
    total = None
    while total is None or got < total:
        response = await api.piece(url, f"bytes={got}-{got + PIECE - 1}")
        told = _RANGE.fullmatch(response.headers.get("content-range", ""))
        if response.status != 206 or told is None or int(told[1]) != got or not response.body:
            raise broken
        total = size if told[3] == "*" else int(told[3])
        if total is None:
            raise broken
        if size is not None and total != size:
            raise MalformedRecordError("the file changed while it was read", code="file_changed")
        got += len(response.body)
        yield response.body
