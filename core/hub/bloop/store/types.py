"""Times and JSON, as the hub and its plugins keep them.

Registered reads hand rows straight from the driver to the answer. Times therefore are RFC 3339
text on SQLite, which sorts as time does, and JSON is text that needs no second parse.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from bloop_sdk.tables import Json, UtcDateTime, to_text

__all__ = ["Json", "UtcDateTime", "dumps", "to_text", "utcnow"]


def utcnow() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)


def dumps(value: Any) -> str:
    """Compact JSON, keys sorted, so that equal values give equal text."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode()
