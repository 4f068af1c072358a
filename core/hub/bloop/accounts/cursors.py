"""Pages of lists: a cursor stands for the last row that was given, whatever is added meanwhile."""

from __future__ import annotations

import binascii
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

from bloop.store.errors import InvalidError
from bloop.store.statements import Row, Statement, to_dicts


def after_of(cursor: str) -> str:
    """The id behind which the page begins; raises :class:`InvalidError` for no cursor of ours."""
    if not cursor:
        return ""
    try:
        after = b64decode(cursor, altchars="-_", validate=True).decode("ascii")
        if not after.isprintable():
            raise ValueError("no id")  # noqa: TRY301 - like any other that can't be read
    except (binascii.Error, ValueError) as err:
        raise InvalidError(
            "cursor: not one that this hub gave out",
            field="cursor",
            cure="begin without a cursor, then pass on what `next` says",
        ) from err
    return after


def page_of(statement: Statement, rows: Sequence[Row], limit: int) -> dict[str, Any]:
    """``limit`` rows and the cursor of the next page, from a read of one row more."""
    shown = to_dicts(statement, rows[:limit])
    more = cursor_of(shown[-1]["id"]) if len(rows) > limit else None
    return {"items": shown, "next": more}


def cursor_of(id_: str) -> str:
    """The cursor of what comes behind the row with this id."""
    return urlsafe_b64encode(id_.encode()).decode()
