"""From a price to access, and back: orders over tables in memory, paid at a till."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from bloop_commerce import api, catalogue, checkout, facts, ledger, orders, refunds
from bloop_sdk import (
    ConfigError,
    NotFoundError,
    PreconditionFailedError,
    PrincipalKind,
    UnavailableError,
    UnsupportedError,
)
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import CheckoutLine, CheckoutRequest, FactKind
from bloop_sdk.testing.reach import FakeProviders


async def test_who_has_paid_is_let_in_and_the_books_say_so(shop):
    order = await shop.buy(shop.sell())
    assert (order.number, order.state, order.total) == (1, "open", 4900)
    assert order.checkout_url == f"https://till.example/{order.remote_id}"
    assert shop.courses() == set()
    paid = shop.till.pay(order.remote_id, 5831, tax=931, fee=120)
    for _ in range(3):
        shop.learn(paid)
    order = shop.order(order.id)
    assert (order.state, order.captured, order.tax, order.faults) == ("paid", 5831, 931, [])
    assert shop.courses() == {"c1"}
    assert shop.sums() == {"cash:till": 5711, "fees": 120, "sales": -4900, "tax": -931}
    entries = shop.read(ledger.of_order, order.id)
    assert len(entries) == 4
    assert sum(line.amount for _, line in entries) == 0
    told = [one.topic for one in shop.database.events]
    assert told == ["payment.received"]


async def test_a_fact_that_changes_is_corrected_by_a_further_entry(shop):
    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id)
    shop.learn(paid)

    fees = replace(
        paid, fee=Money(amount=99, currency="EUR"), as_of=paid.as_of + timedelta(minutes=1)
    )
    shop.learn(fees)
    shop.learn(paid)
    assert shop.sums() == {"cash:till": 4801, "fees": 99, "sales": -4900}
    numbers = {entry.number for entry, _ in shop.read(ledger.of_order, order.id)}
    assert numbers == {1, 2}


async def test_all_of_it_back_ends_access_a_part_does_not(shop):
    order = await shop.buy(shop.sell())
    shop.learn(shop.till.pay(order.remote_id))
    admin = shop.admin
    for amount, left, courses in ((1000, 3900, {"c1"}), (None, 0, set())):
        ids = await admin.transaction(refunds.ask, order.id, "admin", amount=amount)
        for id_ in ids:
            await refunds.give_back(admin, id_)
            await refunds.give_back(admin, id_)
        assert sum(shop.read(refunds.left_of, shop.order(order.id)).values()) == left
        assert shop.courses() == courses
    assert shop.order(order.id).state == "refunded"
    assert shop.sums() == {"refunds": 4900, "sales": -4900}
    with pytest.raises(PreconditionFailedError, match="left of what came"):
        await admin.transaction(refunds.ask, order.id, "admin", amount=1)
    assert shop.till.moved == [("captured", 4900), ("refunded", 1000), ("refunded", 3900)]


async def test_what_is_being_given_back_counts_at_once(shop):
    order = await shop.buy(shop.sell())
    shop.learn(shop.till.pay(order.remote_id))
    shop.run(refunds.ask, order.id, "admin", amount=3000)
    with pytest.raises(PreconditionFailedError, match=r"19.00 EUR is left"):
        shop.run(refunds.ask, order.id, "admin", amount=3000)
    assert shop.till.moved == [("captured", 4900)]


@pytest.mark.parametrize("amount", [0, -1, 4901, 10**30])
async def test_no_other_amount_is_given_back_than_some_of_what_came(shop, amount):
    order = await shop.buy(shop.sell())
    shop.learn(shop.till.pay(order.remote_id))
    with pytest.raises(PreconditionFailedError, match="left of what came"):
        shop.run(refunds.ask, order.id, "admin", amount=amount)
    assert (shop.order(order.id).refunded, shop.courses()) == (0, {"c1"})


@pytest.mark.parametrize("quantity", [0, -1, 1001, 10**30, 1000])
async def test_no_order_is_placed_that_nobody_could_pay(shop, quantity):
    bundle = shop.sell(10**10, kind="seats", seats=1)
    with pytest.raises(UnsupportedError):
        await shop.buy(bundle, quantity=quantity)
    assert (await shop.buy(bundle, quantity=100)).number == 1


async def test_an_answer_that_is_lost_moves_no_money_twice(shop):
    order = await shop.buy(shop.sell())
    shop.till.checkouts[order.remote_id]["agreed"] = True
    shop.till.lose_answers()
    with pytest.raises(UnavailableError):
        await checkout.settle(shop.ctx("ada"), order)
    assert (await checkout.settle(shop.ctx("ada"), order)).state == "paid"
    (id_,) = shop.run(refunds.ask, order.id, "admin")
    shop.till.lose_answers()
    with pytest.raises(UnavailableError):
        await refunds.give_back(shop.admin, id_)
    assert shop.order(order.id).state == "paid"
    (job,) = [one for one in shop.database.jobs if one.kind == "refund"]
    await refunds.refund(shop.admin, job.payload)
    assert shop.order(order.id).state == "refunded"
    assert shop.till.moved == [("captured", 4900), ("refunded", 4900)]


async def test_a_checkout_that_was_lost_is_found_again(shop):
    product = shop.sell()
    shop.till.lose_answers()
    with pytest.raises(UnavailableError):
        await shop.buy(product)
    (order,) = shop.read(orders.of_buyer, "ada")
    again = await checkout.start(shop.ctx("ada"), order, "https://hub.example/x/commerce")
    assert len(shop.till.checkouts) == 1
    assert again.remote_id in shop.till.checkouts


async def test_facts_that_come_before_their_order_is_known_are_found_later(shop):
    id_ = shop.place(shop.sell())
    provider = await shop.ctx("ada").providers.get("payments", "till")

    money = Money(amount=4900, currency="EUR")
    request = CheckoutRequest(
        order=id_, lines=(CheckoutLine(title="", unit_price=money),), total=money,
        return_url="", cancel_url="",
    )  # fmt: skip
    made = await provider.create_checkout(request, "k")
    paid = replace(shop.till.pay(made.remote_id), order="")
    back = replace(shop.till.told(FactKind.REFUNDED, paid, 100), order="", remote_id="")
    shop.learn(back)
    shop.learn(paid)
    assert len(shop.read(facts.unmatched)) == 2
    shop.run(
        orders.started, id_, remote_id=made.remote_id, url="", instructions="", expires_at=None
    )
    assert shop.read(facts.unmatched) == []
    order = shop.order(id_)
    assert (order.state, order.captured, order.refunded) == ("paid", 4900, 100)


async def test_a_fee_of_another_currency_is_booked_in_that(shop):
    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id)
    shop.learn(replace(paid, fee=Money(amount=177, currency="USD")))
    found = {(one.account, one.currency): one.amount for one in shop.read(ledger.trial_balance)}
    assert found == {
        ("cash:till", "EUR"): 4900, ("sales", "EUR"): -4900,
        ("cash:till", "USD"): -177, ("fees", "USD"): 177,
    }  # fmt: skip


async def test_a_refund_that_fails_after_all_can_be_given_again(shop):
    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id)
    back = shop.till.told(FactKind.REFUNDED, paid)
    shop.learn(paid, back)
    assert shop.courses() == set()
    nothing = replace(back.money, amount=0)
    shop.learn(replace(back, money=nothing, as_of=back.as_of + timedelta(seconds=1)))
    order = shop.order(order.id)
    assert (order.state, order.refunded, shop.courses()) == ("paid", 0, {"c1"})
    assert "did not come through" in order.faults[0]
    assert shop.read(refunds.left_of, order) == {paid.id: 4900}


async def test_money_that_is_wrong_gives_nothing_and_is_told(shop):
    product = shop.sell()
    for amount, currency, fault in ((4899, "EUR", "48.99 EUR came"), (9999, "JPY", "in EUR")):
        order = await shop.buy(product)
        shop.learn(shop.till.pay(order.remote_id, amount, currency))
        order = shop.order(order.id)
        assert order.state == "short"
        assert fault in order.faults[0]
        assert shop.courses() == set()


async def test_an_order_keeps_the_price_of_its_moment(shop):
    product = shop.sell()
    order = await shop.buy(product)
    shop.run(catalogue.set_price, product, 9900, "EUR")
    with pytest.raises(PreconditionFailedError, match="price has changed"):
        await shop.buy(product, expected=4900)
    shop.learn(shop.till.pay(order.remote_id))
    assert shop.order(order.id).state == "paid"
    assert (await shop.buy(product, expected=9900)).number == 2


async def test_prices_are_of_currencies_and_countries(shop):
    product = shop.sell()
    shop.run(catalogue.set_price, product, 3900, "EUR", "PT")
    shop.run(catalogue.set_price, product, 6000, "JPY")
    totals = [
        (await shop.buy(product, currency=currency, country=country)).total
        for currency, country in (("EUR", ""), ("EUR", "PT"), ("EUR", "DE"), ("JPY", "JP"))
    ]
    assert totals == [4900, 3900, 4900, 6000]
    with pytest.raises(UnsupportedError, match="no price in KWD"):
        await shop.buy(product, currency="KWD")


async def test_what_is_free_is_had_at_once_and_can_be_taken_back(shop):
    order = await shop.buy(shop.sell(0))
    assert (shop.order(order.id).state, shop.courses()) == ("paid", {"c1"})
    assert (shop.till.checkouts, shop.sums()) == ({}, {})
    shop.run(refunds.ask, order.id, "admin")
    assert (shop.order(order.id).state, shop.courses()) == ("refunded", set())


async def test_another_purchase_that_holds_keeps_access(shop):
    first, second = shop.sell(courses=["c1", "c2"]), shop.sell(courses=["c2", "c3"])
    a, b = await shop.buy(first), await shop.buy(second)
    paid = [shop.till.pay(one.remote_id) for one in (a, b)]
    shop.learn(*paid)
    assert shop.courses() == {"c1", "c2", "c3"}
    taken = shop.till.told(FactKind.DISPUTED, paid[0])
    shop.learn(taken)
    assert (shop.order(a.id).state, shop.courses()) == ("disputed", {"c2", "c3"})
    shop.learn(paid[0])
    assert shop.courses() == {"c2", "c3"}
    shop.learn(shop.till.told(FactKind.DISPUTE_WON, paid[0], id_=taken.id))
    assert (shop.order(a.id).state, shop.courses()) == ("paid", {"c1", "c2", "c3"})


async def test_a_lost_dispute_is_booked_as_one(shop):
    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id)
    taken = shop.till.told(FactKind.DISPUTED, paid, fee=Money(amount=1500, currency="EUR"))
    lost = shop.till.told(FactKind.DISPUTE_LOST, paid, id_=taken.id)
    shop.learn(lost)
    shop.learn(paid, taken)
    assert shop.order(order.id).state == "charged_back"
    assert shop.courses() == set()
    assert shop.sums() == {
        "cash:till": -1500, "chargebacks": 4900, "fees": 1500, "sales": -4900,
    }  # fmt: skip


async def test_a_dispute_that_is_appealed_stands_as_it_ended_last(shop):
    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id)
    taken = shop.till.told(FactKind.DISPUTED, paid)
    lost = shop.till.told(FactKind.DISPUTE_LOST, paid, id_=taken.id)
    later = lost.as_of + timedelta(seconds=1)
    won = shop.till.told(FactKind.DISPUTE_WON, paid, id_=taken.id, at=later)
    shop.learn(won, lost, paid, taken)
    assert (shop.order(order.id).state, shop.courses()) == ("paid", {"c1"})
    assert {name: amount for name, amount in shop.sums().items() if amount} == {
        "cash:till": 4900, "sales": -4900,
    }  # fmt: skip
    shop.learn(replace(lost, as_of=later + timedelta(seconds=1)))
    assert (shop.order(order.id).state, shop.courses()) == ("charged_back", set())
    assert {name: amount for name, amount in shop.sums().items() if amount} == {
        "chargebacks": 4900, "sales": -4900,
    }  # fmt: skip


async def test_a_fee_that_is_booked_within_the_second_is_booked(shop):
    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id)
    known = replace(paid, fee=Money(amount=171, currency="EUR"))
    shop.learn(paid)
    shop.learn(known)
    shop.learn(paid)
    assert shop.sums()["fees"] == 171


async def test_a_provider_that_is_not_set_up_keeps_nobody_from_paying(shop, monkeypatch):
    known = shop.admin.providers.given["payments"]
    monkeypatch.setitem(shop.admin.providers.given, "payments", {"purse": None} | known)
    get = FakeProviders.get

    async def not_set_up(self, capability, plugin_id=None):
        if plugin_id == "purse":
            raise ConfigError("no key is set", cure="set it")
        return await get(self, capability, plugin_id)

    monkeypatch.setattr(FakeProviders, "get", not_set_up)
    product = shop.sell()
    assert (await shop.buy(product)).provider == "till"
    with pytest.raises(ConfigError, match="no key"):
        await shop.buy(product, provider="purse")


async def test_a_key_of_a_program_buys_nothing(shop):
    ctx = shop.ctx("k1")
    ctx.call = replace(ctx.call, principal=replace(ctx.call.principal, kind=PrincipalKind.KEY))
    with pytest.raises(UnsupportedError, match="only a person"):
        await checkout.buy(ctx, checkout.Wanted(product=shop.sell(), currency="EUR"))


async def test_nobody_else_sees_an_order(shop):

    order = await shop.buy(shop.sell())

    asked = SimpleNamespace(path_params={"order": order.id})
    assert (await api.own_order(asked, shop.ctx("ada"))).id == order.id
    assert (await api.own_order(asked, shop.ctx("eve", "commerce:books"))).id == order.id
    with pytest.raises(NotFoundError):
        await api.own_order(asked, shop.ctx("eve"))
