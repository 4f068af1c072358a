"""Answers in fewer bytes: whole texts are sent gzipped to who takes that (RFC 9110, section 8.4).

A page holds secrets and repeats what it was asked, so its compressed length can be made to tell
them to another site that has the visitor's browser ask for it over and over (BREACH, 2013,
https://breachattack.com). What another site asks for is therefore sent as it is.
"""

from __future__ import annotations

import asyncio
import gzip

from starlette.types import Message, Send

from bloop.api.security import Head, Headers

LEAST_BYTES = 1024
"""What is shorter fits a packet either way."""
LEVEL = 5
INLINE_BYTES = 128 * 1024
"""What is longer is compressed in a thread: about 2 ms of the event loop at the most."""
_TEXTS = (b"text/html", b"application/json", b"application/problem+json")
_OWN_SITE = frozenset({b"same-origin", b"none"})


def takes_gzip(head: Head) -> bool:
    """Whether an answer to this request may be compressed.

    A browser that doesn't say who asks (``Sec-Fetch-Site``) gets it plain where it sends a cookie.
    """
    site = head.fields.get(b"sec-fetch-site")
    own = b"cookie" not in head.fields if site is None else site in _OWN_SITE
    return own and _accepts(head.fields.get(b"accept-encoding", b""))


def _accepts(header: bytes) -> bool:
    for part in header.lower().split(b","):
        name, _, weight = part.strip().partition(b";")
        if name.strip() == b"gzip":
            return weight.replace(b" ", b"") not in {b"q=0", b"q=0.0", b"q=0.00", b"q=0.000"}
    return False


def compressing(send: Send) -> Send:
    """Send on, with a whole text compressed; parts, files and what has an ETag go as they are.

    An ETag here is the version of a row, whatever the bytes: it takes part in ``If-Match``, and
    must be the same for every client (RFC 9110, section 8.8.3.3).
    """
    start: Message | None = None

    async def send_on(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            # Its length is known with the body. A problem may follow where none came.
            start = message if _may_shrink(message["headers"]) else None
            if start is not None:
                return
        elif start is not None:
            first, start = start, None
            if not message.get("more_body") and len(message.get("body", b"")) >= LEAST_BYTES:
                message = {**message, "body": await _packed(message["body"])}
                first["headers"] = _with_encoding(first["headers"], len(message["body"]))
            await send(first)
        await send(message)

    return send_on


async def _packed(body: bytes) -> bytes:
    if len(body) <= INLINE_BYTES:
        return gzip.compress(body, LEVEL, mtime=0)
    return await asyncio.to_thread(gzip.compress, body, LEVEL, mtime=0)


def _may_shrink(headers: Headers) -> bool:
    found = dict(headers)
    return (
        found.get(b"content-type", b"").partition(b";")[0] in _TEXTS
        and b"etag" not in found
        and b"content-encoding" not in found
        and b"content-range" not in found
    )


def _with_encoding(headers: Headers, length: int) -> Headers:
    vary = [value for name, value in headers if name == b"vary"]
    kept = [one for one in headers if one[0] not in {b"content-length", b"vary"}]
    return [
        *kept,
        (b"content-length", b"%d" % length),
        (b"content-encoding", b"gzip"),
        (b"vary", b", ".join([*vary, b"accept-encoding"])),
    ]
