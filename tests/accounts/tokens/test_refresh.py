"""Refresh tokens: each is good once, and whoever brings an old one ends them all."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from bloop.accounts.models import User
from bloop.accounts.sessions import system_call
from bloop.accounts.tokens import forms, service
from bloop.accounts.tokens.forms import Form
from bloop.accounts.tokens.models import RefreshToken, TokenFamily
from bloop.accounts.tokens.service import Pair, Refusal
from bloop.accounts.tokens.tidy import ENDED_DAYS, USED_DAYS, tidy
from bloop.store.errors import NotFoundError
from bloop.store.models import EVERY_INSTITUTION, AuditLine, OutboxEvent
from bloop.store.types import utcnow
from tests.support.database import OTHER

RETRY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


def told(world):
    def read(unit):
        return unit.session.execute(
            select(OutboxEvent.topic, OutboxEvent.payload).where(
                OutboxEvent.topic == "user.token_reused"
            )
        ).all()

    return [tuple(row) for row in world.do(read)]


def count(world, model=RefreshToken):
    return world.do(lambda unit: unit.session.scalar(select(func.count()).select_from(model)))


async def test_a_pair_is_renewed_as_often_as_its_device_comes(world):
    pair = world.grant(scopes={"content:read"})
    for _ in range(3):
        following = world.refresh(pair.refresh_token)
        assert (following.family, following.scopes) == (pair.family, {"content:read"})
        assert following.refresh_token != pair.refresh_token
        pair = following
    assert (await world.holder(pair.access_token)).principal.id == world.learner
    assert told(world) == []


async def test_an_old_refresh_token_ends_the_family_at_once(world):
    first = world.grant()
    second = world.refresh(first.refresh_token)
    other_device = world.grant()
    assert world.refresh(first.refresh_token) is Refusal.REUSED
    assert world.refresh(second.refresh_token) is Refusal.UNKNOWN
    assert await world.holder(second.access_token) is None
    assert await world.holder(other_device.access_token)
    assert told(world) == [("user.token_reused", {"id": world.learner, "family": first.family})]
    assert world.refresh(first.refresh_token) is Refusal.UNKNOWN  # It is told once.
    assert len(told(world)) == 1

    def lines(unit):
        return unit.session.execute(
            select(AuditLine.resource).where(AuditLine.action == "tokens.reused")
        ).all()

    assert world.do(lines) == [(f"token_family:{first.family}",)]


def test_the_database_holds_no_token_that_could_be_used(world):
    pair = world.grant()
    world.refresh(pair.refresh_token, RETRY)

    def kept(unit):
        rows = unit.session.scalars(select(RefreshToken)).all()
        return [value for row in rows for value in (row.token_hash, row.retry_key, row.salt)]

    found = world.do(kept)
    assert len(found) == 6
    assert not {pair.refresh_token, RETRY} & set(found)
    assert pair.refresh_token[9:] not in repr(found)


def test_the_same_request_gets_the_same_tokens_again_as_long_as_they_are_unused(world):
    pair = world.grant()
    lost = world.refresh(pair.refresh_token, RETRY)
    again = world.refresh(pair.refresh_token, RETRY)
    assert again.refresh_token == lost.refresh_token
    assert count(world) == 2
    assert isinstance(world.refresh(again.refresh_token), Pair)
    assert world.refresh(pair.refresh_token, RETRY) is Refusal.REUSED


@pytest.mark.parametrize("key", [None, RETRY[:-1] + "5"], ids=["none", "another"])
def test_without_the_same_key_it_is_a_reuse(world, key):
    pair = world.grant()
    world.refresh(pair.refresh_token, RETRY)
    assert world.refresh(pair.refresh_token, key) is Refusal.REUSED


def test_a_key_that_came_later_excuses_nothing(world):
    pair = world.grant()
    world.refresh(pair.refresh_token)
    assert world.refresh(pair.refresh_token, RETRY) is Refusal.REUSED


def test_the_same_request_much_later_is_a_reuse(world):
    pair = world.grant()
    world.refresh(pair.refresh_token, RETRY)
    past = utcnow() - service.RETRY_GRACE
    world.do(
        lambda unit: unit.session.execute(
            update(RefreshToken).where(RefreshToken.used_at.is_not(None)).values(used_at=past)
        )
    )
    assert world.refresh(pair.refresh_token, RETRY) is Refusal.REUSED


def race(world, tokens, retry_key=None):
    """Bring the tokens at once, each in a thread of its own; the answers."""
    barrier, answers = threading.Barrier(len(tokens)), []

    def bring(token):
        barrier.wait()
        answers.append(world.refresh(token, retry_key))

    threads = [threading.Thread(target=bring, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


async def test_of_many_at_once_with_one_token_one_is_served_and_the_family_ends(world):
    for _ in range(3):
        pair = world.grant()
        answers = race(world, [pair.refresh_token] * 6)
        served = [one for one in answers if isinstance(one, Pair)]
        refused = [one for one in answers if isinstance(one, Refusal)]
        assert (len(served), len(refused)) == (1, 5)
        assert refused.count(Refusal.REUSED) == 1
        assert world.refresh(served[0].refresh_token) is Refusal.UNKNOWN
        assert await world.holder(served[0].access_token) is None
    assert len(told(world)) == 3


def test_of_many_at_once_with_one_key_all_get_the_same(world):
    pair = world.grant()
    answers = race(world, [pair.refresh_token] * 6, RETRY)
    assert len({one.refresh_token for one in answers}) == 1
    assert told(world) == []
    assert isinstance(world.refresh(answers[0].refresh_token), Pair)


def test_devices_do_not_stand_in_each_others_way(world):
    pairs = [world.grant() for _ in range(4)]
    answers = race(world, [pair.refresh_token for pair in pairs])
    assert all(isinstance(one, Pair) for one in answers)


@pytest.mark.parametrize("change", ["idle", "absolute", "ended", "disabled"])
def test_what_is_over_is_refused_and_no_reuse(world, change):
    pair = world.grant()

    def end(unit):
        past = utcnow() - timedelta(seconds=1)
        if change == "idle":
            unit.session.execute(update(RefreshToken).values(expires_at=past))
        elif change == "absolute":
            unit.session.execute(update(TokenFamily).values(expires_at=past))
        elif change == "ended":
            service.end_families(unit, world.learner)
        else:
            unit.session.execute(update(User).values(disabled_at=past))

    world.do(end)
    assert world.refresh(pair.refresh_token) is Refusal.UNKNOWN
    assert told(world) == []


def test_no_refresh_makes_a_family_live_longer_than_it_may(world):
    pair = world.grant()
    ends = utcnow() + timedelta(hours=1)
    world.do(lambda unit: unit.session.execute(update(TokenFamily).values(expires_at=ends)))
    following = world.refresh(pair.refresh_token)
    assert following.refresh_seconds <= 3600

    def latest(unit):
        return unit.session.scalar(
            select(RefreshToken.expires_at).where(RefreshToken.used_at.is_(None))
        )

    assert world.do(latest) == ends


def test_tokens_of_nobody_change_nothing(world):
    world.grant()
    for token in (forms.mint(Form.REFRESH, world.home), "", "x"):
        assert world.refresh(token) is Refusal.UNKNOWN
    assert told(world) == []


def test_a_token_of_one_institution_is_none_in_another(world):
    pair = world.grant()
    found = world.do(service.refresh, world.access, pair.refresh_token, institution=OTHER)
    assert found is Refusal.UNKNOWN
    assert isinstance(world.refresh(pair.refresh_token), Pair)


def test_only_its_owner_ends_a_family(world):
    pair = world.grant()
    for family, user in ((pair.family, "somebody"), ("nothing", world.learner)):
        with pytest.raises(NotFoundError):
            world.do(service.end_family, family, user)
    with pytest.raises(NotFoundError):
        world.do(service.end_family, pair.family, world.learner, institution=OTHER)
    world.do(service.end_family, pair.family, world.learner)
    assert world.refresh(pair.refresh_token) is Refusal.UNKNOWN


def test_all_devices_of_somebody_are_ended_together(world):
    pairs = [world.grant(), world.grant()]
    assert world.do(service.end_families, world.learner) == 2
    assert [world.refresh(pair.refresh_token) for pair in pairs] == [Refusal.UNKNOWN] * 2
    assert world.do(service.end_families, world.learner) == 0


def test_what_is_long_over_is_forgotten_and_nothing_else(world):
    ended, alive = world.grant(), world.grant()
    for _ in range(2):
        alive = world.refresh(alive.refresh_token)
    world.do(service.end_family, ended.family, world.learner)

    def age(unit):
        past = utcnow() - timedelta(days=ENDED_DAYS, seconds=1)
        unit.session.execute(
            update(TokenFamily).where(TokenFamily.id == ended.family).values(ended_at=past)
        )
        used = utcnow() - timedelta(days=USED_DAYS, seconds=1)
        unit.session.execute(
            update(RefreshToken).where(RefreshToken.used_at.is_not(None)).values(used_at=used)
        )

    world.do(age)
    tidy(world.database, system_call(EVERY_INSTITUTION))
    assert (count(world, TokenFamily), count(world)) == (1, 1)
    assert isinstance(world.refresh(alive.refresh_token), Pair)
