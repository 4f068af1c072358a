"""What stands in Moodle's answers: numbers as strings, escaped names, JSON within JSON."""

from __future__ import annotations

import hashlib
import html
import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from bloop_sdk.errors import MalformedRecordError
from bloop_sdk.records import JSONObject

LONGEST = 500
"""Characters of a name."""
_TAG = re.compile(r"<[^>]*>")
_ODD = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)
_LATEST = 253402300799
"""The last second of the year 9999."""


def number(value: Any) -> float | None:
    """A number, also one that came as text (``"87.50000"``); None where there is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def integer(value: Any) -> int | None:
    """A whole number, also one that came as text."""
    found = number(value)
    return None if found is None else int(found)


def identifier(value: Any) -> str | None:
    """An id as text; None for 0, null and what is no id."""
    found = integer(value)
    return str(found) if found is not None and found > 0 else None


def moment(value: Any) -> datetime | None:
    """Epoch seconds as a time in UTC; 0 and null mean that there is none."""
    found = number(value)
    if found is None or not 0 < found <= _LATEST:
        return None
    return datetime.fromtimestamp(found, UTC)


def flag(value: Any) -> bool:
    """A yes or no that came as true, 1 or "1"."""
    return value in {True, "1", "true"} if isinstance(value, bool | int | str) else False


def name(value: Any, otherwise: str) -> str:
    """A name, which Moodle escapes for HTML: ``Acids &amp; Bases``; cut where it is too long."""
    text = html.unescape(value) if isinstance(value, str) else ""
    text = " ".join(text.split()) or otherwise
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def body(value: Any) -> str:
    """HTML as it came, or nothing."""
    return value if isinstance(value, str) else ""


def words(value: Any) -> str:
    """HTML as one line of plain text."""
    return " ".join(html.unescape(_TAG.sub(" ", body(value))).split())


def inner_json(value: Any) -> Any:
    """The JSON within a string (``availability``, ``customdata``); None where it is broken."""
    if not isinstance(value, str):
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None


def parsed(content: bytes) -> Any:
    """JSON, of which what is no text (bytes that are no UTF-8, NUL, half of a pair) is lost.

    Raises ValueError for what is no JSON. A mark of byte order, which a language pack or plugin of
    the site may print before it, is none.
    """
    text = content.decode("utf-8", "replace").lstrip("\ufeff")
    value = json.loads(text)
    return _clean(value) if _ODD.search(text) else value


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {_clean(key): _clean(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_clean(one) for one in value]
    if isinstance(value, str):
        whole = value.replace("\x00", "").encode("utf-16", "surrogatepass")
        return whole.decode("utf-16", "replace")
    return value


def listed(answer: Any, key: str | None, what: str) -> list[JSONObject]:
    """The objects of an answer, below ``key`` or (None) at its root.

    Raises MalformedRecordError for an answer of another shape: it must not pass for an empty one.
    """
    found = answer if key is None else answer.get(key) if isinstance(answer, Mapping) else None
    if not isinstance(found, list):
        raise MalformedRecordError(f"{what} answered in another shape than is documented")
    return [one for one in found if isinstance(one, dict)]


def without(value: Mapping[str, Any], *names: str) -> JSONObject:
    """An object without what changes by itself, or is nobody else's."""
    return {key: one for key, one in value.items() if key not in names}


def digest(value: Any) -> str:
    """16 characters that are equal for equal JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def parts(values: Iterable[Any], size: int) -> Iterable[list[Any]]:
    """Lists of at most ``size``."""
    whole = list(values)
    return (whole[start : start + size] for start in range(0, len(whole), size))
