"""The hub: everything below the faces, put together once for each process."""

from __future__ import annotations

import os
from pathlib import Path

from bloop.accounts.queries import INSTITUTIONS
from bloop.accounts.sessions import Sessions, system_call
from bloop.kernel.config import LoadedConfig, load
from bloop.store.blobs import Blobs
from bloop.store.database import Database
from bloop.store.models import EVERY_INSTITUTION
from bloop_sdk import ConfigError


class Hub:
    """What the faces reach: configuration, database, blobs, plugins, jobs and sessions."""

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
    def open(cls, path: Path | None, kind: str) -> Hub:
        """A hub of the configuration at ``path``; connects to nothing yet."""
        return cls(load(path, os.environ), kind)

    @property
    def institution(self) -> str:
        """The first institution; raises :class:`ConfigError` before `bloop init` made one."""
        if self._institution is None:
            rows = self.database.read_now(INSTITUTIONS, system_call(EVERY_INSTITUTION))
            if not rows:
                raise ConfigError("this hub has no institution yet", cure="run: bloop init")
            self._institution = str(rows[0][0])
        return self._institution
