"""Where somebody outside stands in the log, as a text that tells them nothing.

It holds the number up to which they have seen everything, and when that was: events after it are
no older, so a place as old as the events that are kept says by itself that some may be gone.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SKEW = timedelta(minutes=1)
"""So much older than its place an event may be: it was written beside others."""

_FORM = struct.Struct(">BQI")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Everything up to ``seq`` was seen ``at`` a time."""

    seq: int
    at: datetime

    def __str__(self) -> str:
        packed = _FORM.pack(_VERSION, self.seq, int(self.at.timestamp()))
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    def may_miss(self, keep: timedelta, now: datetime) -> bool:
        """Whether events after it may have been removed, of which ``keep`` are kept."""
        return self.at - SKEW < now - keep


def read_place(text: str) -> Place | None:
    """The place that a text stands for; None for what was never one."""
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        version, seq, at = _FORM.unpack(packed)
        place = Place(seq, datetime.fromtimestamp(at, UTC))
    except (ValueError, binascii.Error, struct.error, OverflowError):
        return None
    return place if version == _VERSION and seq < 2**63 else None
