"""Pages in two languages: what was typed is kept, the field that is wrong is named."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta

import pytest
from till import ADMIN, asked

from bloop_commerce import (
    catalogue,
    coupons,
    forms,
    keeping,
    offer_pages,
    pages,
    refunds,
    sales_pages,
    selling,
)
from bloop_commerce.tables import Access, Refund, now
from bloop_sdk import Contact, PreconditionFailedError, words_of


def german(ctx):
    return dataclasses.replace(ctx, locale="de")


def in_german(shop, user, *actions):
    made = german(shop.ctx(user, *actions))
    made.__dict__["database"] = shop.database
    return made


@pytest.fixture
def boss(shop):
    return shop.ctx("boss", *ADMIN)


async def test_buyers_read_their_language_and_amounts_as_it_writes_them(shop):
    product = shop.sell(4900, kind="subscription", interval="month", trial_days=7)
    ada = in_german(shop, "ada")
    html = (await pages.product(asked(product=product), ada)).html
    assert "49,00\xa0€ im Monat" in html and "7 Tage kostenlos" in html
    assert "Zahlungspflichtig bestellen" in html
    assert (await pages.purchases(asked(), ada)).title == "Meine Käufe"
    assert "Noch nichts gekauft" in (await pages.purchases(asked(), ada)).html


async def test_a_form_of_an_order_keeps_what_was_typed_and_names_the_field(shop):
    product = shop.sell(kind="seats", seats=5)
    typed = {"price": "EUR--4900", "quantity": "2", "coupon": "N<OPE"}
    answer = await forms.buy(asked(form=typed, product=product), in_german(shop, "ada"))
    assert answer.status == 422
    assert 'value="N&lt;OPE"' in answer.html and 'value="2"' in answer.html
    assert 'id="wrong-coupon" role="alert">Diesen Gutschein gibt es nicht.' in answer.html
    for wrong, said in (
        ("many", "Write how many"),
        ("1001", "one can buy 1 to 1000"),
        ("0", "one"),
    ):
        form = typed | {"quantity": wrong, "coupon": ""}
        answer = await forms.buy(asked(form=form, product=product), shop.ctx("ada"))
        assert answer.status == 422 and f'value="{wrong}"' in answer.html
        assert said in answer.html.partition('id="wrong-quantity"')[2]
    # Another tab shows the price of before.
    shop.run(catalogue.set_price, product, 5900, "EUR")
    answer = await forms.buy(asked(form=typed | {"coupon": ""}, product=product), shop.ctx("ada"))
    assert answer.status == 409 and "the price has changed" in answer.html.lower()
    assert await shop.ctx("ada").read(keeping.orders.of_buyer, "ada") == []


async def test_a_form_of_an_order_that_is_sent_twice_is_one_order(shop):
    product, ada = shop.sell(), shop.ctx("ada")
    shop.run(coupons.make, "LAST", percent=100, most=1)
    html = (await pages.product(asked(product=product), ada)).html
    once = re.search(r'name="once" value="([^"]+)"', html)[1]
    placed = []
    for coupon, buyer in (("", ada), ("", ada), ("LAST", ada), ("LAST", ada)):
        form = {"price": "EUR--4900", "once": once, "coupon": coupon}
        answer = await forms.buy(asked(form=form, product=product), buyer)
        placed.append(answer.headers["location"])
    # What was changed in the form meanwhile is another order.
    assert placed[0] == placed[1] != placed[2] == placed[3]
    assert len(await ada.read(keeping.orders.of_buyer, "ada")) == 2
    form = {"price": "EUR--4900", "once": once}
    answer = await forms.buy(asked(form=form, product=product), shop.ctx("eve"))
    assert answer.headers["location"] not in placed


async def test_purchases_say_until_when_one_has_what(shop):
    for days in (30, None):
        product = shop.sell(title=f"For {days}", courses=[f"c{days}"], days=days)
        order = await shop.buy(product)
        shop.learn(shop.till.pay(order.remote_id))
    shop.database.absent.add("cNone")
    end = words_of("bloop_commerce", "en").day(now() + timedelta(days=30))
    html = (await pages.purchases(asked(), shop.ctx("ada"))).html
    assert 'href="/courses/c30">Title of c30</a>' in html and f"until {end}" in html
    assert "Title of cNone" not in html
    shown = (await pages.purchase(asked(order=order.id), shop.ctx("ada"))).html
    assert "for good" in shown and "/courses/cNone" not in shown


async def test_a_refund_is_seen_before_it_is_done_and_done_over_what_was_seen(shop, boss):
    order = await shop.buy(shop.sell())
    shop.learn(shop.till.pay(order.remote_id))
    first = await sales_pages.refund(asked({}, order=order.id), boss)
    assert 'value="49.00"' in first.html and "This happens" not in first.html
    part = await sales_pages.refund(asked({"amount": "9.00"}, order=order.id), boss)
    assert "€9.00 go back by till" in part.html and "€40.00 of it stay" in part.html
    assert "Access stays as it is" in part.html
    whole = await sales_pages.refund(asked({"amount": "49.00"}, order=order.id), boss)
    assert "Access ends at once" in whole.html
    told = await keeping.preview_refund(asked({"amount": "4900"}, order=order.id), boss)
    assert told == {
        "amount": 4900,
        "left": 0,
        "currency": "EUR",
        "ends_access": True,
        "version": shop.order(order.id).version,
    }
    for amount, status in (("much", 422), ("", 422), ("49.01", 409), ("0", 409)):
        wrong = await sales_pages.refund(asked({"amount": amount}, order=order.id), boss)
        assert wrong.status == status and "This happens" not in wrong.html, amount
        assert f'value="{amount}"' in wrong.html
    form = {"amount": "9.00", "reason": "Ill", "version": str(told["version"])}
    done = await forms.refund(asked(form=form, order=order.id), boss)
    assert done.status == 303 and shop.order(order.id).refunded == 900
    # The same form from another tab is of another version by now.
    again = await forms.refund(asked(form=form, order=order.id), boss)
    assert again.status == 409 and "something has happened" in again.html.lower()
    assert 'value="Ill"' in again.html and shop.order(order.id).refunded == 900
    with pytest.raises(PreconditionFailedError):
        shop.run(refunds.ask, order.id, "boss", amount=100, version=1)


async def test_money_by_hand_keeps_what_was_typed(shop, boss):
    order = await shop.buy(shop.sell())
    form = {"amount": "lots", "reference": "B 1", "on": "2026-01-02"}
    for change, field in (({}, "amount"), ({"amount": "1", "on": "soon"}, "on")):
        wrong = await forms.paid(asked(form=form | change, order=order.id), boss)
        assert wrong.status == 422 and wrong.title == f"Order {order.number}", field
    assert shop.till.moved == []


async def test_orders_are_found_by_what_is_known_of_them(shop, boss):
    shop.database.people["ada"] = Contact(name="Ada <L>", email="Lovelace@example.org")
    waves, sound = shop.sell(title="100% Waves"), shop.sell(title="Sound")
    ids = [(await shop.buy(one)).id for one in (waves, sound, sound)]
    shop.learn(shop.till.pay(shop.order(ids[0]).remote_id))
    number = shop.read(keeping.invoices.of_order, ids[0])[0].number

    async def found(**query):
        html = (await sales_pages.sales(asked(query), boss)).html
        return [id_ for id_ in ids if id_ in html]

    assert await found() == ids
    assert await found(q="100%") == await found(q=number.lower()) == ids[:1]
    assert await found(q="1") == ids[:1]
    assert await found(q="99999999999999999999") == await found(q="%_") == []
    assert await found(q="ada", state="open") == ids[1:]
    assert await found(q="ada <L") == await found(q="lovelace@") == ids
    assert await found(q="eve") == []
    assert await found(before="2") == ids[:1]
    html = (await sales_pages.sales(asked({"q": "no\x00thing", "before": "x"}), boss)).html
    assert "No order is like that" in html
    assert "Ada &lt;L&gt;" in (await sales_pages.sales(asked(), boss)).html
    listed = await keeping.list_orders(asked({"q": "sound"}), boss)
    assert [one["id"] for one in listed["items"]] == ids[:0:-1]


async def test_what_is_out_of_balance_is_said_with_names_places_and_cures(shop, boss):
    shop.database.people["ada"] = Contact(name="Ada")
    order = await shop.buy(shop.sell())
    shop.learn(shop.till.pay(order.remote_id, 100))
    late = {"institution_id": "test-institution", "asked_at": now() - timedelta(hours=2)}

    def ill(unit):
        unit.session.add(Refund(
            order_id=order.id, capture="x", amount=100, currency="EUR", asked_by="b", **late
        ))  # fmt: skip
        unit.session.add(Access(
            institution_id="test-institution", user_id="ada", kind="course", subject_id="c9",
            is_open=True, next_at=now() - timedelta(hours=1),
        ))  # fmt: skip

    shop.run(ill)
    told = (await sales_pages.books(asked({}), in_german(shop, "boss", *ADMIN))).html
    assert "Insgesamt kamen 1.00 EUR, und 49.00 EUR waren vereinbart" in told
    assert f'href="/x/commerce/sales/{order.id}">Bestellung {order.number}</a>' in told
    assert "Eine Erstattung von 1.00 EUR ist ohne Antwort" in told
    assert "Ada ist in c9 ohne jeden Kauf" in told
    assert "Der Zugang von Ada zu c9 hätte sich ändern sollen" in told
    deep = (await sales_pages.books(asked({"deep": "1"}), boss)).html
    assert "computed anew" in deep


async def test_a_product_is_made_priced_and_changed_on_pages(shop, boss):
    typed = {
        "title": "Wa<ves", "gives": "https://hub.example/courses/c1?x\n/lessons/l1 /courses/c1",
        "price": "49.00", "currency": "EUR", "kind": "single", "on_sale": "1",
    }  # fmt: skip
    for change, field in (
        ({"title": " "}, "title"),
        ({"gives": "nothing"}, "gives"),
        ({"days": "x"}, "days"),
        ({"price": "4,9.0"}, "price"),
        ({"currency": "€"}, "currency"),
        ({"kind": "seats"}, "gives"),
        ({"seats": "-1"}, "seats"),
    ):
        wrong = await offer_pages.add(asked(form=typed | change), boss)
        assert wrong.status == 422 and f'id="wrong-{field}"' in wrong.html, change
        assert "Wa&lt;ves" in wrong.html or field == "title"
    # Courses are ticked, and searched where there are many; nothing that was typed is lost.
    shop.database.shelf |= {f"c{n}": f"Course {n:02}" for n in range(1, 40)}
    found = await offer_pages.add(asked(form=typed | {"find": "39", "look": "1"}), boss)
    assert found.status == 200 and "Wa&lt;ves" in found.html
    ticked = r'value="c1" checked><label for="course-c1">Title of c1'
    assert ticked in found.html and 'value="c39"><label for="course-c39">Course 39' in found.html
    assert "Course 38" not in found.html
    assert 'name="find"' in (await offer_pages.new(asked({}), boss)).html
    assert shop.read(catalogue.products, on_sale=False) == []
    done = await offer_pages.add(asked(form=typed), boss)
    id_ = done.headers["location"].rpartition("/")[2].partition("?")[0]
    row = shop.read(catalogue.product, id_)
    assert (row.courses, row.items, row.on_sale) == (["c1"], ["l1"], True)

    change = {"title": "Waves", "gives": "/courses/c1", "version": "1"}
    done = await offer_pages.change(asked(form=change, product=id_), boss)
    assert done.status == 303 and not shop.read(catalogue.product, id_).on_sale
    late = await offer_pages.change(asked(form=change | {"title": "Mine"}, product=id_), boss)
    assert late.status == 409 and 'value="Mine"' in late.html
    # Who has seen that may write over it; a field that is wrong takes nobody over what they saw.
    assert 'name="version" value="2"' in late.html
    wrong = await offer_pages.change(asked(form=change | {"title": ""}, product=id_), boss)
    assert wrong.status == 422 and 'name="version" value="1"' in wrong.html
    assert shop.read(catalogue.product, id_).title == "Waves"

    price = {"price": "54.00", "currency": "usd", "country": "Mars"}
    wrong = await offer_pages.set_price(asked(form=price, product=id_), boss)
    assert wrong.status == 422 and 'id="wrong-country"' in wrong.html and "54.00" in wrong.html
    await offer_pages.set_price(asked(form=price | {"country": "us"}, product=id_), boss)
    us = shop.read(catalogue.price_for, id_, "USD", "US")
    assert us.amount == 5400
    await offer_pages.end_price(asked(product=id_, price=us.id), boss)
    gone = await offer_pages.end_price(asked(product=id_, price=us.id), boss)
    assert gone.status == 422 and len(shop.read(catalogue.prices, id_)) == 1


async def test_coupons_are_made_and_ended_on_a_page(shop, boss):
    typed = {"code": "spring", "percent": "10", "currency": "EUR", "until": "2099-12-31"}
    for change, field in (
        ({"code": "?"}, "code"),
        ({"percent": "ten"}, "percent"),
        ({"percent": "101"}, "percent"),
        ({"percent": "", "amount": "x"}, "amount"),
        ({"most": "-1"}, "most"),
        ({"until": "tomorrow"}, "until"),
    ):
        wrong = await offer_pages.add_coupon(asked(form=typed | change), boss)
        assert wrong.status == 422 and f'id="wrong-{field}"' in wrong.html, change
    both = await offer_pages.add_coupon(asked(form=typed | {"amount": "1.00"}), boss)
    assert both.status == 422 and "say one of both" in both.html
    assert (await offer_pages.add_coupon(asked(form=typed), boss)).status == 303
    (made,) = shop.read(coupons.every)
    assert (made.code, f"{made.until:%Y-%m-%d}") == ("SPRING", "2100-01-01")
    assert "SPRING" in (await offer_pages.codes(asked({}), boss)).html
    for _ in range(2):
        ended = await offer_pages.end_coupon(asked(coupon=made.id), boss)
        assert ended.status == 303
    assert (await selling.end_coupon(asked(coupon=made.id), boss))["until"]
    assert len([one for one in shop.database.audited if one.action == "commerce.coupon_ended"]) == 1
    form = {"price": "EUR-", "coupon": "SPRING"}
    product = shop.sell()
    late = await forms.buy(asked(form=form, product=product), shop.ctx("ada"))
    assert late.status == 422 and "was good until" in late.html


async def test_a_subscription_is_paid_otherwise_on_its_providers_page(shop):
    order = await shop.buy(shop.sell(kind="subscription", interval="month"))
    refused = await forms.portal(asked(order=order.id), shop.ctx("ada"))
    assert refused.status == 409 and "no subscription" in refused.html
    shop.till.subscribe(order.remote_id)
    shop.learn(*shop.till.of(order.remote_id))
    sent = await forms.portal(asked(order=order.id), shop.ctx("ada"))
    assert (sent.status, sent.headers["location"][:8]) == (303, "https://")


async def test_a_subscription_changes_to_what_is_sold_for_the_same_time(shop):
    order = await shop.buy(shop.sell(kind="subscription", interval="month"))
    shop.till.subscribe(order.remote_id)
    shop.learn(*shop.till.of(order.remote_id))
    more = shop.sell(9900, title="All <of> it", kind="subscription", interval="month")
    yearly = shop.sell(title="By the year", kind="subscription", interval="year")
    html = (await pages.purchase(asked(order=order.id), shop.ctx("ada"))).html
    assert "All &lt;of&gt; it, €99.00 a month" in html and "By the year" not in html
    (year,) = shop.read(catalogue.prices, yearly)
    wrong = await forms.plan(asked(form={"plan": year.id}, order=order.id), shop.ctx("ada"))
    assert wrong.status == 409 and 'id="wrong-plan"' in wrong.html
    (month,) = shop.read(catalogue.prices, more)
    done = await forms.plan(asked(form={"plan": month.id}, order=order.id), shop.ctx("ada"))
    assert done.status == 303 and month.id in shop.order(order.id).plans


def test_a_preview_of_what_is_free_says_that_access_ends(shop):
    product = shop.sell(0)
    order = shop.place(product)
    found = shop.read(refunds.preview, order)
    assert (found.money.amount, found.ends_access) == (0, True)
    assert shop.order(order).state == "paid"
