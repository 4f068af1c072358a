"""What a value is, told the same from both databases, and written the same into both.

Each value has a *common form* of plain Python: times are RFC 3339 text, JSON and decimals are text,
bytes are hexadecimal. The kind of a column comes from the side that is PostgreSQL, whose catalogue
tells it truly: the same migrations made both sides, so no plugin's models have to be imported.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Context, Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from sqlalchemy import types
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from bloop.store.errors import MigrationError
from bloop.store.types import to_text

Change = Callable[[Any], Any]

_KINDS: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (types.JSON, "json"),
    (types.Boolean, "bool"),
    (types.Date, "date"),
    (types.Float, "float"),
    (types.Numeric, "numeric"),
    (types.Integer, "int"),
    (types.LargeBinary, "bytes"),
    (types.Uuid, "uuid"),
    (types.String, "text"),
)
_AS_TEXT = frozenset({"json", "numeric", "uuid"})
_EXACT = Context(prec=10_000)
BOOLEANS = {0: False, 1: True}


def kind_of(table: str, column: str, type_: TypeEngine[Any]) -> str:
    """The kind of a column of PostgreSQL; raises MigrationError for one that is not copied."""
    if isinstance(type_, types.DateTime):
        return "time" if type_.timezone else "naive"
    if not isinstance(type_, postgresql.ENUM):
        for known, kind in _KINDS:
            if isinstance(type_, known):
                return kind
    raise MigrationError(
        f"{table}.{column} is of the type {type_!r}, which a copy does not know",
        cure="purge its plugin, or ask its author for a version that uses JSON or text",
    )


def selected(dialect: str, kind: str, quoted: str) -> str:
    """The SQL that reads a column so that nothing of it is lost in the driver."""
    return f"{quoted}::text" if dialect == "postgresql" and kind in _AS_TEXT else quoted


def reader(dialect: str, kind: str) -> Change:
    """From what the driver gives to the common form; raises ValueError where it is no such."""
    return (_FROM_POSTGRES if dialect == "postgresql" else _FROM_SQLITE).get(kind, _same)


def writer(dialect: str, kind: str, type_: TypeEngine[Any]) -> Change:
    """From the common form to what the driver takes; ``type_`` is the column's in this database."""
    if dialect == "postgresql":
        return _TO_POSTGRES.get(kind, _same)
    if kind == "time" and isinstance(type_, types.DateTime):
        return _spaced
    return _TO_SQLITE.get(kind, _same)


def settled(kind: str) -> Change:
    """From the common form to what is hashed: equal values give equal ones."""
    return {"json": _canonical_json, "numeric": _number, "raw": _hexadecimal}.get(kind, _same)


def _same(value: Any) -> Any:
    return value


def _hexadecimal(value: Any) -> Any:
    return f"\0{value.hex()}" if isinstance(value, bytes) else value


def _flag(value: Any) -> bool:
    if value not in BOOLEANS:
        raise ValueError(f"holds {value!r}, which is neither true nor false")
    return BOOLEANS[value]


def _real(value: Any) -> float:
    # SQLite keeps no negative zero.
    return float(value) + 0.0


def _whole(value: Any) -> int:
    if not isinstance(value, int):
        raise ValueError(f"holds {type(value).__name__}, not a whole number")  # noqa: TRY004 - the value is at fault
    return value


def _moment(value: Any) -> str:
    moment = datetime.fromisoformat(value)
    # A plain DateTime(timezone=True) loses its zone on SQLite; the hub writes UTC.
    return to_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _spaced(value: str) -> str:
    return _naive(datetime.fromisoformat(value).replace(tzinfo=None))


def _naive(value: datetime) -> str:
    return value.isoformat(" ", "microseconds")


def _naive_text(value: str) -> str:
    return _naive(datetime.fromisoformat(value))


def _json_text(value: Any) -> str:
    # SQLite's JSON columns are numeric: a document that is a number has become one.
    return value if isinstance(value, str) else repr(value)


def _postgres_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"holds {type(value).__name__}, not text")  # noqa: TRY004 - the value is at fault
    if "\0" in value:
        raise ValueError("holds a NUL character, which PostgreSQL does not take")
    return value


def _canonical_json(value: str) -> str:
    parsed = json.loads(value, parse_int=_marked, parse_float=_marked)
    return json.dumps(parsed, sort_keys=True, separators=(",", ":"))


def _marked(value: str) -> str:
    """A number of JSON, told from a string: no string that PostgreSQL takes begins with NUL."""
    return f"\0{_number(value)}"


def _number(value: str) -> str:
    """1, 1.0 and 1e0 are one number, exact however long it is."""
    try:
        number = Decimal(value)
        return str(number.normalize(_EXACT)) if number else "0"
    except InvalidOperation as err:
        raise ValueError(f"holds {value[:40]!r}, which is no number") from err


_FROM_POSTGRES: dict[str, Change] = {
    "time": to_text,
    "naive": _naive,
    "date": date.isoformat,
    "float": _real,
    "bytes": lambda value: bytes(value).hex(),
}
_FROM_SQLITE: dict[str, Change] = {
    "bool": _flag,
    "time": _moment,
    "naive": _naive_text,
    "int": _whole,
    "float": _real,
    "json": _json_text,
    "numeric": str,
    "bytes": bytes.hex,
    "uuid": lambda value: str(UUID(value)),
}
_TO_POSTGRES: dict[str, Change] = {"text": _postgres_text, "bytes": bytes.fromhex}
_TO_SQLITE: dict[str, Change] = {
    "bool": int,
    "bytes": bytes.fromhex,
    "uuid": lambda value: UUID(value).hex,
}
