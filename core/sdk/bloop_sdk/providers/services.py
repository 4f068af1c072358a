"""Capabilities ``blobs sink notifier`` (provisional)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bloop_sdk.events import Event
from bloop_sdk.providers.content import CheckResult


@runtime_checkable
class BlobProvider(Protocol):
    """Storage of bytes by their SHA-256 (hex)."""

    async def put(self, digest: str, chunks: AsyncIterator[bytes]) -> None:
        """Keep; the same digest twice is one blob."""
        ...

    def get(self, digest: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        """Bytes ``[start:end]``."""
        ...


@runtime_checkable
class SinkProvider(Protocol):
    """A projection of the event stream, at least once, in order per aggregate.

    There is one in each process that delivers, for all institutions that use the plugin, and where
    an operator has cut its events into partitions one for each: it is made with a
    :class:`bloop_sdk.PluginContext`, and its settings are the hub's.
    :func:`bloop_sdk.events.cloud_event` is the form in which events leave the hub.
    """

    async def check(self) -> CheckResult:
        """What it reaches, and as whom; raises what is wrong there, with its cure."""
        ...

    async def publish(self, events: Sequence[Event]) -> None:
        """Returns when the other side has them all, those of one aggregate in their order.

        Raises SkippableError with ``ref="event:<id>"`` for an event that can never be taken, before
        it hands over a later one of its aggregate: the hub parks it, and calls with the others.
        After any other error the same events come again, after pauses that grow, and nothing is
        parked however long that takes.
        """
        ...

    async def close(self) -> None:
        """Let go of connections; nothing is published afterwards."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message to one person. One that is tried again has the same ``idempotency_key``."""

    to: str
    subject: str
    text: str
    html: str | None = None
    idempotency_key: str = ""


@runtime_checkable
class Notifier(Protocol):
    """Brings messages to people."""

    async def notify(self, notification: Notification) -> None:
        """Hand the message over.

        Raises SkippableError where this message can never be brought: it has failed then. After any
        other error, also one of settings or of a login, it comes again, after pauses that grow from
        seconds to hours, for more than two days.
        """
        ...
