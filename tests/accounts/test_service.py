from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bloop.accounts import sessions as sessions_module
from bloop.accounts.models import BootstrapLink, Institution, LoginSession, User
from bloop.accounts.queries import INSTITUTIONS, USED_LINKS
from bloop.accounts.service import (
    LINK_MINUTES,
    LinkRefusedError,
    csrf_token,
    end_session,
    ensure_institution,
    issue_link,
    new_token,
    token_hash,
    token_institution,
    use_link,
)
from bloop.accounts.sessions import Sessions, system_call
from bloop.store.errors import InvalidError
from bloop.store.models import EVERY_INSTITUTION, AuditLine
from bloop.store.types import utcnow
from bloop_sdk import Role
from tests.support.database import OTHER


@pytest.fixture
def home(database) -> str:
    with database.unit(system_call(EVERY_INSTITUTION)) as unit:
        return ensure_institution(unit, name="Here").id


def issue(database, institution: str) -> str:
    with database.unit(system_call(institution)) as unit:
        return issue_link(unit)


def use(database, token: str):
    with database.unit(system_call(token_institution(token))) as unit:
        return use_link(unit, token)


def test_the_first_institution_is_made_once_and_has_an_operator(database, home):
    with database.unit(system_call(EVERY_INSTITUTION)) as unit:
        assert ensure_institution(unit, name="Another").id == home
        assert unit.session.scalars(select(Institution.name)).all() == ["Here"]
        assert unit.session.scalars(select(User.role)).all() == [Role.OPERATOR]


def test_a_link_works_once(database, home):
    token = issue(database, home)
    assert use(database, token).token.startswith(home)
    with pytest.raises(LinkRefusedError, match="login-link"):
        use(database, token)


def test_a_new_link_ends_the_one_before(database, home):
    first, second = issue(database, home), issue(database, home)
    with pytest.raises(LinkRefusedError):
        use(database, first)
    use(database, second)


def test_a_link_lives_for_a_quarter_of_an_hour_and_not_for_ever(database, home):
    assert LINK_MINUTES >= 15
    token = issue(database, home)
    with database.unit(system_call(home)) as unit:
        past = utcnow() - timedelta(seconds=1)
        unit.session.execute(update(BootstrapLink).values(expires_at=past))
    with pytest.raises(LinkRefusedError):
        use(database, token)


def test_the_database_holds_no_token_that_could_be_used(database, home):
    token = issue(database, home)
    session = use(database, token)
    with database.unit(system_call(home)) as unit:
        kept = [
            *unit.session.scalars(select(BootstrapLink.token_hash)),
            *unit.session.scalars(select(LoginSession.token_hash)),
        ]
    assert kept == [token_hash(token), token_hash(session.token)]
    assert not {token, session.token} & set(kept)


def test_issuing_and_using_a_link_leave_a_line_of_audit(database, home):
    use(database, issue(database, home))
    with database.unit(system_call(home)) as unit:
        actions = unit.session.scalars(select(AuditLine.action).order_by(AuditLine.seq)).all()
    assert actions == ["account.link_issued", "account.link_used"]


def test_an_institution_without_an_operator_gets_no_link(database, home):
    with pytest.raises(InvalidError, match="bloop init"):
        issue(database, OTHER)


async def test_whether_anybody_ever_came_in(database, home):
    everywhere = system_call(EVERY_INSTITUTION)
    token = issue(database, home)
    assert not await database.read(USED_LINKS, everywhere)
    use(database, token)
    assert await database.read(USED_LINKS, everywhere)


async def test_an_institution_sees_itself_and_the_hub_sees_all(database, home):
    with database.unit(system_call(EVERY_INSTITUTION)) as unit:
        unit.session.add(Institution(id=OTHER, slug="other", name="There"))
    assert len(await database.read(INSTITUTIONS, system_call(EVERY_INSTITUTION))) == 2
    assert [row[0] for row in await database.read(INSTITUTIONS, system_call(OTHER))] == [OTHER]


async def test_a_session_names_its_holder_until_it_ends(database, home):
    sessions = Sessions(database, secure=False)
    session = use(database, issue(database, home))
    trace = system_call(home).trace
    holder = await sessions.holder(session.token, trace)
    assert (holder.institution, holder.principal.role) == (home, Role.OPERATOR)
    with database.unit(system_call(home)) as unit:
        end_session(unit, session.token)
    sessions.forget(session.token)
    assert await sessions.holder(session.token, trace) is None


async def test_a_session_that_another_process_ended_is_soon_refused(database, home, monkeypatch):
    sessions = Sessions(database, secure=False)
    session = use(database, issue(database, home))
    trace = system_call(home).trace
    assert await sessions.holder(session.token, trace)
    with database.unit(system_call(home)) as unit:
        end_session(unit, session.token)
    later = sessions_module.time.monotonic() + sessions_module.REMEMBERED_SECONDS + 1
    monkeypatch.setattr(sessions_module.time, "monotonic", lambda: later)
    assert await sessions.holder(session.token, trace) is None


@pytest.mark.parametrize("change", ["expired", "disabled"])
async def test_a_session_that_is_over_has_no_holder(database, home, change):
    session = use(database, issue(database, home))
    with database.unit(system_call(home)) as unit:
        past = utcnow() - timedelta(seconds=1)
        if change == "expired":
            unit.session.execute(update(LoginSession).values(expires_at=past))
        else:
            unit.session.execute(update(User).values(disabled_at=past))
    sessions = Sessions(database, secure=False)
    assert await sessions.holder(session.token, system_call(home).trace) is None


async def test_a_session_of_one_institution_is_none_in_another(database, home):
    session = use(database, issue(database, home))
    stolen = OTHER + session.token[36:]
    sessions = Sessions(database, secure=False)
    assert await sessions.holder(stolen, system_call(home).trace) is None


async def test_what_is_no_token_has_no_holder(database, home):
    sessions = Sessions(database, secure=False)
    for nonsense in ("", ".", "x" * 80, f"{home}.", f"{home}.short", f"{home}.{'x' * 43}"):
        assert await sessions.holder(nonsense, system_call(home).trace) is None


def test_each_session_has_its_own_cross_site_token():
    first, second = new_token(OTHER), new_token(OTHER)
    assert csrf_token(first) == csrf_token(first) != csrf_token(second)
