"""Times and spans of time in a visitor's language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bloop.store.types import utcnow
from bloop_sdk.words import comma_in


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
    """A time in full, like ``31 January 2026, 08:00 UTC``, or ``31. Januar 2026, ...``."""
    when = datetime.fromisoformat(text)
    return f"{on_day(text, locale)}{comma_in(locale)} {when:%H:%M} UTC"


def on_day(text: str, locale: str) -> str:
    """The day of a time, like ``31 January 2026``, or ``31. Januar 2026`` in German."""
    from babel.dates import format_date

    # The hub's own English has days as most of the world does: "en" alone is that of the US.
    written = "en_GB" if locale == "en" else locale
    shown: str = format_date(datetime.fromisoformat(text).date(), "long", locale=written)
    return shown


def without_year(day: date, locale: str, form: str) -> str:
    """A day of these weeks by a form like ``EEE, d MMM``; German puts a dot behind the number."""
    from babel.dates import format_date

    if locale.partition("-")[0] == "de":
        form = form.replace("d M", "d. M")
    form = form.replace(",", comma_in(locale))
    shown: str = format_date(day, form, locale=locale)
    return shown


def span(seconds: float, locale: str) -> str:
    """A span of time, roughly and briefly, like ``3 min``."""
    from babel.dates import format_timedelta

    about = timedelta(seconds=max(1, round(seconds)))
    shown: str = format_timedelta(about, format="short", locale=locale)
    return shown
