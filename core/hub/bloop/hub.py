"""The hub: everything below the faces, put together once for each process."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from bloop.accounts.queries import INSTITUTIONS, USED_LINKS
from bloop.accounts.service import ensure_institution, issue_link
from bloop.accounts.sessions import Sessions, system_call
from bloop.kernel.config import LoadedConfig, load
from bloop.store.blobs import Blobs
from bloop.store.database import Database, in_unit
from bloop.store.models import EVERY_INSTITUTION
from bloop_sdk import ConfigError


class Hub:
    """What the faces reach: configuration, database, blobs, plugins, jobs and sessions.

    ``kind`` is ``api``, ``worker`` or ``cli``; what a process does by itself follows from it.
    """

    def __init__(self, config: LoadedConfig, kind: str) -> None:
        store = config.value.store
        self.config = config
        self.kind = kind
        owner = store.owner_url.get_secret_value() if store.owner_url else None
        self.database = Database(store.url.get_secret_value(), owner)
        assert store.blobs is not None, "the configuration resolves it"
        self.blobs = Blobs(store.blobs)
        self.sessions = Sessions(
            self.database, secure=config.value.public_url.startswith("https://")
        )
        self._institution: str | None = None

    @classmethod
    def open(cls, path: Path | None, kind: str, *, host: str | None = None) -> Hub:
        """A hub of the configuration at ``path``; connects to nothing yet."""
        env = dict(os.environ)
        if host is not None:
            env["BLOOP_HTTP__HOST"] = host
        return cls(load(path, env), kind)

    @property
    def institution(self) -> str:
        """The first institution; raises :class:`ConfigError` before `bloop init` made one."""
        if self._institution is None:
            rows = self.database.read_now(INSTITUTIONS, system_call(EVERY_INSTITUTION))
            if not rows:
                raise ConfigError("this hub has no institution yet", cure="run: bloop init")
            self._institution = str(rows[0][0])
        return self._institution

    def prepare(self) -> None:
        """Tables at the newest version, and the first institution with its operator.

        The embedded hub (SQLite) upgrades its tables itself; elsewhere an upgrade that waits is
        an error, since other processes may still run the older code.
        """
        from bloop.store.migrate import CORE, status, upgrade_core

        pending = [version for version in status(self.database) if version.owner == CORE]
        if pending and pending[0].pending:
            if self.database.dialect != "sqlite":
                raise ConfigError(
                    f"the database is at version {pending[0].current or 'nothing'}, "
                    f"this hub needs {pending[0].head}",
                    cure="run: bloop db upgrade",
                )
            upgrade_core(self.database)
        call = system_call(EVERY_INSTITUTION)
        if not self.database.read_now(INSTITUTIONS, call):
            with self.database.unit(call) as unit:
                ensure_institution(unit, name=self.config.value.hub.name)

    async def start(self) -> None:
        """Begin to work: tables, plugins, jobs."""
        await self.database.run(self.prepare)

    async def stop(self) -> None:
        """Let everything that runs come to its end, then let go of it."""
        await self.database.close()

    async def somebody_came_in(self) -> bool:
        """Whether anybody ever logged in."""
        return bool(await self.database.read(USED_LINKS, system_call(EVERY_INSTITUTION)))

    async def login_token(self) -> str:
        """A fresh single-use token for the operator of the first institution."""
        call = system_call(await asyncio.to_thread(lambda: self.institution))
        return await self.database.run(in_unit, self.database, call, issue_link)
