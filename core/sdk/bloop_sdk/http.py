"""HTTP for plugins: small types of our own, so that the hub can choose and change its client.

Everything a plugin sends passes the hub's pacer, its guard against internal addresses and its
recorder. Time-outs are in seconds, bodies in bytes.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic_core import from_json

from bloop_sdk.errors import MalformedRecordError


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. ``params`` are added to the URL's query; ``json_body`` excludes ``body``.

    ``once`` says that it may do twice what it does, whatever its method: then it is tried again
    only where the first try cannot have had an effect.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str | int | list[str]] = field(default_factory=dict)
    body: bytes | None = None
    json_body: Any = None
    form: Mapping[str, str] | None = None
    timeout: float | None = None
    once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A whole answer. Header names are lower-case; ``url`` is the one that answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> Any:
        """The body as JSON; raises :class:`MalformedRecordError` with what came instead."""
        with suppress(ValueError):
            return from_json(self.body)
        try:
            # Four times slower; it reads halves of surrogate pairs, UTF-16 and deeper nesting too.
            return json.loads(self.body)
        except ValueError as err:
            start = self.body[:80].decode("utf-8", "replace")
            raise MalformedRecordError(f"{self.url} answered {start!r}, which is not JSON") from err

    @property
    def text(self) -> str:
        """The body as UTF-8, with replacements."""
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer, and its body as it comes in. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class HttpClient(Protocol):
    """The one way out. Errors are :mod:`bloop_sdk.errors`, already retried where that helps."""

    async def send(self, request: Request) -> Response:
        """Send and read the whole answer. 401/403/429/5xx raise; other statuses are returned."""
        ...

    def stream(self, request: Request) -> AsyncIterator[bytes]:
        """The body of a 200 answer in chunks."""
        ...

    def exchange(self, request: Request) -> AbstractAsyncContextManager[Answer]:
        """The answer whatever its status, for bridges to vendors' SDKs: see docs/plugins/http.md.

        Redirects and refusals are answers; only a rate limit, and what gives no answer, raises.
        """
        ...
