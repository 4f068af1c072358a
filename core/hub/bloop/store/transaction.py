"""One transaction, begun by what first needs it; most of the log's and the ledger's need no ORM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import Dialect

from bloop.store.tenants import InstitutionSession


class Transaction:
    """A transaction of one institution, on a connection of its own or on one that is given.

    ``connection`` goes past the guard of ``session``: its statements name their institution
    themselves. What is called ``after_commit`` is called once, in the thread that committed.
    """

    def __init__(self, bind: Engine | Connection, institution: str) -> None:
        self.institution = institution
        self.dialect: Dialect = bind.dialect
        self._bind = bind
        self._connection: Connection | None = None
        self._session: InstitutionSession | None = None
        self._afterwards: list[Callable[[], None]] = []

    @property
    def session(self) -> InstitutionSession:
        """The ORM's session in it; what is left in it is flushed before the commit."""
        if self._session is None:
            # It ends the transaction that it finds, as one of its own, where this is whose it is.
            self._session = InstitutionSession(
                self.connection,
                expire_on_commit=False,
                join_transaction_mode=(
                    "control_fully" if isinstance(self._bind, Engine) else "conditional_savepoint"
                ),
            )
            self._session.info["institution"] = self.institution
            self._session.connection()  # It takes part from now on: what it rolls back is gone.
        return self._session

    @property
    def connection(self) -> Connection:
        """Where it is, begun if it was not."""
        if self._connection is None:
            if isinstance(self._bind, Connection):
                self._connection = self._bind
            else:
                self._connection = self._bind.connect()
                begin(self._connection, self.institution)
        return self._connection

    def unwritten(self) -> bool:
        """Whether something was left to be flushed."""
        found = self._session
        return found is not None and bool(found.new or found.dirty or found.deleted)

    def flush(self) -> None:
        """Write what is left in the session."""
        if self._session is not None:
            self._session.flush()

    def after_commit(self, function: Callable[[], None]) -> None:
        """Have it called once this is committed."""
        self._afterwards.append(function)

    def commit(self) -> None:
        """Commit, if anything was begun, and call who waits for that."""
        if self._session is not None:
            self._session.commit()
        # A session ends what it took part in.
        if self._connection is not None and self._connection.in_transaction():
            self._connection.commit()
        for function in self._afterwards:
            function()
        self._afterwards = []

    def close(self) -> None:
        """Roll back what is not committed, and let go of the connection."""
        if self._session is not None:
            self._session.close()
        if self._connection is not None and self._connection is not self._bind:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def begin(connection: Connection, institution: str) -> None:
    """Begin, and tell a database that holds rows to their institution which one it is."""
    if connection.dialect.name == "postgresql":
        connection.info["institution"] = institution
    connection.begin()
