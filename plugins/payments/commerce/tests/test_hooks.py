"""Calls of providers: kept first, believed once verified, applied once; and those that are lost."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import event, select, update
from till import signed

from bloop_commerce import (
    balance,
    checkout,
    coupons,
    facts,
    hooks,
    keeping,
    listening,
    orders,
    reconcile,
)
from bloop_commerce.tables import Access, Cover, Message, Order
from bloop_sdk import (
    AuthError,
    ConfigError,
    FatalError,
    MalformedRecordError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
)
from bloop_sdk.providers.payments import FactKind, Period

END_OF_TIME = datetime.max.replace(tzinfo=UTC)


NEW, AGAIN = 27, 6


def request_of(headers, body, provider="till"):
    async def read():
        return body

    return SimpleNamespace(
        path_params={"provider": provider}, headers=headers | {"Cookie": "secret"}, body=read
    )


async def call(shop, *args, provider="till", **kwargs):
    return await hooks.take(request_of(*signed(*args, **kwargs), provider=provider), shop.admin)


def states(shop):
    def read(unit):
        rows = unit.session.scalars(select(Message).order_by(Message.received_at))
        return [(row.state, row.event_id, bool(row.body)) for row in rows]

    return shop.read(read)


async def test_a_call_lets_in_at_once_and_its_replay_changes_nothing(shop):
    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id)
    assert await call(shop, "e1", [paid]) == {"state": "applied"}
    assert shop.courses() == {"c1"}
    entries, version = shop.sums(), shop.order(order.id).version
    assert await call(shop, "e1", [paid]) == {"state": "duplicate"}
    assert (shop.sums(), shop.order(order.id).version) == (entries, version)
    assert states(shop) == [("applied", "e1", False), ("duplicate", None, False)]


async def test_a_call_costs_a_bounded_number_of_statements(shop):
    bought = [await shop.buy(shop.sell(courses=[course])) for course in ("c1", "c2")]
    counts = []
    for number, order in enumerate(bought):
        paid = shop.till.pay(order.remote_id)
        for told in ([paid], [paid]):
            with counted(shop) as count:
                await call(shop, f"e{number}", told)
            counts.append(count[0])
    # A call that lets in, and its replay; more that is sold makes neither dearer.
    assert counts == [NEW, AGAIN] * 2


@contextmanager
def counted(shop):
    count, engine = [0], shop.database._engine

    def add(*_):
        count[0] += 1

    event.listen(engine, "before_cursor_execute", add)
    yield count
    event.remove(engine, "before_cursor_execute", add)


async def test_a_call_that_names_an_order_has_it_fetched_and_each_fact_is_checked_once(
    shop, monkeypatch
):
    seen, check = [], facts.check
    monkeypatch.setattr(facts, "check", lambda fact: seen.append(fact.id) or check(fact))
    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id)
    assert await call(shop, "e1", fetch=[order.remote_id, "gone"]) == {"state": "applied"}
    assert shop.courses() == {"c1"}
    assert seen == [paid.id]


async def test_who_agrees_and_closes_the_window_has_bought_it_once(shop, monkeypatch):
    order = await shop.buy(shop.sell())
    shop.till.checkouts[order.remote_id]["agreed"] = True
    assert await call(shop, "e1", fetch=[order.remote_id]) == {"state": "applied"}
    assert shop.courses() == {"c1"}
    await call(shop, "e2", fetch=[order.remote_id])
    await checkout.settle(shop.admin, shop.order(order.id))
    assert shop.till.moved == [("captured", 4900)]

    async def refused(*_):
        raise FatalError("this buyer can't pay")

    # What can't be taken hides nothing that has come by another way.
    other = await shop.buy(shop.sell(courses=["c2"]))
    shop.till.pay(other.remote_id)
    monkeypatch.setattr("till.TillProvider.settle", refused)
    assert await call(shop, "e3", fetch=[other.remote_id]) == {"state": "applied"}
    assert shop.courses() == {"c1", "c2"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": b"guessed"},
        {"at": datetime.now(UTC) - timedelta(minutes=10)},
        {"at": datetime.now(UTC) + timedelta(minutes=10)},
    ],
    ids=["unsigned", "old", "future"],
)
async def test_what_is_not_genuine_changes_nothing_and_takes_no_room(shop, wrong):
    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id)
    with pytest.raises(AuthError):
        await call(shop, "e1", [paid], **wrong)
    assert states(shop) == [("refused", None, False)]
    assert (shop.courses(), shop.sums()) == (set(), {})
    assert await call(shop, "e1", [paid]) == {"state": "applied"}


async def test_an_event_of_the_future_is_refused_though_its_provider_believes_it(shop, monkeypatch):
    import till as tills

    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id)
    monkeypatch.setattr(tills, "LEEWAY", 10**9)
    with pytest.raises(AuthError, match="future"):
        await call(shop, "e1", [paid], at=datetime.now(UTC) + timedelta(days=1))
    assert shop.courses() == set()


@pytest.mark.parametrize(
    "change",
    [
        lambda fact: replace(fact, as_of=fact.as_of + timedelta(days=1)),
        lambda fact: replace(fact, money=replace(fact.money, amount=-1)),
        lambda fact: replace(fact, money=replace(fact.money, amount=10**15)),
        lambda fact: replace(fact, money=replace(fact.money, currency="€")),
        lambda fact: replace(fact, tax=fact.money.amount + 1),
        lambda fact: replace(fact, id="x" * 300),
        lambda fact: replace(fact, reason="a\0b"),
        lambda fact: replace(fact, period=Period(start=fact.as_of, end=END_OF_TIME)),
    ],
    ids=["future", "negative", "huge", "no currency", "tax", "long", "NUL", "end of time"],
)
async def test_a_fact_that_cannot_be_so_is_not_believed(shop, change):
    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id)
    with pytest.raises(MalformedRecordError):
        shop.learn(change(paid))
    assert (shop.courses(), shop.sums()) == (set(), {})


async def test_a_call_is_kept_before_anything_is_asked_and_looked_into_later(shop):
    order = await shop.buy(shop.sell())
    shop.till.pay(order.remote_id)
    shop.till.lose_answers()
    with pytest.raises(UnavailableError):
        await call(shop, "e1", fetch=[order.remote_id])
    assert states(shop) == [("received", None, True)]
    shop.run(lambda unit: unit.session.execute(
        update(Message).values(received_at=datetime.now(UTC) - timedelta(minutes=2))
    ))  # fmt: skip
    assert (await reconcile.sweep(shop.admin, {}))["heard"] == 1
    assert states(shop) == [("applied", "e1", False)]
    assert shop.courses() == {"c1"}


async def test_calls_that_waited_are_applied_together_and_none_keeps_another_from_it(shop):
    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id)
    shop.till.told(FactKind.REFUNDED, paid, 900, id_="r1")
    shop.till.told(FactKind.REFUNDED, paid, -1, id_="never")
    back, never = (shop.till.facts["refunded", name] for name in ("r1", "never"))
    forged = {"secret": b"guessed"}
    calls = [("e1", [back], {}), ("e2", [paid], {}), ("e2", [paid], {}), ("e3", [paid], forged)]

    async def heard(*calls):
        made = [shop.run(hooks.keep, "till", *signed(id_, told, **how)) for id_, told, how in calls]
        states = await hooks.hear_all(shop.admin, [one.id for one in made])
        return [states[one.id] for one in made]

    before = shop.order(order.id).version
    assert await heard(*calls) == ["applied", "applied", "duplicate", "refused"]
    assert (shop.sums()["cash:till"], shop.courses()) == (4000, {"c1"})
    # It stood anew once for both.
    assert shop.order(order.id).version == before + 1
    other = await shop.buy(shop.sell(courses=["c2"]))
    paid = shop.till.pay(other.remote_id)
    assert await heard(("e4", [never], {}), ("e5", [paid], {})) == ["failed", "applied"]
    assert shop.courses() == {"c1", "c2"}


async def test_what_nobody_can_verify_takes_no_room_and_is_not_looked_into_again(shop, monkeypatch):
    async def crash(self, request):
        raise FatalError("a plugin's fault")

    monkeypatch.setattr(
        type(shop.admin.providers.given["payments"]["till"]), "verify_webhook", crash
    )
    with pytest.raises(FatalError):
        await call(shop, "e1")
    assert states(shop) == [("refused", None, False)]

    async def unset(capability, plugin):
        raise ConfigError("the till has no key")

    monkeypatch.setattr(shop.admin.providers, "get", unset)
    with pytest.raises(ConfigError):
        await call(shop, "e1")
    assert len(states(shop)) == 1
    # It was set up when the call came.
    headers, body = signed("e1")
    kept = shop.run(hooks.keep, "till", headers, body)
    with pytest.raises(ConfigError):
        await hooks.hear(shop.admin, kept)
    assert shop.read(hooks.waiting) == []
    assert [row[0] for row in states(shop)] == ["refused", "refused"]


async def test_strangers_fill_nothing(shop, monkeypatch):
    monkeypatch.setattr(hooks, "MOST_REFUSED", 3)
    monkeypatch.setattr(hooks, "MOST_WAITING", 2)
    assert await call(shop, "e0") == {"state": "applied"}
    for number in range(6):
        with pytest.raises(AuthError):
            await call(shop, f"e{number}", secret=b"guessed")
    assert [row[0] for row in states(shop)] == ["applied", *["refused"] * 3]
    order = await shop.buy(shop.sell())
    shop.till.lose_answers(9)
    for number in range(2):
        with pytest.raises(UnavailableError):
            await call(shop, f"w{number}", fetch=[order.remote_id])
    with pytest.raises(RateLimitedError):
        await call(shop, "w3", fetch=[order.remote_id])
    assert [row[0] for row in states(shop)].count("received") == 2


async def test_one_that_cannot_be_read_keeps_nobody_from_what_they_paid_for(shop, monkeypatch):
    first, second = [await shop.buy(shop.sell(courses=[name])) for name in ("c1", "c2")]
    for one in (first, second):
        shop.till.pay(one.remote_id)
    till = type(shop.admin.providers.given["payments"]["till"])

    async def poisoned(self, remote_id, fetch=till.fetch):
        if remote_id == first.remote_id:
            raise UnavailableError("an answer that lacks something")
        return await fetch(self, remote_id)

    with monkeypatch.context() as patch:
        patch.setattr(till, "fetch", poisoned)
        with pytest.raises(UnavailableError):
            await reconcile.reconcile(shop.admin, {"provider": "till"})
    assert shop.courses() == {"c2"}
    # It is looked for from the same time on.
    await reconcile.reconcile(shop.admin, {"provider": "till"})
    assert shop.courses() == {"c1", "c2"}


async def test_nobody_calls_by_another_name(shop):
    with pytest.raises(NotFoundError):
        await call(shop, "e1", provider="purse")
    assert states(shop) == []


async def test_secrets_of_a_session_are_never_kept(shop):
    await call(shop, "e1")

    def headers(unit):
        return unit.session.scalars(select(Message.headers)).one()

    assert "cookie" not in shop.read(headers)


async def test_old_calls_are_let_go(shop):
    await call(shop, "e1")
    with pytest.raises(AuthError):
        await call(shop, "e2", secret=b"guessed")
    shop.run(lambda unit: unit.session.execute(
        update(Message).values(received_at=datetime.now(UTC) - timedelta(days=8))
    ))  # fmt: skip
    assert await hooks.tidy(shop.admin, {}) == {"messages": 1}
    assert states(shop) == [("applied", "e1", False)]


async def test_what_calls_have_dropped_is_found_and_made_up_for(shop):
    paid, back, open_ = [await shop.buy(shop.sell(courses=[name])) for name in ("c1", "c2", "c3")]
    for one in (paid, back):
        shop.till.pay(one.remote_id)
    capture = shop.till.pay(back.remote_id)
    shop.till.told(FactKind.REFUNDED, capture)
    assert shop.courses() == set()
    assert await reconcile.reconcile(shop.admin, {"provider": "till"}) == {"seen": 2, "repaired": 2}
    assert shop.courses() == {"c1", "c2"}
    assert await reconcile.reconcile(shop.admin, {"provider": "till"}) == {"seen": 2, "repaired": 0}
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    shop.run(lambda unit: unit.session.execute(
        update(Order).where(Order.id == open_.id).values(created_at=long_ago)
    ))  # fmt: skip
    shop.till.expire(open_.remote_id)
    await reconcile.reconcile(shop.admin, {"provider": "till"})
    assert shop.order(open_.id).state == "expired"


async def test_an_order_nobody_pays_for_is_let_go_and_counts_if_paid_after_all(shop):
    lost = shop.place(shop.sell())
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    shop.run(lambda unit: unit.session.execute(update(Order).values(created_at=long_ago)))
    assert (await reconcile.sweep(shop.admin, {}))["forgotten"] == 1
    assert shop.order(lost).state == "expired"
    assert [one.kind for one in shop.database.jobs] == ["reconcile"]


async def test_a_coupon_of_who_was_late_is_free_again(shop):
    shop.run(coupons.make, "ONE", percent=50, most=1)
    order = await shop.buy(shop.sell(), coupon="ONE")
    late = datetime.now(UTC) - timedelta(days=4)
    shop.run(lambda unit: unit.session.execute(update(Order).values(expires_at=late)))
    assert (await reconcile.sweep(shop.admin, {}))["forgotten"] == 1
    assert shop.run(coupons.find, "ONE").used == 0
    shop.learn(shop.till.pay(order.remote_id))
    assert (shop.order(order.id).state, shop.courses()) == ("paid", {"c1"})


async def test_who_is_erased_leaves_orders_and_no_access(shop):
    order = await shop.buy(shop.sell())
    shop.learn(shop.till.pay(order.remote_id))
    shop.run(listening.forget_user, SimpleNamespace(payload={"id": "ada"}))
    assert (shop.courses(), shop.order(order.id).state) == (set(), "paid")
    assert shop.read(balance.findings) == []


async def test_who_is_erased_pays_no_more(shop):
    order = await shop.buy(shop.sell(kind="subscription", interval="month", grace_days=7))
    name = shop.till.subscribe(order.remote_id)
    shop.learn(*shop.till.of(order.remote_id))
    assert shop.courses() == {"c1"}
    shop.run(listening.forget_user, SimpleNamespace(payload={"id": "ada"}))
    (job,) = shop.database.jobs
    assert await listening.end(shop.admin, job.payload) == {"state": "ended"}
    assert shop.till.facts["subscription", name].subscription.status == "ended"
    assert (shop.courses(), shop.read(balance.findings)) == (set(), [])
    shop.run(listening.forget_user, SimpleNamespace(payload={"id": "ada"}))
    assert len(shop.database.jobs) == 1


async def test_each_time_that_ends_lets_out(shop):
    order = await shop.buy(shop.sell(days=10))
    at = datetime.now(UTC) - timedelta(days=9)
    shop.learn(shop.till.pay(order.remote_id, at=at))
    assert shop.courses() == {"c1"}
    ended = at + timedelta(days=10)
    assert shop.read(lambda unit: unit.session.scalars(select(Access.next_at)).one()) == ended
    past = shop.till.pay(order.remote_id, at=at - timedelta(days=30))
    shop.learn(past)
    assert (await reconcile.lapse(shop.admin, {}))["lapsed"] == 0
    assert shop.courses() == set()


async def test_what_is_out_of_balance_is_named(shop):
    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id)
    assert shop.read(balance.findings) == []
    stray = replace(paid, id="stray", order="", remote_id="nobody's")
    shop.learn(stray, replace(paid, money=replace(paid.money, amount=5000)))
    kinds = [(one.kind, one.subject) for one in shop.read(balance.findings)]
    assert kinds == [("unmatched", "stray"), ("order", "1")]
    assert len(shop.read(facts.unmatched)) == 1
    assert await keeping.examined(shop.admin) == []
    shop.run(lambda unit: unit.session.execute(update(Order).values(state="open")))
    (found,) = await keeping.examined(shop.admin)
    assert "stands as open, and its facts say paid" in found.words
    shop.run(orders.again, order.id)
    assert await keeping.examined(shop.admin) == []


async def test_one_fact_that_cannot_be_so_stops_none_of_the_others(shop):
    order, other = [await shop.buy(shop.sell(courses=[name])) for name in ("c1", "c2")]
    paid = shop.till.pay(order.remote_id)
    bad = shop.till.state(replace(shop.till.pay(other.remote_id), id="a\0b"))
    assert await call(shop, "e1", [bad, paid]) == {"state": "failed"}
    assert shop.courses() == {"c1"}
    (row,) = shop.read(lambda unit: unit.session.scalars(select(Message)).all())
    assert "NUL" in row.reason and row.body
    shop.run(hooks.forget_bodies)
    assert states(shop) == [("failed", "e1", False)]


async def test_all_whose_time_is_over_are_let_out_by_one_job(shop, monkeypatch):
    monkeypatch.setattr(reconcile, "AT_ONCE", 2)
    for user in ("ada", "bob", "eve", "sam", "kim"):
        await shop.buy(shop.sell(amount=0, days=1), user=user)
    past = datetime.now(UTC) - timedelta(days=2)
    span = f"{past.isoformat()}/{(past + timedelta(days=1)).isoformat()}"

    def passes(unit):
        unit.session.execute(update(Cover).values(spans=[span]))
        unit.session.execute(update(Access).values(next_at=past))

    shop.run(passes)
    assert await reconcile.lapse(shop.admin, {}) == {"lapsed": 5}
    assert shop.courses("ada") == shop.courses("kim") == set()
