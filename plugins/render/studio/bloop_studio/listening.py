"""What the studio does when something happens in the hub."""

from __future__ import annotations

from bloop_sdk import Event, Unit
from bloop_studio import videos


def forget_lesson(unit: Unit, event: Event) -> None:
    """What was made of a lesson goes with it, in the transaction that takes the event.

    One that lies in the trash, or that a sync has missed, may come back: its storyboards, which
    people wrote, and its videos wait for it.
    """
    if not event.payload.get("restorable"):
        videos.forget_lesson(unit, event.payload["id"])
