"""A note's attributes: those that notes have everywhere, and the others by Evernote's names."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import datetime

from bloop_evernote.facts import Facts, time
from bloop_sdk.records import JSONObject

MAX_TAG = 100

_OWN = frozenset({"author", "source-url", "latitude", "longitude", "reminder-time"})
_TIMES = frozenset({"subject-date", "reminder-done-time", "share-date"})
_NUMBERS = frozenset({"altitude", "reminder-order"})
_NO_TAG = re.compile(r"[\x00-\x1f\x7f,]+")


@dataclass(slots=True)
class Kept:
    """What attributes say. ``lost`` names what was none of what it should be."""

    tags: tuple[str, ...] = ()
    place: tuple[float, float] | None = None
    reminder_at: datetime | None = None
    properties: JSONObject = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


def of(facts: Facts) -> Kept:
    """What a note's attributes say."""
    kept = Kept()
    kept.tags = _tags(facts.tags, kept.lost)
    kept.place = _place(facts, kept.lost)
    if reminder := facts.attributes.get("reminder-time"):
        kept.reminder_at = time(reminder)
        if kept.reminder_at is None:
            kept.lost.append(f"a reminder at no time: {reminder[:60]}")
    for name, value in facts.attributes.items():
        if name not in _OWN and (name, value) != ("reminder-order", "0"):
            kept.properties[name] = _value(name, value)
    for key, value in facts.application.items():
        kept.properties[f"application-data {key}".strip()] = value
    return kept


def _value(name: str, text: str) -> str | float | int:
    if name in _TIMES and (found := time(text)):
        return found.isoformat()
    number = _number(text) if name in _NUMBERS else None
    if number is None:
        return text
    return int(number) if number.is_integer() else number


def _tags(wanted: list[str], lost: list[str]) -> tuple[str, ...]:
    """Tags without commas, control characters and a leading ``#``; the first of several alike."""
    made: dict[str, str] = {}
    for tag in wanted:
        clean = " ".join(_NO_TAG.sub(" ", tag).split()).lstrip("#").strip()[:MAX_TAG].strip()
        if clean != tag:
            lost.append(f"how a tag was written: {tag[:200]!r}, now {clean!r}")
        if clean:
            made.setdefault(clean.casefold(), clean)
    return tuple(made.values())


def _place(facts: Facts, lost: list[str]) -> tuple[float, float] | None:
    given = [facts.attributes.get(name) for name in ("latitude", "longitude")]
    if given == [None, None]:
        return None
    latitude, longitude = (_number(one or "") for one in given)
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        lost.append(f"a place that is none: {given[0]}, {given[1]}")
        return None
    return latitude, longitude


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
