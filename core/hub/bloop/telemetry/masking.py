"""Keep secrets and personal data out of logs: by key, by type, by mark and by pattern.

What comes out is plain (dict, list, str, int, float, bool, None), bounded in size, and safe to
render; nothing here raises.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, get_type_hints

from bloop_sdk.principals import Personal

MASK = "**********"
MAX_TEXT = 8 * 1024
MAX_ITEMS = 100
MAX_DEPTH = 6
_MAX_INT = 2**63

_SECRET_KEY = re.compile(
    r"(?:^|_)(?:tokens?|secrets?|pass(?:word|wd|phrase)?|pwd|authorization|cookies?|credentials?"
    r"|api_?key|private_?key|signing_?key|access_?key|session|csrf|otp|totp|pin|jwt|bearer"
    r"|e_?mails?|phone|mobile|birth_?(?:day|date)|(?:given|family|first|last|full|display)_name)"
    r"(?:_(?:id|value|hash|header|hint|raw))?$"
)
# `nextPageToken` and `X-Api-Key` are the same words as `next_page_token` and `x_api_key`.
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")

# Each alternative starts where a run of its characters starts, so that the search stays linear.
_PATTERN = re.compile(
    r"(?P<scheme>\b(?:bearer|basic|digest|negotiate)\s{1,4})[\w.~+/=-]{6,}"
    r"|(?P<user>(?<![\w+.-])[a-z][a-z0-9+.-]{0,30}://)[^/\s@\"'<>]{0,512}@"
    r"|(?P<query>[?&;](?:[\w.-]{0,40}(?:token|secret|password|passwd|signature|api_?key|verifier)"
    r"[\w.-]{0,40}|sig|key|code|auth|state|credential|email)=)[^&#;\s\"'<>]+"
    r"|(?P<pair>(?<![\w-])[\w-]{0,40}(?:password|passwd|secret|(?:access|refresh|id|api|auth)"
    r"[_-]?token|api[_-]?key)[\"']?\s{0,4}[=:]\s{0,4}[\"']?)(?!\*)[^\s\"',;&)}\]]{3,}"
    r"|(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|(?<![\w-])(?:sk|pk|rk|whsec|xox[abprs]|gh[opsur]|glpat|secret|ntn)[-_][A-Za-z0-9_-]{16,}"
    r"|(?<!\w)\d{1,8}~[A-Za-z0-9]{40,}"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+",
    re.IGNORECASE,
)
# What a value's own code may raise while it is looked at.
HOSTILE = (Exception, SystemExit)


def is_private(key: str) -> bool:
    """Whether a value under this key is a secret or personal, whatever it looks like."""
    return _is_private_key(key[-200:])


@functools.lru_cache(maxsize=4096)
def _is_private_key(key: str) -> bool:
    return _SECRET_KEY.search(_WORDS.sub("_", key).lower()) is not None


def mask_text(text: str, limit: int = MAX_TEXT) -> str:
    """The text without credentials and mail addresses, at most ``limit`` characters of it."""
    if len(text) > limit:
        # What is cut off is not searched; a credential that the cut splits must not slip by.
        text = f"{text[:limit].rpartition(' ')[0] or text[:limit]} [{len(text)} characters]"
    return _PATTERN.sub(_kept, text)


def _kept(match: re.Match[str]) -> str:
    groups = match.groupdict()
    prefix = next((part for part in groups.values() if part), "")
    return f"{prefix}{MASK}@" if groups["user"] else f"{prefix}{MASK}"


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
