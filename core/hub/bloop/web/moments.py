"""Times and spans of time in a visitor's language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bloop.store.types import utcnow


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: for programs, in full, and as people say how far it is from now."""

    iso: str
    full: str
    ago: str


def moment(text: str | None, locale: str) -> Moment | None:
    """The time that a read gave as text, if it gave one."""
    if text is None:
        return None
    from babel.dates import format_timedelta

    distance = datetime.fromisoformat(text) - utcnow()
    ago = format_timedelta(distance, add_direction=True, locale=locale)
    return Moment(text, in_full(text, locale), ago)


def in_full(text: str, locale: str) -> str:
    """A time in full, like ``31 January 2026, 08:00 UTC``."""
    from babel.dates import format_datetime

    when = datetime.fromisoformat(text)
    shown: str = format_datetime(when, "d MMMM y, HH:mm 'UTC'", locale=locale)
    return shown


def span(seconds: float, locale: str) -> str:
    """A span of time, roughly and briefly, like ``3 min``."""
    from babel.dates import format_timedelta

    about = timedelta(seconds=max(1, round(seconds)))
    shown: str = format_timedelta(about, format="short", locale=locale)
    return shown
