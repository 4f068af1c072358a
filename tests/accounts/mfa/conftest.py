from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass

import pyotp
import pytest

from bloop.accounts.mfa import passkeys, service
from bloop.accounts.mfa.party import Party
from bloop.accounts.models import LoginSession, User
from bloop.accounts.service import ensure_institution, start_session, token_hash
from bloop.accounts.sessions import system_call
from bloop.store.database import Database
from bloop.store.keyring import KeyFile
from bloop.store.models import EVERY_INSTITUTION
from tests.support.authenticator import Authenticator

PARTY = Party("localhost", "http://localhost:8080", "Here")


@dataclass
class Home:
    """An institution of a database, as its own calls see it."""

    database: Database
    id: str

    @contextmanager
    def unit(self):
        with self.database.unit(system_call(self.id)) as unit:
            yield unit

    def run(self, command, *args, **kwargs):
        with self.unit() as unit:
            return command(unit, *args, **kwargs)

    def person(self, name="Ada", role="learner"):
        with self.unit() as unit:
            user = User(institution_id=self.id, name=name, role=role)
            unit.session.add(user)
            unit.session.flush()
            token = start_session(unit, user).token
            session = unit.session.get(LoginSession, token_hash(token))
            return Person(self, user.id, session.id, token)


@dataclass
class Person:
    """Somebody with an account and a session."""

    home: Home
    id: str
    session: str
    token: str

    def app(self, code_at):
        """Sets an authenticator app up by the code of a time; gives what it does."""
        made = self.home.run(service.begin_totp, self.id, "Here")
        app = pyotp.TOTP(made.key)
        added = self.home.run(service.confirm_totp, self.id, self.session, app.at(code_at))
        assert isinstance(added, service.Added), added
        return app, added

    def passkey(self, device=None, name="phone"):
        """Registers a device; gives it."""
        device = device or Authenticator()
        options = self.home.run(service.begin_passkey, self.id, self.session, PARTY)
        credential = device.create(options)
        args = (self.id, self.session, PARTY, name, credential)
        added = self.home.run(service.add_passkey, *args)
        assert isinstance(added, service.Added), added
        return device, added

    def passkeys(self):
        with self.home.unit() as unit:
            return passkeys.passkeys_of(unit, self.id)


@pytest.fixture
def home(database_urls, tmp_path):
    database = Database(*database_urls, key_source=KeyFile(tmp_path / "master.key"))
    with database.unit(system_call(EVERY_INSTITUTION)) as unit:
        made = ensure_institution(unit, name="Here").id
    yield Home(database, made)
    database.close_now()


@pytest.fixture
def ada(home):
    return home.person()


class Clock:
    """What the services take for now."""

    def __init__(self, start):
        self.now = start

    def __call__(self):
        return self.now

    @property
    def seconds(self):
        return self.now.timestamp()


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""
    from bloop.accounts.mfa import challenges, login, recovery, totp
    from bloop.store.types import utcnow

    made = Clock(utcnow())
    for module in (challenges, login, passkeys, recovery, totp):
        monkeypatch.setattr(module, "utcnow", made)
    return made


def audited(home, action):
    """The details of all audit lines of an action, in order."""
    from sqlalchemy import select

    from bloop.store.models import AuditLine

    with home.unit() as unit:
        found = select(AuditLine).where(AuditLine.action == action).order_by(AuditLine.seq)
        return [line.detail for line in unit.session.scalars(found)]
