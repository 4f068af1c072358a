"""What waits beside the log: replayed and skipped by people, in the order of its aggregate."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, text

from bloop.events import parking
from bloop.events.parking import Patience
from bloop.events.queries import PARKED
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.models import AuditLine
from bloop_sdk import Role
from tests.events.conftest import (
    consumer,
    parked,
    parked_ids,
    say,
    take,
    taken,
    until,
)
from tests.support.database import HOME, OTHER, make_call, make_system_call

ONCE = Patience(tries=1)
OPERATOR = make_call(role=Role.OPERATOR)


class Moody:
    """Refuses an aggregate until it is mended."""

    def __init__(self):
        self.broken = True

    def __call__(self, unit, event):
        if self.broken and event.aggregate == "bad:1":
            raise ValueError("no answer from https://x.example/?access_token=hunter2hunter2")
        take(unit, event)


@pytest.fixture
async def moody(database, follow):
    """A consumer that has parked three events of one aggregate."""
    handler = Moody()
    await follow(consumer(handler), patience=ONCE)
    say(database, "bad:1", "bad:1", "a:1", "bad:1")
    await until(lambda: len(parked(database)) == 3)
    return handler


@pytest.fixture(params=["effect", "delivery"])
async def moody_either(request, database, follow):
    """The same, once for each kind of handler; what it took is counted alike."""
    handler = Moody()
    got = []

    def effect(unit, event):
        handler(unit, event)
        got.append((event.aggregate, event.sequence))

    async def delivery(ctx, event):
        if handler.broken and event.aggregate == "bad:1":
            raise ValueError
        got.append((event.aggregate, event.sequence))

    await follow(consumer(effect if request.param == "effect" else delivery), patience=ONCE)
    say(database, "bad:1", "bad:1", "a:1", "bad:1")
    await until(lambda: len(parked(database)) == 3)
    handler.got = got
    return handler


async def act(database, command, parked_id, call=OPERATOR):
    return await asyncio.to_thread(in_unit, database, call, command, parked_id)


async def test_a_replay_keeps_the_order_of_the_aggregate(database, moody_either):
    first, *_ = parked_ids(database)
    assert parked(database)[0] == ("bad:1", "parked", 1)
    moody_either.broken = False
    say(database, "bad:1")
    await until(lambda: len(parked(database)) == 4)
    shown = await act(database, parking.replay, first)
    assert (shown["id"], shown["state"], shown["tries"]) == (first, "retrying", 0)
    await until(lambda: parked(database) == [])
    assert [n for name, n in moody_either.got if name == "bad:1"] == [1, 2, 3, 4]
    say(database, "bad:1")
    await until(lambda: ("bad:1", 5) in moody_either.got)


async def test_a_replay_that_fails_is_parked_again_with_all_behind_it(database, moody_either):
    first, *_ = parked_ids(database)
    await act(database, parking.replay, first)
    await until(lambda: parked(database)[0] == ("bad:1", "parked", 1))
    assert [state for _, state, _ in parked(database)] == ["parked", "behind", "behind"]


async def test_what_is_skipped_is_never_taken_and_the_rest_follows(database, moody_either):
    first, *_ = parked_ids(database)
    moody_either.broken = False
    await act(database, parking.skip, first)
    await until(lambda: parked(database) == [])
    assert [n for name, n in moody_either.got if name == "bad:1"] == [2, 3]


async def test_one_behind_is_skipped_and_the_first_still_waits(database, moody):
    _, second, _ = parked_ids(database)
    await act(database, parking.skip, second)
    assert [state for _, state, _ in parked(database)] == ["parked", "behind"]
    moody.broken = False
    await act(database, parking.replay, parked_ids(database)[0])
    await until(lambda: parked(database) == [])
    assert [n for name, n in taken(database) if name == "bad:1"] == [1, 3]


async def test_one_behind_another_is_not_replayed(database, moody):
    first, second, _ = parked_ids(database)
    with pytest.raises(ConflictError, match=f"waits behind {first}"):
        await act(database, parking.replay, second)


async def test_the_reason_is_kept_without_secrets_and_with_its_place(database, moody):
    rows = database.read_now(PARKED, OPERATOR, after="", limit=10)
    reason = PARKED.as_dict(rows[0])["reason"]
    assert reason.startswith("ValueError: ") and "https://x.example" in reason
    assert "test_parking.py:" in reason
    assert "hunter2" not in reason


async def test_acts_are_audited_and_another_institution_finds_nothing(database, moody):
    first, second, _ = parked_ids(database)
    for command in (parking.replay, parking.skip):
        with pytest.raises(NotFoundError):
            await act(database, command, first, make_call(OTHER, Role.OPERATOR))
    assert database.read_now(PARKED, make_call(OTHER), after="", limit=10) == []
    await act(database, parking.replay, first)
    await act(database, parking.skip, second)
    with database.unit(make_system_call()) as unit:
        rows = unit.session.execute(
            select(AuditLine.action, AuditLine.resource, AuditLine.institution_id)
            .where(AuditLine.action != "took")
            .order_by(AuditLine.at, AuditLine.seq)
        ).all()
    assert [tuple(row) for row in rows] == [
        ("events:replay", f"parked_event:{first}", HOME),
        ("events:skip", f"parked_event:{second}", HOME),
    ]


async def test_two_consumers_park_each_for_itself(database, follow):
    def refuse(unit, event):
        raise ValueError

    await follow(consumer(refuse, name="stub.refuse"), consumer(take), patience=ONCE)
    say(database, "a:1", "a:1")
    await until(lambda: len(parked(database)) == 2 and len(taken(database)) == 2)


async def test_pauses_grow_and_are_bounded():
    patience = Patience(tries=1000, pause=1.0)
    assert all(0.5 <= parking._pause(1, patience) <= 1 for _ in range(50))
    assert all(2 <= parking._pause(3, patience) <= 4 for _ in range(50))
    assert parking._pause(900, patience) <= parking.LONGEST_PAUSE_SECONDS


async def test_many_behind_one_are_all_taken_in_order(database, follow):
    handler = Moody()
    await follow(consumer(handler), patience=ONCE)
    for _ in range(3):
        say(database, *["bad:1"] * 40)
    await until(lambda: len(parked(database)) == 120)
    handler.broken = False
    await act(database, parking.replay, parked_ids(database)[0])
    await until(lambda: len(taken(database)) == 120)
    assert [n for _, n in taken(database)] == list(range(1, 121))
    with database.unit(make_system_call()) as unit:
        assert unit.session.scalar(text("SELECT count(*) FROM event_parked")) == 0
