"""Invoices, credit notes and receipts."""

from __future__ import annotations

import csv
import io
import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from till import asked

from bloop_commerce import exports, invoices, orders, pages, paper, sales_pages
from bloop_commerce.tables import Invoice, now
from bloop_sdk import Contact, FatalError, FileView, NotFoundError
from bloop_sdk.providers.payments import FactKind, Period, SubscriptionStatus

YEAR = now().year
START = now() - timedelta(days=70)
HOSTILE = '#{panic("x")} *b* $x$ <a> @b // \\ "q" 波 שלום مرحبا \u202e\x00'


def papers(shop):
    """The numbers of all papers with what they come to, the earliest first."""
    rows = shop.read(lambda unit: unit.session.scalars(select(Invoice)).all())
    ordered = sorted(rows, key=lambda one: (one.kind == "credit", one.count, one.number))
    return [(one.number, one.total, one.about) for one in ordered]


def paper_of(shop, number):
    return shop.read(invoices.one, number)


@pytest.fixture
def ada(shop):
    shop.database.people["ada"] = Contact(name="Ada", email="ada@example.org")


async def test_a_purchase_has_one_invoice_as_of_its_day_and_refunds_have_credit_notes(shop, ada):
    order = await shop.buy(shop.sell(kind="seats", seats=5), quantity=2)
    assert papers(shop) == []
    paid = shop.till.pay(order.remote_id, tax=1565)
    shop.learn(paid)
    part = shop.till.told(FactKind.REFUNDED, paid, 1000, tax=160)
    shop.learn(paid, part, paid)
    shop.database.people.clear()
    numbers = [(f"{YEAR}-0001", 9800, ""), (f"C{YEAR}-0001", -1000, f"{YEAR}-0001")]
    assert papers(shop) == numbers
    body = paper_of(shop, numbers[0][0]).body
    assert body["buyer"] == {"id": "ada", "name": "Ada", "email": "ada@example.org"}
    assert body["seller"]["name"] == "Riverside Evening School"
    (line,) = body["lines"]
    assert (line["quantity"], line["unit"], line["amount"]) == (2, 4900, 9800)
    assert (body["tax_is_added"], body["paid"]["reference"]) == (False, paid.id)
    assert paper_of(shop, f"C{YEAR}-0001").tax == -160


async def test_tax_that_the_provider_adds_stands_apart(shop):
    order = await shop.buy(shop.sell())
    shop.learn(shop.till.pay(order.remote_id, 5831, tax=931))
    row = paper_of(shop, f"{YEAR}-0001")
    assert (row.total, row.tax, row.body["tax_is_added"]) == (5831, 931, True)
    assert paper._sums(row, "en") == [("Net", "49.00"), ("Tax", "9.31")]


async def test_each_time_of_a_subscription_has_its_own(shop):
    order = await shop.buy(shop.sell(kind="subscription", interval="month"))
    shop.till.subscribe(order.remote_id, at=START)
    shop.learn(*shop.till.of(order.remote_id))
    next_ = Period(start=START + timedelta(days=30), end=START + timedelta(days=60))
    shop.learn(shop.till.pay(order.remote_id, period=next_, at=next_.start))
    assert [total for _, total, _ in papers(shop)] == [4900, 4900]
    (line,) = paper_of(shop, f"{YEAR}-0002").body["lines"]
    assert (line["from"], line["to"]) == tuple(f"{at:%Y-%m-%d}" for at in (next_.start, next_.end))


async def test_what_costs_nothing_or_is_not_all_there_has_none(shop):
    free = shop.place(shop.sell(amount=0))
    assert shop.order(free).state == "paid"
    order = await shop.buy(shop.sell(courses=["c2"]))
    shop.learn(shop.till.pay(order.remote_id, 2000))
    assert papers(shop) == []
    shop.learn(shop.till.pay(order.remote_id, 2900))
    assert [total for _, total, _ in papers(shop)] == [4900]


