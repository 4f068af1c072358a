"""What the drivers raise, as the errors of the store.

Only the driver's first line is passed on: the statement's values, which later lines quote, may be
personal data. Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bloop.store.errors import ConflictError, InvalidError, StoreError, TenantError
from bloop_sdk import BloopError

_Make = Callable[[str], BloopError]

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a file says that has no room to grow: on the disk, in a quota, under a limit."""
NO_RIGHT = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
"""What a file says that may not be written."""


def translated(err: SQLAlchemyError) -> BloopError:
    """The store's error for what SQLAlchemy raised."""
    return from_driver(err.orig if isinstance(err, DBAPIError) and err.orig else err)


def from_driver(err: BaseException) -> BloopError:
    """The store's error for what psycopg or sqlite3 raised."""
    text = str(err).strip().partition("\n")[0] or type(err).__name__
    sqlstate = getattr(err, "sqlstate", None)
    if sqlstate is not None:
        make = _BY_SQLSTATE.get(sqlstate) or _BY_SQLSTATE.get(sqlstate[:2])
    elif _is_without_server(err):
        make = _away
    else:
        make = next((make for words, make in _BY_WORDS if words in text), None)
    return (make or _failed)(text)


def from_file(err: OSError, where: object) -> StoreError:
    """The store's error for a file or a folder ``where`` that could not be written."""
    if err.errno in NO_SPACE:
        return _full(f"{where}: {err.strerror}")
    if err.errno in NO_RIGHT:
        return StoreError(
            f"{where}: cannot write: {err.strerror}",
            code="store_read_only",
            cure="check its owner and rights, and how its disk is mounted",
        )
    return StoreError(
        f"{where}: cannot write: {err.strerror}",
        code="store_disk" if err.errno == errno.EIO else None,
        cure="check [store] blobs in hub.toml, and the folder's owner and rights",
    )


def _is_without_server(err: BaseException) -> bool:
    """Whether psycopg could not ask at all: what comes from the server itself has a code."""
    psycopg = sys.modules.get("psycopg")
    return psycopg is not None and isinstance(err, psycopg.OperationalError)


def _conflict(text: str) -> BloopError:
    return ConflictError(f"the database refused: {text}")


def _no_text(_text: str) -> BloopError:
    return InvalidError("a text holds a character that the database does not take, like NUL")


def _not_allowed(text: str) -> BloopError:
    if "row-level security" in text:
        return TenantError(f"the database refused: {text}")
    return StoreError(
        f"the database's role may not: {text}",
        code="store_forbidden",
        cure="run: bloop db upgrade, with [store] owner_url; it grants what the hub needs",
    )


def _read_only(text: str) -> BloopError:
    return StoreError(
        f"the database is read-only: {text}",
        code="store_read_only",
        cure="check the rights of its file and folder, or whether it is a standby",
    )


def _full(text: str) -> StoreError:
    return StoreError(
        f"the disk is full: {text}",
        code="store_full",
        cure="free some space; what waits then goes on by itself",
    )


def _disk(text: str) -> BloopError:
    return StoreError(
        f"the database's disk refuses: {text}",
        code="store_disk",
        cure="see whether it is full, over its quota, read-only or failing: the system's log tells",
    )


def _damaged(text: str) -> BloopError:
    return StoreError(
        f"the database is damaged: {text}",
        code="store_damaged",
        cure="stop the hub, keep a copy of the files, and restore the last backup",
    )


def _not_opened(text: str) -> BloopError:
    return StoreError(
        f"the database cannot be opened: {text}",
        code="store_unavailable",
        cure="see that [store] url names it, and that its folder exists and can be written: "
        "SQLite keeps two files beside it",
    )


def _busy(text: str) -> BloopError:
    return StoreError(f"the database is busy: {text}", code="store_busy", cure="try again")


def _away(text: str) -> BloopError:
    return StoreError(
        f"the database cannot be reached: {text}",
        code="store_unavailable",
        cure="see that it runs, and that [store] url in hub.toml names it",
    )


def _not_migrated(text: str) -> BloopError:
    return StoreError(
        f"the database lacks a table or column: {text}",
        code="store_not_migrated",
        cure="run: bloop db upgrade",
    )


def _failed(text: str) -> BloopError:
    return StoreError(f"the database failed: {text}")


_BY_SQLSTATE: dict[str, _Make] = {
    "22021": _no_text,  # not in the database's encoding
    "22P05": _no_text,  # NUL as an escape of JSON
    "23505": _conflict,  # unique
    "23503": _conflict,  # foreign key
    "23P01": _conflict,  # exclusion
    "25006": _read_only,
    "25P03": _busy,  # a transaction in which nothing was asked for long
    "40001": _busy,  # serialization failure
    "40P01": _busy,  # deadlock
    "42501": _not_allowed,
    "42703": _not_migrated,
    "42P01": _not_migrated,
    "53100": _full,
    "58030": _disk,
    "53300": _busy,  # too many connections
    "55P03": _busy,  # lock not available
    "57P01": _away,  # terminated by an administrator
    "57P02": _away,  # another of the server's processes crashed
    "57P03": _away,  # starting up
    "08": _away,
    "XX001": _damaged,
    "XX002": _damaged,
}

_BY_WORDS: tuple[tuple[str, _Make], ...] = (
    ("UNIQUE constraint failed", _conflict),
    ("FOREIGN KEY constraint failed", _conflict),
    ("cannot contain NUL", _no_text),
    ("readonly database", _read_only),
    ("query_only", _read_only),
    ("database or disk is full", _full),
    # A quota, a limit and a disk that was mounted anew say no more than this.
    ("disk I/O error", _disk),
    ("malformed", _damaged),
    ("file is not a database", _damaged),
    ("database is locked", _busy),
    ("unable to open database file", _not_opened),
    ("no such table", _not_migrated),
    ("no such column", _not_migrated),
    ("connection", _away),
    ("Pool limit", _busy),
)
