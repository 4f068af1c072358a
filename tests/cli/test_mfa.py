from __future__ import annotations

from sqlalchemy import select

from bloop.accounts.mfa import recovery, service
from bloop.accounts.models import LoginSession, User
from bloop.accounts.service import start_session
from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.store.models import AuditLine


def within(command):
    """What a command on the hub's first institution gives."""
    hub = Hub.open(None, "cli")
    try:
        with hub.database.unit(system_call(hub.institution)) as unit:
            return command(unit)
    finally:
        hub.database.close_now()


def add(unit, name, email=None):
    user = User(institution_id=unit.institution, name=name, email=email, role="educator")
    unit.session.add(user)
    unit.session.flush()
    start_session(unit, user)
    recovery.make(unit, user.id)
    return user.id


def test_whoever_has_lost_every_factor_begins_anew(hub_folder, bloop):
    ada = within(lambda unit: add(unit, "Ada", "ada@example.org"))
    assert bloop("users", "reset-mfa", "ada@example.org", "--json").json == {"id": ada}
    factors = within(lambda unit: service.factors_of(unit, ada))
    assert (factors.any, factors.recovery_codes) == (False, 0)
    sessions = select(LoginSession).where(LoginSession.user_id == ada)
    assert within(lambda unit: unit.session.scalars(sessions).all()) == []
    lines = select(AuditLine.actor).where(AuditLine.action == "mfa.reset")
    assert within(lambda unit: unit.session.scalars(lines).all()) == ["system:hub"]
    assert bloop("users", "reset-mfa", "Ada").out.startswith("Ada has no second factor any more")


def test_a_name_of_nobody_or_of_two_is_told(hub_folder, bloop):
    nobody = bloop("users", "reset-mfa", "Grace")
    assert (nobody.code, "nobody here is called" in nobody.err) == (1, True)
    both = [within(lambda unit: add(unit, "Bob")) for _ in range(2)]
    two = bloop("users", "reset-mfa", "Bob")
    assert two.code == 1 and all(user in two.err for user in both)
