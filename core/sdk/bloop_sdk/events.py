"""Events as consumers get them: what happened, to what, by whom.

A consumer is named by the manifest (``contributes.consumers``). Its handler is one of two:

``def (unit, event)``
    runs in the transaction in which its position moves on: an effect in the hub's database
    happens exactly once.
``async def (ctx, event)``
    may talk to systems outside; it is called at least once, and ``event.id`` is the same each time.

Events of one aggregate come in their order. A handler that raises is called again after a pause;
after its last try the event is parked with its reason, and holds back its own aggregate alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bloop_sdk.plugin import CallContext, Unit
from bloop_sdk.records import JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. ``aggregate`` is ``kind:id``; ``sequence`` counts its events."""

    id: str
    topic: str
    institution: str
    aggregate: str
    sequence: int
    actor: str
    occurred_at: datetime
    payload: JSONObject


Effect = Callable[[Unit, Event], None]
"""A consumer whose effect is in the hub's database."""

Delivery = Callable[[CallContext, Event], Any]
"""A consumer (``async def``) whose effect is outside."""
