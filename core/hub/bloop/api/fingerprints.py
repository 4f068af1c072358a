"""Whether two requests are the same: a digest over method, path, query and body.

The boundary of a multipart form is left out of it, for most clients draw another one each time.
"""

from __future__ import annotations

import hashlib

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope


class Fingerprint:
    """The digest of a request, whose body passes through :meth:`receive` once."""

    def __init__(self, scope: Scope, content_type: str, receive: Receive) -> None:
        self._digest = hashlib.sha256()
        for part in (scope["method"].encode(), scope["path"].encode(), scope["query_string"]):
            self._digest.update(len(part).to_bytes(8) + part)
        self._boundary = _boundary(content_type)
        self._held = b""
        self._whole = False
        self._receive = receive

    async def receive(self) -> Message:
        """The next message of the body."""
        message = await self._receive()
        if message["type"] == "http.request":
            more = message.get("more_body", False)
            self._add(message.get("body", b""), last=not more)
            self._whole = not more
        return message

    async def buffer(self) -> Receive:
        """Read the whole body, and give what reads it once more."""
        kept: list[Message] = []
        while not self._whole:
            kept.append(await self.receive())
            if kept[-1]["type"] == "http.disconnect":
                raise ClientDisconnect
        kept.reverse()

        async def again() -> Message:
            return kept.pop() if kept else await self._receive()

        return again

    async def drain(self) -> None:
        """Read what is left of the body."""
        while not self._whole:
            if (await self.receive())["type"] == "http.disconnect":
                raise ClientDisconnect

    def hex(self) -> str:
        """The digest; raises RuntimeError before the body has been read to its end."""
        if not self._whole:
            raise RuntimeError("a request has its effect before its body was read to the end")
        return self._digest.hexdigest()

    def _add(self, piece: bytes, *, last: bool) -> None:
        if self._boundary is None:
            self._digest.update(piece)
            return
        *parts, rest = (self._held + piece).split(self._boundary)
        for part in parts:
            self._digest.update(part + b"\0boundary\0")
        # What may be the beginning of a boundary waits for the next piece.
        keep = 0 if last else min(len(rest), len(self._boundary) - 1)
        self._digest.update(rest[: len(rest) - keep])
        self._held = rest[len(rest) - keep :]


def _boundary(content_type: str) -> bytes | None:
    if not content_type.lower().startswith("multipart/"):
        return None
    from python_multipart.multipart import parse_options_header

    _, options = parse_options_header(content_type)
    return options.get(b"boundary") or None
