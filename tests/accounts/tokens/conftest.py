from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from bloop.accounts.models import Institution, User
from bloop.accounts.service import ensure_institution
from bloop.accounts.sessions import Sessions, system_call
from bloop.accounts.tokens import service
from bloop.store.database import Database
from bloop.store.keyring import KeyFile
from bloop.store.models import EVERY_INSTITUTION
from bloop_sdk import Role
from tests.support.database import OTHER

ISSUER = "https://learn.example.edu"


@dataclass
class World:
    """A hub's database with two institutions and a learner, and one process that asks who comes."""

    database: Database
    home: str
    learner: str
    sessions: Sessions

    @property
    def access(self):
        return self.sessions.bearers.access

    def another_process(self) -> Sessions:
        """The same hub in a process that knows nothing yet."""
        return Sessions(self.database, secure=True, issuer=ISSUER)

    def do(self, command: Any, *args: Any, institution: str | None = None, **kwargs: Any) -> Any:
        with self.database.unit(system_call(institution or self.home)) as unit:
            return command(unit, *args, **kwargs)

    def grant(self, **asked: Any) -> service.Pair:
        with self.database.unit(system_call(self.home)) as unit:
            user = unit.get(User, self.learner)
            return service.grant(unit, self.access, user, service.Asked(**asked))

    def refresh(self, token: str, retry_key: str | None = None) -> service.Pair | service.Refusal:
        return self.do(service.refresh, self.access, token, retry_key)

    async def holder(self, token: str) -> Any:
        """Who this is for a process that remembers nothing."""
        return await self.another_process().holder(token, system_call(self.home).trace)


@pytest.fixture
async def world(database_urls, tmp_path):
    database = Database(*database_urls, key_source=KeyFile(tmp_path / "master.key"))
    with database.unit(system_call(EVERY_INSTITUTION)) as unit:
        home = ensure_institution(unit, name="Here").id
        unit.session.add(Institution(id=OTHER, slug="other", name="There"))
    with database.unit(system_call(home)) as unit:
        learner = User(institution_id=home, name="Lea", role=Role.LEARNER)
        unit.session.add(learner)
        unit.session.flush()
    yield World(database, home, learner.id, Sessions(database, secure=True, issuer=ISSUER))
    await database.close()