async def test_papers_come_to_the_same_in_whatever_order_facts_come(shop):
    """Too much came, a part went back, one refund failed after all."""
    dice = random.Random(7)
    product = shop.sell()
    for _ in range(6):
        order = await shop.buy(product)
        paid, more = shop.till.pay(order.remote_id), shop.till.pay(order.remote_id, 100)
        back = shop.till.told(FactKind.REFUNDED, paid, 700)
        failed = shop.till.told(FactKind.REFUNDED, paid, 500)
        undone = shop.till.told(FactKind.REFUNDED, paid, 0, id_=failed.id)
        told = [paid, more, back, failed, undone] * 2
        dice.shuffle(told)
        for fact in told:
            shop.learn(fact)
        rows = shop.read(invoices.of_order, order.id)
        assert sum(one.total for one in rows) == 4900 + 100 - 700
    rows = shop.read(lambda unit: unit.session.scalars(select(Invoice)).all())
    for kind in ("invoice", "credit"):
        counts = sorted(one.count for one in rows if one.kind == kind)
        assert counts == list(range(1, len(counts) + 1))


async def test_a_rollback_leaves_no_gap_and_what_was_issued_stays(shop):
    product = shop.sell()
    first, second = await shop.buy(product), await shop.buy(product, user="bob")

    def broken(unit):
        orders.learn(unit, "till", [shop.till.pay(first.remote_id)])
        raise OSError("the line broke")

    with pytest.raises(OSError, match="broke"):
        shop.run(broken)
    shop.learn(shop.till.pay(second.remote_id))
    assert [number for number, _, _ in papers(shop)] == [f"{YEAR}-0001"]

    def forge(unit):
        invoices.one(unit, f"{YEAR}-0001").total = 1

    with pytest.raises(FatalError, match="stays as it is"):
        shop.run(forge)
    with pytest.raises(FatalError, match="stays as it is"):
        shop.run(lambda unit: unit.session.delete(invoices.one(unit, f"{YEAR}-0001")))


async def test_numbers_begin_anew_each_year(shop, monkeypatch):
    product = shop.sell()
    for year in (2031, 2031, 2032):
        order = await shop.buy(product)
        with monkeypatch.context() as patch:
            patch.setattr(invoices, "now", lambda year=year: datetime(year, 1, 1, tzinfo=UTC))
            shop.learn(shop.till.pay(order.remote_id))
    assert [number for number, _, _ in papers(shop)] == ["2031-0001", "2032-0001", "2031-0002"]


async def test_a_pdf_is_for_its_buyer_made_once_and_takes_no_title_for_markup(shop):
    shop.database.people["ada"] = Contact(name=HOSTILE, email="a@example.org")
    order = await shop.buy(shop.sell(title=HOSTILE.replace("\x00", "")))
    shop.learn(shop.till.pay(order.remote_id))
    ada, number = shop.ctx("ada"), f"{YEAR}-0001"
    shown = await paper.show(asked(number=number), ada)
    assert shown == FileView(name=f"invoices/{number}.pdf", download=f"{number}.pdf")
    kept = await ada.files.get(shown.name)
    await paper.show(asked(number=number), ada)
    assert await ada.files.get(shown.name) is kept
    row = paper_of(shop, number)
    first = paper.pdf(row)
    paper._compiler.cache_clear()
    assert paper.pdf(row) == first
    assert first.startswith(b"%PDF-") and len(first) == kept.size
    for who in (shop.ctx("eve"), shop.ctx("guest", "commerce:browse")):
        with pytest.raises(NotFoundError):
            await paper.show(asked(number=number), who)
    await paper.show(asked(number=number), shop.ctx("boss", "commerce:buy", "commerce:books"))
    for html in (
        (await pages.purchases(asked(), ada)).html,
        (await pages.purchase(asked(order=order.id), ada)).html,
        (await sales_pages.sale(asked(order=order.id), shop.ctx("boss", "commerce:books"))).html,
    ):
        assert f"/x/commerce/invoices/{number}.pdf" in html


async def test_buyers_are_told_of_each_thing_once_with_the_number_of_its_paper(shop):
    order = await shop.buy(shop.sell(kind="subscription", interval="month", grace_days=7))
    shop.till.subscribe(order.remote_id, at=START)
    first = shop.till.of(order.remote_id)
    next_ = Period(start=START + timedelta(days=30), end=START + timedelta(days=60))
    again = shop.till.pay(order.remote_id, period=next_, at=next_.start)
    back = shop.till.told(FactKind.REFUNDED, again, 900)
    due = shop.till.renewed(order.remote_id, SubscriptionStatus.PAST_DUE, next_, next_.end)
    for told in (first, [again], [back], [due], [*first, again, back, due]):
        shop.learn(*told)
    found = [(one.user, one.subject.partition(":")[0]) for one in shop.database.messages]
    words = ["Receipt", "Renewed", "Money back", "Your renewal failed"]
    assert found == list(zip(itertools.repeat("ada"), words, strict=False))
    texts = [one.text for one in shop.database.messages]
    for text, number in zip(texts, ("", "", "C"), strict=False):
        assert f"{number}{YEAR}-000" in text
    assert "9.00 EUR go back to you" in texts[2]
    assert "7 days" in texts[3]


