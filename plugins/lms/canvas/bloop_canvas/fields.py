"""Values out of Canvas's JSON, by type: what is not as documented is a malformed record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from bloop_canvas.links import without_verifiers
from bloop_sdk import MalformedRecordError
from bloop_sdk.records import JSONObject


def identifier(item: Mapping[str, Any], *names: str) -> str:
    """The first of some fields that holds an id; raises where none does."""
    for name in names or ("id",):
        value = item.get(name)
        if isinstance(value, bool):
            continue
        if isinstance(value, int) or (isinstance(value, str) and value.strip()):
            return str(value)
    raise MalformedRecordError(f"it has no {(names or ('id',))[0]}")


def needed(item: Mapping[str, Any], *names: str) -> str:
    """A text that must be there and not empty."""
    for name in names:
        value = item.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    raise MalformedRecordError(f"it has no {names[0]}")


def text(item: Mapping[str, Any], name: str) -> str:
    """A text, empty where there is none."""
    value = item.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedRecordError(f"its {name} is no text: {value!r:.60}")
    return value


def some(item: Mapping[str, Any], name: str) -> str | None:
    """A text, or None where there is none."""
    return text(item, name).strip() or None


def number(item: Mapping[str, Any], name: str) -> float | None:
    """A number, also one that is written as text."""
    value = item.get(name)
    if value is None or value == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise MalformedRecordError(f"its {name} is no number: {value!r:.60}") from None


def whole(item: Mapping[str, Any], name: str) -> int | None:
    """A whole number."""
    found = number(item, name)
    return None if found is None else int(found)


def flag(item: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    """A yes or no; older endpoints write it as text."""
    value = item.get(name)
    if isinstance(value, str):
        return value.lower() == "true"
    return default if value is None else bool(value)


def when(item: Mapping[str, Any], name: str) -> datetime | None:
    """A moment in UTC (ISO 8601), or None; raises for one that is no moment or has no zone."""
    value = item.get(name)
    if value is None or value == "":
        return None
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise MalformedRecordError(f"its {name} is no time: {value!r:.60}") from None
    if found.tzinfo is None:
        raise MalformedRecordError(f"its {name} has no time zone: {value!r:.60}")
    return found if found.tzinfo is UTC else found.astimezone(UTC)


def rows(item: Mapping[str, Any], name: str) -> list[JSONObject]:
    """A list of objects; what is none in it is left out."""
    value = item.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def kept(item: Mapping[str, Any], without: frozenset[str] = frozenset()) -> JSONObject:
    """A record as it came, without what changes with each look at it, and without keys to files."""
    found: JSONObject = {}
    for name in _kept_names(tuple(item), without):
        value = item[name]
        kind = value.__class__
        # By hand: there are a dozen of them in each of many thousand objects.
        if kind is str:
            found[name] = without_verifiers(value)
        else:
            found[name] = value if kind in _PLAIN else _clean(value)
    return found


@lru_cache(maxsize=256)
def _kept_names(names: tuple[str, ...], without: frozenset[str]) -> tuple[str, ...]:
    """Objects of one list have the same names, nearly all."""
    return tuple(name for name in names if name not in without and not name.startswith("lock"))


_PLAIN = frozenset({int, float, bool, type(None)})
_NEVER = frozenset({"secure_params", "avatar_image_url", "avatar_url", "verifier"})


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return without_verifiers(value)
    if isinstance(value, dict):
        return {name: _clean(part) for name, part in value.items() if name not in _NEVER}
    if isinstance(value, list):
        return [_clean(part) for part in value]
    return value


def address(item: Mapping[str, Any], name: str = "html_url") -> str | None:
    """A record's own page in Canvas, without a query."""
    value = item.get(name)
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        return None
    return value.partition("#")[0].partition("?")[0]
