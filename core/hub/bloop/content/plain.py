"""A record's fields in JSON's types, by hand: for records whose values are what they are declared.

Most are; any doubt gives None, and pydantic decides (:func:`bloop.content.codec.fields_of`), which
takes ten times as long. What comes from here is what would come from there, checks included.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from math import isfinite
from operator import attrgetter
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from bloop.content.models import REMOTE_ID_LENGTH, TITLE_LENGTH
from bloop_sdk import Ref, records
from bloop_sdk.records import Kind, Record

LIMITS: Mapping[str, int] = {
    "remote_id": REMOTE_ID_LENGTH,
    "title": TITLE_LENGTH,
    "code": TITLE_LENGTH,
    "name": TITLE_LENGTH,
    "language": 35,
    "remote_version": 255,
    "email": 320,
    "login": 255,
    "role": 20,
    "grade": 80,
    "location": TITLE_LENGTH,
}
"""How many characters fields of these names have at most."""

NO_COLUMNS = frozenset({"raw", "created_at", "updated_at", "chunks"})
"""Fields that every class may have, and that are none of a record's own."""

_NO_LIMIT = 1 << 62
_LARGEST = 1 << 53
_UNSURE = object()


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a class is read: each field's name, longest text, types as they are, and converter."""

    values: Callable[[Any], tuple[Any, ...]]
    steps: tuple[tuple[str, int, frozenset[type], Callable[[Any], Any]], ...]


def plain_fields(record: Record) -> dict[str, Any] | None:
    """The fields, or None where pydantic has to look at them."""
    plan = _plan_of(cast("Hashable", type(record)))
    if plan is None:
        return None
    found = {}
    for value, (name, limit, as_it_is, convert) in zip(
        plan.values(record), plan.steps, strict=True
    ):
        kind = value.__class__
        if kind is str and limit:
            if len(value) > limit or "\x00" in value:
                return None
            if not value.isascii() and not _is_storable(value):
                return None
            found[name] = value
        elif kind in as_it_is:
            found[name] = value
        else:
            made = convert(value)
            if made is _UNSURE:
                return None
            found[name] = made
    return found


def _is_storable(text: str) -> bool:
    """No NUL, and no half of a surrogate pair: no database takes them."""
    if "\x00" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@cache
def _plan_of(kind: Hashable) -> _Plan | None:
    record = cast("type[Record]", kind)
    if getattr(records, record.__name__, None) is not record:
        return None
    hints = get_type_hints(record, vars(records))
    names = [one.name for one in fields(record) if one.name not in NO_COLUMNS]
    steps = [(name, *_reading(hints[name], LIMITS.get(name, _NO_LIMIT))) for name in names]
    return _Plan(cast("Callable[[Any], tuple[Any, ...]]", attrgetter(*names)), tuple(steps))


def _reading(hint: Any, limit: int) -> tuple[int, frozenset[type], Callable[[Any], Any]]:
    """The longest text (0: no text at all), the types that stay as they are, and the converter."""
    optional = get_origin(hint) in {Union, types.UnionType}
    own = [part for part in get_args(hint) if part is not type(None)] if optional else [hint]
    none: frozenset[type] = frozenset({type(None)}) if optional else frozenset()
    kind = own[0] if len(own) == 1 else None
    if kind is str:
        return limit, none, _unsure
    if kind is bool:
        return 0, none | {bool}, _unsure
    return 0, none, _converter(kind)


def _converter(kind: Any) -> Callable[[Any], Any]:
    if get_origin(kind) is tuple:
        return _texts if get_args(kind) == (str, ...) else _empty
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return lambda value: value.value if value.__class__ is kind else _UNSURE
    return _CONVERTERS.get(kind, _unsure)


def _unsure(_value: object) -> object:
    return _UNSURE


def _texts(value: Any) -> Any:
    if value.__class__ is not tuple:
        return _UNSURE
    if not value:
        return []
    sure = all(one.__class__ is str and _is_storable(one) for one in value)
    return list(value) if sure else _UNSURE


def _empty(value: Any) -> Any:
    """What is in it has fields of its own."""
    return [] if value.__class__ is tuple and not value else _UNSURE


def _whole(value: Any) -> Any:
    return value if value.__class__ is int and -_LARGEST < value < _LARGEST else _UNSURE


def _number(value: Any) -> Any:
    return value if value.__class__ is float and isfinite(value) else _UNSURE


def _moment(value: Any) -> Any:
    if value.__class__ is not datetime or value.tzinfo is not UTC:
        return _UNSURE
    return f"{value.isoformat()[:-6]}Z"


def _reference(value: Any) -> Any:
    if value.__class__ is not Ref or value.kind.__class__ is not Kind:
        return _UNSURE
    if value.remote_id.__class__ is not str or not _is_storable(value.remote_id):
        return _UNSURE
    return {"kind": value.kind.value, "remote_id": value.remote_id}


_CONVERTERS: Mapping[Any, Callable[[Any], Any]] = {
    int: _whole,
    float: _number,
    datetime: _moment,
    Ref: _reference,
}
