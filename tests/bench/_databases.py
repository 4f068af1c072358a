"""Fresh databases for benchmarks, on SQLite and PostgreSQL, with the core's tables.

Neither waits for the disk at a commit: SQLite runs as the hub runs it (WAL, NORMAL), PostgreSQL as
in the tests (synchronous_commit off). What is committed survives the death of every process.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from bloop.store.database import Database
from bloop.store.migrate import upgrade_core
from bloop.tables import core_metadata
from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace

HOME = "00000000-0000-7000-8000-00000000000a"


DIALECTS = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True)
class Urls:
    """How a database is reached as who serves, as who owns it, and by a superuser."""

    app: str
    owner: str
    admin: str

    def open(self) -> Database:
        """As the hub does."""
        return Database(self.app, self.owner)


@contextlib.contextmanager
def databases(folder: Path) -> Iterator[Callable[[str], Urls]]:
    """What makes a fresh database of a dialect, with the core's tables."""
    numbers = count(1)
    core_metadata()
    with contextlib.ExitStack() as stack:
        server = cache(lambda: stack.enter_context(_server()))

        def make(dialect: str) -> Urls:
            if dialect == "sqlite":
                urls = Urls(*[f"sqlite:///{folder / f'bench-{next(numbers)}.db'}"] * 3)
            else:
                made = server().create()
                urls = Urls(made.app_url, made.owner_url, made.admin_url)
            database = urls.open()
            upgrade_core(database)
            database.close_now()
            return urls

        yield make


@contextlib.contextmanager
def _server() -> Iterator[Any]:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.support.postgres import connect
    from tests.support.run import create_run_folder, remove_run_folder

    folder = create_run_folder()
    try:
        with warnings.catch_warnings():
            cluster = connect(folder, "bench")
        yield cluster
        cluster.drop_all()
        cluster.close()
    finally:
        remove_run_folder(folder)


def call_of(institution: str = HOME) -> Call:
    """A call of an educator."""
    return Call(Principal(PrincipalKind.USER, "bench", Role.EDUCATOR), institution, _TRACE)


def system_call() -> Call:
    """A call of the hub for every institution."""
    return Call(Principal(PrincipalKind.SYSTEM, "bench", Role.OPERATOR), "*", _TRACE)


_TRACE = Trace("1" * 32, "2" * 16)
