"""API keys: shown once, narrow, noted when used, and told before they end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from bloop.accounts import sessions as sessions_module
from bloop.accounts.actions import ForbiddenError, may
from bloop.accounts.models import User
from bloop.accounts.sessions import system_call
from bloop.accounts.tokens import bearers, forms, keys
from bloop.accounts.tokens.forms import Form
from bloop.accounts.tokens.keys import NewKey
from bloop.accounts.tokens.models import ApiKey
from bloop.accounts.tokens.tidy import ENDED_DAYS, tidy
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.models import EVERY_INSTITUTION, AuditLine, OutboxEvent
from bloop.store.types import utcnow
from bloop_sdk import Call, Principal, PrincipalKind, Role
from tests.support.database import OTHER

EVERYWHERE = system_call(EVERY_INSTITUTION)
SCOPES = ("content:read", "users:read")


@pytest.fixture
def own(world):
    """A key of the learner."""
    return world.do(keys.create, NewKey("Script", SCOPES), user=world.learner)


@pytest.fixture
def shared(world):
    """A key of the institution."""
    return world.do(keys.create, NewKey("CRM", SCOPES, role=Role.ADMIN), user=None)


def change(world, **values):
    world.do(lambda unit: unit.session.execute(update(ApiKey).values(**values)))


def row(world, id_):
    return world.do(lambda unit: unit.session.get(ApiKey, id_))


async def test_a_persons_key_acts_for_them_within_its_scopes(world, own):
    holder = await world.holder(own.token)
    assert own.token.startswith("bloop_pat_")
    assert (holder.principal.kind, holder.principal.id) == (PrincipalKind.USER, world.learner)
    assert (holder.key, holder.session, holder.proved_at) == (own.id, None, None)
    call = Call(holder.principal, holder.institution, EVERYWHERE.trace)
    assert may(call, "content:read")
    assert not may(call, "account:read")  # Not among its scopes.
    assert not may(call, "users:read")  # Not among a learner's actions.


async def test_a_key_of_the_institution_acts_for_itself(world, shared):
    holder = await world.holder(shared.token)
    assert shared.token.startswith("bloop_key_")
    assert (holder.principal.kind, holder.principal.id) == (PrincipalKind.KEY, shared.id)
    call = Call(holder.principal, holder.institution, EVERYWHERE.trace)
    assert may(call, "users:read")
    assert not may(call, "keys:write")


async def test_a_persons_key_loses_what_they_lose(world, own):
    world.do(lambda unit: unit.session.execute(update(User).values(role=Role.ADMIN)))
    assert (await world.holder(own.token)).principal.role is Role.ADMIN
    world.do(lambda unit: unit.session.execute(update(User).values(role=Role.LEARNER)))
    assert (await world.holder(own.token)).principal.role is Role.LEARNER
    world.do(lambda unit: unit.session.execute(update(User).values(disabled_at=utcnow())))
    assert await world.holder(own.token) is None


def test_the_database_holds_no_key_that_could_be_used(world, own):
    found = row(world, own.id)
    values = [str(getattr(found, column.key)) for column in ApiKey.__table__.columns]
    assert not [value for value in values if own.token in value or own.token[10:75] in value]
    assert found.hint == own.token[-10:-6]

    def said(unit):
        return [*unit.session.scalars(select(OutboxEvent.payload))], [
            *unit.session.scalars(select(AuditLine.detail))
        ]

    assert own.token not in repr(world.do(said))


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_a_key_that_is_over_is_nobodys(world, own, shared, end):
    past = utcnow() - timedelta(seconds=1)
    change(world, **({"revoked_at": past} if end == "revoked" else {"expires_at": past}))
    assert await world.holder(own.token) is None
    assert await world.holder(shared.token) is None


async def test_a_revoked_key_is_refused_elsewhere_within_a_second(world, shared, monkeypatch):
    other, now = world.another_process(), [1000.0]
    monkeypatch.setattr(sessions_module.time, "monotonic", lambda: now[0])
    assert await other.holder(shared.token, EVERYWHERE.trace)
    world.do(keys.revoke, shared.id, user=None)
    now[0] += 1.01
    assert await other.holder(shared.token, EVERYWHERE.trace) is None
    await other.stop()


async def test_a_wrong_key_costs_no_query_and_a_known_one_none_for_a_second(
    world, own, monkeypatch
):
    asked, read_one, now = [], world.database.read_one, [1000.0]

    async def counted(statement, call, **parameters):
        asked.append(statement.name)
        return await read_one(statement, call, **parameters)

    monkeypatch.setattr(world.database, "read_one", counted)
    monkeypatch.setattr(sessions_module.time, "monotonic", lambda: now[0])
    typo = own.token[:20] + ("a" if own.token[20] != "a" else "b") + own.token[21:]
    for _ in range(20):
        assert await world.sessions.holder(typo, EVERYWHERE.trace) is None
    assert asked == []
    for _ in range(20):
        assert await world.sessions.holder(own.token, EVERYWHERE.trace)
    assert asked == ["accounts.key_holder"]
    await world.sessions.stop()


async def test_a_key_of_another_institution_or_kind_is_nobodys(world, own):
    secret = own.token[32:75]
    assert len(secret) == forms.SECRET_LETTERS
    for form, institution in ((Form.PERSONAL_KEY, OTHER), (Form.INSTITUTION_KEY, world.home)):
        prefix = forms.mint(form, institution)[: len(form) + forms.INSTITUTION_LETTERS]
        forged = prefix + secret + forms._check(prefix + secret)
        assert forms.institution_of(forged, form) == institution
        assert await world.holder(forged) is None


async def test_the_last_use_is_noted_at_most_once_a_minute(world, own, monkeypatch):
    written = []
    note = keys.note_use

    def counted(unit, key):
        written.append(key)
        note(unit, key)

    monkeypatch.setattr(bearers.keys, "note_use", counted)
    assert row(world, own.id).last_used_at is None
    process = world.another_process()
    for _ in range(20):
        process.forget(own.token)
        await process.holder(own.token, EVERYWHERE.trace)
    await process.stop()
    first = row(world, own.id).last_used_at
    assert utcnow() - first < timedelta(minutes=1)
    # Another process sees it in the row, and a minute later it is written again.
    later = world.another_process()
    await later.holder(own.token, EVERYWHERE.trace)
    await later.stop()
    assert written == [own.id]
    change(world, last_used_at=utcnow() - timedelta(seconds=61))
    later.forget(own.token)
    await later.holder(own.token, EVERYWHERE.trace)
    await later.stop()
    assert written == [own.id] * 2


async def test_no_request_waits_for_the_note_of_a_use(world, own, monkeypatch):
    """The write hangs; who asks has its answer."""
    entered, release = asyncio.Event(), asyncio.Event()

    async def stuck(*args, **kwargs):
        entered.set()
        await release.wait()

    process = world.another_process()
    monkeypatch.setattr(world.database, "run", stuck)
    assert await process.holder(own.token, EVERYWHERE.trace)
    await asyncio.wait_for(entered.wait(), 30)
    release.set()
    await process.stop()


def test_only_its_owner_revokes_a_key(world, own, shared):
    for id_, user in ((own.id, "somebody"), (own.id, None), (shared.id, world.learner)):
        with pytest.raises(NotFoundError):
            world.do(keys.revoke, id_, user=user)
    with pytest.raises(NotFoundError):
        world.do(keys.revoke, shared.id, user=None, institution=OTHER)
    world.do(keys.revoke, own.id, user=world.learner)
    with pytest.raises(NotFoundError):
        world.do(keys.revoke, own.id, user=world.learner)


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (NewKey("x", SCOPES, 0, Role.ADMIN), InvalidError),
        (NewKey("x", SCOPES, 367, Role.ADMIN), InvalidError),
        (NewKey("x", SCOPES, 1, Role.OPERATOR), InvalidError),
        (NewKey("x", SCOPES, 1, Role.GUEST), InvalidError),
        (NewKey("x", SCOPES, 1), InvalidError),
    ],
)
def test_a_key_of_the_institution_lasts_a_year_and_is_an_admin_at_most(world, new, error):
    with pytest.raises(error):
        world.do(keys.create, new, user=None)


def test_nobody_makes_a_key_that_is_more_than_they_are(world):
    call = Call(Principal(PrincipalKind.USER, "e", Role.EDUCATOR), world.home, EVERYWHERE.trace)
    with world.database.unit(call) as unit, pytest.raises(ForbiddenError):
        keys.create(unit, NewKey("x", SCOPES, 1, Role.ADMIN), user=None)


def test_nobody_has_more_keys_than_can_be_looked_after(world, monkeypatch):
    monkeypatch.setattr(keys, "MOST_KEYS", 2)
    make = partial(world.do, keys.create, NewKey("x", SCOPES), user=world.learner)
    first = make()
    make()
    with pytest.raises(ConflictError):
        make()
    world.do(keys.revoke, first.id, user=world.learner)
    make()


def test_a_key_that_ends_soon_is_told_once(world, own, shared):
    soon, made = utcnow() + timedelta(days=6), utcnow() - timedelta(days=80)

    def age(unit):
        ours = update(ApiKey).where(ApiKey.id == shared.id)
        unit.session.execute(ours.values(expires_at=soon, created_at=made))

    world.do(age)
    for _ in range(2):
        tidy(world.database, EVERYWHERE)

    def told(unit):
        return unit.session.execute(
            select(OutboxEvent.aggregate, OutboxEvent.payload).where(
                OutboxEvent.topic == "user.key_expiring"
            )
        ).all()

    ((aggregate, payload),) = world.do(told)
    assert aggregate == f"api_key:{shared.id}"
    assert (payload["name"], payload["user"]) == ("CRM", None)
    assert payload["expires_at"].startswith(soon.isoformat()[:19])


def test_keys_that_ended_long_ago_are_forgotten(world, own, shared):
    past = utcnow() - timedelta(days=ENDED_DAYS, seconds=1)

    def age(unit):
        unit.session.execute(update(ApiKey).where(ApiKey.id == own.id).values(revoked_at=past))

    world.do(age)
    tidy(world.database, EVERYWHERE)
    assert row(world, own.id) is None
    assert row(world, shared.id) is not None
