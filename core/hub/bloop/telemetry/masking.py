"""Keep secrets and personal data out of logs: by key, by type, by mark and by pattern.

What comes out is plain (dict, list, str, int, float, bool, None), bounded in size, and safe to
render; nothing here raises.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, get_type_hints

from bloop_sdk._masking import MASK, is_private, mask_text
from bloop_sdk.principals import Personal

MAX_ITEMS = 100
MAX_DEPTH = 6
_MAX_INT = 2**63
_LARGEST_COUNT = 10**12
"""What is above may be the number of a card."""

# What a value's own code may raise while it is looked at.
HOSTILE = (Exception, SystemExit)


def mask(value: Any, depth: int = 0) -> Any:
    """A plain copy of a value, masked and bounded."""
    try:
        return _mask(value, depth)
    except HOSTILE as err:
        return f"<{type(value).__name__} that cannot be shown: {type(err).__name__}>"


def _mask(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        if value > _LARGEST_COUNT and mask_text(str(int(value))) == MASK:
            return MASK
        # Also an enum's member becomes a plain number.
        return int(value) if -_MAX_INT <= value < _MAX_INT else str(value)
    if isinstance(value, str):
        return mask_text(str(value))
    if hasattr(type(value), "get_secret_value"):
        return MASK
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if depth >= MAX_DEPTH:
        return f"<{type(value).__name__}>"
    fields = _fields(value)
    if fields is not None:
        kind: Any = type(value)
        return mask_mapping(fields, depth, personal_fields(kind))
    if isinstance(value, Sequence | AbstractSet):
        items = [mask(part, depth + 1) for part, _ in zip(value, range(MAX_ITEMS), strict=False)]
        return [*items, f"<{len(value)} items>"] if len(value) > MAX_ITEMS else items
    return mask_text(repr(value))


def mask_mapping(
    fields: Mapping[Any, Any], depth: int = 0, personal: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """A masked copy of a mapping; values under private keys are gone."""
    masked: dict[str, Any] = {}
    for key, value in fields.items():
        if len(masked) == MAX_ITEMS:
            masked["..."] = f"<{len(fields)} items>"
            break
        name = mask_text(key) if isinstance(key, str) else str(mask(key, depth + 1))
        hidden = (name in personal or is_private(name)) and value is not None
        # A count or a flag under such a name tells nothing: `token: false`, `tokens: 512`.
        shown = isinstance(value, bool) or (name.endswith("s") and isinstance(value, int))
        masked[name] = MASK if hidden and not shown else mask(value, depth + 1)
    return masked


def _fields(value: Any) -> Mapping[Any, Any] | None:
    """The fields of a mapping, a dataclass or a pydantic model, None for anything else."""
    if isinstance(value, Mapping):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    names = getattr(type(value), "model_fields", None)
    if isinstance(names, Mapping):
        return {name: getattr(value, name) for name in names}
    return None


@functools.lru_cache(maxsize=1024)
def personal_fields(kind: Hashable) -> frozenset[str]:
    """The fields of a dataclass or pydantic model that carry the mark :class:`Personal`."""
    try:
        hints = get_type_hints(kind, include_extras=True)
    except Exception:  # noqa: BLE001 - a name that only a type checker can see
        return frozenset()
    return frozenset(name for name, hint in hints.items() if _is_personal(hint))


def _is_personal(hint: Any) -> bool:
    return any(
        isinstance(mark, Personal) or mark is Personal for mark in getattr(hint, "__metadata__", ())
    )