async def test_a_buyer_is_told_in_the_language_that_they_chose_after_they_ordered(shop):
    order = await shop.buy(shop.sell())
    shop.database.people["ada"] = Contact(name="Ada", language="de")
    shop.learn(shop.till.pay(order.remote_id))
    (told,) = shop.database.messages
    assert told.subject.startswith("Zahlungsbestätigung: ")
    assert "Bestellung" in told.text


async def test_a_setting_keeps_receipts_back_and_switched_on_again_they_are_not_made_up_for(shop):
    order = await shop.buy(shop.sell())
    config = shop.database.config
    shop.database.config = config.model_copy(update={"receipts": False})
    shop.learn(shop.till.pay(order.remote_id))
    shop.database.config = config
    shop.run(orders.again, order.id)
    assert shop.database.messages == []


async def test_accountants_find_each_invoice_in_each_export(shop):
    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id, fee=50)
    shop.learn(paid, shop.till.told(FactKind.REFUNDED, paid, 1000))

    def rows(what):
        return list(csv.DictReader(io.StringIO(shop.read(exports.written, what, None, None))))

    both = [f"{YEAR}-0001", f"C{YEAR}-0001"]
    assert [one["number"] for one in rows("invoices")] == both
    assert [one["total"] for one in rows("invoices")] == ["49.00", "-10.00"]
    assert [one["invoice"] for one in rows("orders")] == [" ".join(both)]
    assert {one["kind"]: one["invoice"] for one in rows("ledger")} == {
        "captured": both[0],
        "refunded": both[1],
    }


@pytest.mark.parametrize("credits", [False, True])
async def test_a_dispute_that_is_lost_has_a_credit_note_where_that_is_wanted(shop, ada, credits):  # noqa: A002
    settings = shop.admin.config.model_copy(update={"credit_lost_disputes": credits})
    shop.database.config = settings
    order = await shop.buy(shop.sell())
    paid = shop.till.pay(order.remote_id)
    shop.learn(paid, shop.till.told(FactKind.DISPUTED, paid, id_="d"))
    lost = shop.till.told(FactKind.DISPUTE_LOST, paid, id_="d")
    shop.learn(lost, lost)
    back = [(f"C{YEAR}-0001", -4900, f"{YEAR}-0001")] if credits else []
    assert papers(shop) == [(f"{YEAR}-0001", 4900, ""), *back]
    won = shop.till.told(FactKind.DISPUTE_WON, paid, id_="d")
    shop.learn(replace(won, as_of=lost.as_of + timedelta(seconds=1)))
    assert sum(total for _, total, _ in papers(shop)) == 4900


async def test_papers_and_receipts_are_in_the_language_in_which_was_ordered(shop, ada):
    order = await shop.buy(shop.sell(amount=123450), language="de")
    paid = shop.till.pay(order.remote_id)
    shop.learn(paid, shop.till.told(FactKind.REFUNDED, paid, 1000))
    subjects = [one.subject.partition(":")[0] for one in shop.database.messages]
    assert subjects == ["Zahlungsbestätigung", "Erstattung"]
    assert "Vielen Dank: 1234.50 EUR sind eingegangen." in shop.database.messages[0].text
    shown = paper._shown(paper_of(shop, f"C{YEAR}-0001"))
    assert (shown["name"], shown["total"]) == ("Gutschrift", "\N{MINUS SIGN}10,00 EUR")
    assert shown["lines"][0]["title"].startswith("Erstattet: ")
    invoice = paper_of(shop, f"{YEAR}-0001")
    assert paper._shown(invoice)["total"] == "1.234,50 EUR"
    assert paper.pdf(invoice).startswith(b"%PDF-")
