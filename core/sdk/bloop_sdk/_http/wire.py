"""What lies below the client: one try of one request, and whose turn it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from bloop_sdk._http.urls import told
from bloop_sdk.errors import FatalError
from bloop_sdk.http import Answer, Request

if TYPE_CHECKING:
    from bloop_sdk.manifest import Bucket

_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})


class Transport(Protocol):
    """What :class:`~bloop_sdk._http.client.Client` sends through: the network, or a recording."""

    def open(
        self, request: Request, *, total: float, idle: float
    ) -> AbstractAsyncContextManager[Answer]:
        """Send, and keep the connection while the body is read.

        ``total`` bounds everything, ``idle`` the silence between two pieces, in seconds.
        """
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...


def prepare(request: Request) -> tuple[str, dict[str, str], bytes | None]:
    """URL with its parameters, headers and body as they are sent."""
    refused = sorted(name for name in request.headers if name.lower() in _OURS)
    if refused:
        raise FatalError(f"{told(request)}: the header {refused[0]} is the client's to set")
    url, headers, body = request.url.partition("#")[0], dict(request.headers), request.body
    if request.params:
        url += ("&" if "?" in url else "?") + urlencode(request.params, doseq=True)
    named = {name.lower() for name in headers}
    kind = None
    if request.json_body is not None:
        body, kind = json.dumps(request.json_body).encode(), "application/json"
    elif request.form is not None:
        body, kind = urlencode(request.form).encode(), "application/x-www-form-urlencoded"
    if kind and "content-type" not in named:
        headers["Content-Type"] = kind
    return url, headers, body


Key = tuple[str, str]
"""Credential and host: what a system counts by."""

Learn = Callable[[Mapping[str, str]], None]
"""Takes the headers of an answer: what they tell of a bucket counts for those who come after."""


@dataclass(frozen=True, slots=True)
class Pace:
    """At most ``count`` requests in any ``seconds`` of each window, ``at_once`` in flight.

    Of a ``bucket`` at the other side no more is asked for than its answers say that it holds.
    """

    windows: tuple[tuple[int, float], ...] = ()
    at_once: int = 8
    bucket: Bucket | None = None


class Pacer(Protocol):
    """Gives turns. One for all processes of a hub can stand in for the one of a process."""

    def turn(self, key: Key, pace: Pace, patience: float) -> AbstractAsyncContextManager[Learn]:
        """Wait for a turn, and have it until the request is over.

        Raises :class:`RateLimitedError` at once where the wait for a window, a bucket or a hold
        would be longer than ``patience`` seconds: whoever asks can come back then.
        """
        ...

    def hold(self, key: Key, seconds: float) -> None:
        """Give no turn for so long: the other side has asked for it."""
        ...
