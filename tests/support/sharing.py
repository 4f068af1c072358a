"""What every test would make anew though none changes it: made once in a process instead.

A hub, and a client of one, make these when they start, and live for days. Here thousands start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import ssl

KEPT_STATEMENTS = 6000


@pytest.fixture(autouse=True, scope="session")
def _a_statement_is_compiled_once() -> Iterator[None]:
    """Keep what SQLAlchemy has compiled for all engines of a kind: each has a cache of its own.

    To make SQL of the same statements again took a sixth of what tests of a hub take.
    """
    from sqlalchemy import util
    from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
    from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
    from sqlalchemy.engine import Engine

    kept: Any = util.LRUCache(KEPT_STATEMENTS)

    def shared(engine: Engine) -> Any:
        return None if engine.__dict__["_compiled_cache"] is None else kept

    def note(engine: Engine, own: Any) -> None:
        engine.__dict__["_compiled_cache"] = own

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "_compiled_cache", property(shared, note), raising=False)
        for dialect in (PGDialect_psycopg, SQLiteDialect_pysqlite):
            # It is a part of what they are kept by.
            patch.setattr(dialect, "__eq__", _writes_the_same)
            patch.setattr(dialect, "__hash__", lambda dialect: hash(type(dialect)))
        yield


def _writes_the_same(dialect: Any, other: object) -> bool:
    return dialect is other or (type(dialect) is type(other) and _way(dialect) == _way(other))


def _way(dialect: Any) -> tuple[object, ...]:
    """What of a dialect its SQL depends on, and how values become parameters."""
    names = ("paramstyle", "server_version_info", "_json_serializer", "_json_deserializer")
    return tuple(getattr(dialect, name, None) for name in names)


@pytest.fixture(autouse=True, scope="session")
def _certificates_are_read_once() -> Iterator[None]:
    """Give clients of httpx that ask for nothing special one TLS context: each reads all roots."""
    from httpx._transports import default

    make: Callable[..., ssl.SSLContext] = vars(default)["create_ssl_context"]
    known: dict[object, ssl.SSLContext] = {}

    def make_or_know(
        verify: Any = True, cert: Any = None, trust_env: bool = True
    ) -> ssl.SSLContext:
        if verify is not True or cert is not None:
            return make(verify=verify, cert=cert, trust_env=trust_env)
        key = trust_env and tuple(map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR")))
        if key not in known:
            known[key] = make(trust_env=trust_env)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(default, "create_ssl_context", make_or_know)
        yield
