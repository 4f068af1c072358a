"""What the studio does when something happens in the hub."""

from __future__ import annotations

from bloop_sdk import Event, Unit
from bloop_studio import videos


def forget_lesson(unit: Unit, event: Event) -> None:
    """What was made of a lesson goes with it, in the transaction that takes the event."""
    videos.forget_lesson(unit, event.payload["id"])
