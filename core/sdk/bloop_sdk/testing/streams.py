"""Systems for tests of sinks: what takes the hub's events.

    class Broker:
        def __init__(self, folder: Path) -> None: ...       # starts it, anew for each test
        settings = {"bootstrap_servers": ["127.0.0.1:9092"]}
        async def taken(self, count: int) -> list[JSONObject]: ...
        def close(self) -> None: ...

    Stream(make=Broker, without={"bad": "it knows no credentials"})

A real server that the test starts is better than one in memory. What a test needs beyond that, the
class offers as methods of the names in :data:`bloop_sdk.testing.system.OFFERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from bloop_sdk.events import Event
from bloop_sdk.records import JSONObject

INSTITUTIONS = (
    "0199c0de-0000-7000-8000-000000000001",
    "0199c0de-0000-7000-8000-000000000002",
)


class FakeStream(Protocol):
    """A system that takes events; each one that is made has taken none."""

    settings: Mapping[str, Any]
    """The plugin's settings, with which it is reached."""

    async def taken(self, count: int) -> Sequence[JSONObject]:
        """All envelopes that it took so far, in their order, once there are ``count`` different.

        The envelopes are those of :func:`bloop_sdk.events.cloud_event`. Raises TimeoutError.
        """
        ...

    def close(self) -> None:
        """End it; it may have ended before."""
        ...


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A system for a sink. ``make`` is a class; it gets a folder of its own.

    ``bad`` are settings with a credential that is refused. ``without`` says of each offer that is
    lacking, and of each rule that can't hold, why.
    """

    make: Callable[[Path], FakeStream]
    bad: Mapping[str, Any] | None = None
    without: Mapping[str, str] = field(default_factory=dict)

    @property
    def offers(self) -> set[str]:
        """What it offers of :data:`bloop_sdk.testing.system.OFFERS`."""
        found = {name for name in ("stop", "start", "refused") if hasattr(self.make, name)}
        return found | ({"bad"} if self.bad is not None else set())


def event(number: int, aggregate: str = "item:1", institution: int = 0, **payload: Any) -> Event:
    """The event of an aggregate with this number; the same each time."""
    return Event(
        id=f"{institution}-{aggregate}-{number}",
        topic="content.item.updated",
        institution=INSTITUTIONS[institution],
        aggregate=aggregate,
        sequence=number,
        actor="user:1",
        occurred_at=datetime(2026, 5, 4, 12, tzinfo=UTC) + timedelta(seconds=number),
        payload=payload or {"number": number, "title": "Grüße, 学习"},
    )


def events(count: int) -> list[Event]:
    """The first ``count`` events of six aggregates in two institutions, taking turns."""
    return [
        event(number // 6 + 1, f"item:{number % 3}", number // 3 % 2) for number in range(count)
    ]
