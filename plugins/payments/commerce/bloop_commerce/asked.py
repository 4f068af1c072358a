"""What programs send, read strictly: an unknown or wrong field is named, never passed over."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, TypeVar

from bloop_commerce.config import config_of
from bloop_commerce.money import country_of, currency_of
from bloop_sdk import (
    BloopError,
    RequestContext,
    Response,
    UnsupportedError,
    WebRequest,
    gettext_noop,
    read_object,
)

T = TypeVar("T")
_ODD = re.compile("[\0\ud800-\udfff]")
"""What no database keeps: NUL, and halves of characters."""


async def body_of(request: WebRequest, known: Collection[str]) -> dict[str, Any]:
    """The JSON object of a request, with no other fields than these."""
    body = await read_object(request)
    if unknown := sorted(body.keys() - set(known)):
        raise UnsupportedError(
            f"there is no field {unknown[0][:60]!r}", cure=f"fields are {', '.join(sorted(known))}"
        )
    if strange := [name for name, value in body.items() if any(map(_ODD.search, _texts(value)))]:
        raise UnsupportedError(f"`{strange[0]}` holds what is no character")
    return body


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value if isinstance(value, list) else ():
        yield from _texts(one)


def field(body: dict[str, Any], name: str, kind: type[T], default: T) -> T:
    """A field of a kind, or the default where it is missing or null."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UnsupportedError(f"`{name}` is {'a number' if kind is int else 'a text'}")
    return value


def needed(body: dict[str, Any], name: str) -> str:
    """A text that has to be there."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise UnsupportedError(f"`{name}` is missing")
    return value


def moment(body: dict[str, Any], name: str) -> datetime | None:
    """A time with its zone, if there is one."""
    text = field(body, name, str, "")
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        at = None
    if text and (at is None or at.tzinfo is None):
        raise UnsupportedError(f"`{name}` is a time with its zone", cure="2026-12-31T23:59:59Z")
    return at


def day(text: str) -> date | None:
    """A day of an address, if there is one."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UnsupportedError(gettext_noop("a day is written as 2026-12-31")) from None


def plain(text: str) -> str:
    """What somebody typed, without what no database keeps and without space around it."""
    return _ODD.sub("", text).strip()


def number(text: str) -> int | None:
    """A whole number above zero that stands in an address; None for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def where(ctx: RequestContext, currency: str, country: str) -> tuple[str, str]:
    """Currency and country, or the institution's own where none were named."""
    config = config_of(ctx)
    return currency_of(currency or config.currency), country_of(country or config.country)


def answer(value: Any, status: int = 200, **headers: str) -> Response:
    """JSON as an answer."""
    kind = {"content-type": "application/json"}
    return Response(status=status, headers=kind | headers, body=json.dumps(value).encode(), url="")


@contextmanager
def about(name: str) -> Iterator[None]:
    """Say of an error in it which field it is about, so that a page can show it there."""
    try:
        yield
    except BloopError as err:
        err.add_note(name)
        raise


def field_of(error: BloopError | None) -> str:
    """The field that an error is about; empty for none, or for what was sent as a whole."""
    notes: Sequence[str] = getattr(error, "__notes__", ())
    return notes[0] if notes else ""
