"""Pages, forms and commands, over tables in memory."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import click
import pytest
import till as tills
from till import ADMIN, asked

from bloop_commerce import (
    catalogue,
    cli,
    entitlements,
    exports,
    forms,
    offering,
    pages,
    sales_pages,
)
from bloop_commerce.booking import cash
from bloop_commerce.said import ACCOUNTS, KINDS, REFUNDS, STATES, SUBSCRIPTIONS, Said
from bloop_commerce.standing import OrderState
from bloop_sdk import Contact, NotFoundError, PreconditionFailedError, UnsupportedError, words_of
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import (
    Can,
    FactKind,
    PaymentFact,
    PaymentSpec,
    SubscriptionStatus,
)

EVIL = "<script>alert(1)</script>"


async def bought(shop, **offer):
    """An order by forms, as a browser sends them; its id."""
    product = shop.sell(**{"title": EVIL, "summary": EVIL} | offer)
    form = {"price": "EUR-", "coupon": "", "way": "", "quantity": ""}
    answer = await forms.buy(asked(form=form, product=product), shop.ctx("ada"))
    assert answer.status == 303
    return product, answer.headers["location"].rpartition("/")[2]


async def test_a_shop_shows_what_is_for_sale_and_escapes_what_people_wrote(shop):
    assert "Nothing is for sale" in (await pages.shop(asked(), shop.ctx("ada"))).html
    product, _ = await bought(shop)
    shop.sell(title="Hidden", on_sale=False)
    html = (await pages.shop(asked(), shop.ctx("ada"))).html
    html += (await pages.product(asked(product=product), shop.ctx("ada"))).html
    assert EVIL not in html and "&lt;script&gt;" in html
    assert "Hidden" not in html and "€49.00" in html
    with pytest.raises(NotFoundError):
        await pages.product(asked(product="nothing"), shop.ctx("ada"))
    guest = await pages.product(asked(product=product), shop.ctx("guest", "commerce:browse"))
    assert "Log in to buy" in guest.html


async def test_a_purchase_leads_to_the_till_and_back(shop):
    _, id_ = await bought(shop)
    page = await pages.purchase(asked(order=id_), shop.ctx("ada"))
    assert shop.order(id_).checkout_url in page.html
    assert page.refresh
    shop.till.checkouts[shop.order(id_).remote_id]["agreed"] = True
    for _ in range(2):
        page = await pages.back(asked(order=id_), shop.ctx("ada"))
        assert ">paid<" in page.html and page.refresh is None
    assert shop.till.moved == [("captured", 4900)]
    listed = (await pages.purchases(asked(), shop.ctx("ada"))).html
    assert id_ in listed and EVIL not in listed
    assert id_ not in (await pages.purchases(asked(), shop.ctx("eve"))).html
    with pytest.raises(NotFoundError):
        await pages.purchase(asked(order=id_), shop.ctx("eve"))


async def test_sales_show_orders_facts_ledger_and_what_is_out_of_balance(shop):
    _, id_ = await bought(shop)
    shop.learn(shop.till.pay(shop.order(id_).remote_id, 100))
    admin = shop.ctx("boss", *ADMIN)
    html = (await sales_pages.books(asked(), admin)).html
    assert "1.00 EUR came in all, and 49.00 EUR was agreed" in html
    assert "With till" in html and EVIL not in html
    html = (await sales_pages.sale(asked(order=id_), admin)).html
    for words in ("Money came", "Sales", "€1.00", "Give money back"):
        assert words in html
    wrong = await forms.refund(asked(form={"amount": "9.00"}, order=id_), admin)
    assert wrong.status == 409 and "can&#39;t be given back" in wrong.html
    wrong = await forms.refund(asked(form={"amount": "much"}, order=id_), admin)
    assert wrong.status == 422 and "no amount" in wrong.html and 'value="much"' in wrong.html
    done = await forms.refund(asked(form={"amount": "1.00", "reason": EVIL}, order=id_), admin)
    assert done.headers["location"] == f"/x/commerce/sales/{id_}?said=refunded"
    html = (await sales_pages.sale(asked({"said": "refunded"}, order=id_), admin)).html
    assert ">done<" in html and EVIL not in html
    assert shop.order(id_).state == "refunded"


async def seated_by_address(shop, id_):
    """Whoever may not see who is here names a person by their whole address alone."""
    for user in ("bob", "rob"):
        shop.database.people[user] = Contact(name=user.title(), email=f"{user}@example.org")
    ada, staff = shop.ctx("ada"), shop.ctx("ada", "commerce:buy", "users:read")
    refused = await forms.seat(asked(form={"user": "ob@example.org"}, order=id_), ada)
    assert refused.status == 422 and "obody here has this e-mail address" in refused.html
    doubt = await forms.seat(asked(form={"user": "example.org"}, order=id_), staff)
    assert doubt.status == 422 and "everal people are meant" in doubt.html
    for person, who in (("BOB@example.org", ada), ("Bob", staff), ("bo", staff), ("bob", ada)):
        done = await forms.seat(asked(form={"user": person}, order=id_), who)
        assert done.status == 303, person
        assert shop.read(entitlements.seated, id_) == ["bob"]
        await forms.seat(asked(form={"user": "bob", "free": "1"}, order=id_), ada)


async def test_seats_and_subscriptions_are_kept_by_who_bought_them(shop):
    _, id_ = await bought(shop, kind="seats", seats=1)
    ada = shop.ctx("ada")
    shop.learn(shop.till.pay(shop.order(id_).remote_id))
    await forms.seat(asked(form={"user": " bob "}, order=id_), ada)
    full = await forms.seat(asked(form={"user": "eve"}, order=id_), ada)
    assert full.status == 409 and "seats are taken" in full.html and 'value="eve"' in full.html
    await forms.seat(asked(form={"user": "bob", "free": "1"}, order=id_), ada)
    await seated_by_address(shop, id_)
    assert "0 of 1 are given" in (await pages.purchase(asked(order=id_), ada)).html

    _, id_ = await bought(shop, kind="subscription", interval="month")
    refused = await forms.cancel(asked(order=id_), ada)
    assert refused.status == 409 and "no subscription" in refused.html
    order = shop.order(id_)
    shop.till.subscribe(order.remote_id)
    shop.learn(*shop.till.of(order.remote_id))
    assert "End the subscription" in (await pages.purchase(asked(order=id_), ada)).html
    # Who keeps the books sees it, and decides nothing of what somebody else pays.
    keeper, boss = shop.ctx("kim", "commerce:buy", "commerce:books"), shop.ctx("boss", *ADMIN)
    assert (await pages.purchase(asked(order=id_), keeper)).status == 200
    for act, who in ((forms.cancel, keeper), (pages.back, keeper), (forms.portal, boss)):
        with pytest.raises(NotFoundError):
            await act(asked(order=id_), who)
    with pytest.raises(NotFoundError):
        await forms.plan(asked(form={"plan": "x"}, order=id_), boss)
    await forms.cancel(asked(order=id_), ada)
    assert shop.till.facts["subscription", shop.order(id_).subscription_id].subscription.ends


def test_every_state_kind_and_account_has_words():
    assert STATES.keys() == set(OrderState)
    assert KINDS.keys() == set(FactKind)
    assert {"sales", "tax", "refunds", "fees", "disputes", "chargebacks"} == ACCOUNTS.keys()
    assert set(SUBSCRIPTIONS) == set(SubscriptionStatus)
    assert {"asked", "done", "refused"} == REFUNDS.keys()
    assert Said(words_of("bloop_commerce", "de")).account(cash("till")) == "Bei till"


class Desk(tills.TillProvider):
    """A till at which nobody tells what has come: an operator does."""

    def spec(self):
        return PaymentSpec(can=frozenset({Can.BY_HAND}))

    async def record(self, remote_id, money, reference, received_at):
        return PaymentFact(
            kind=FactKind.CAPTURED, id=reference, remote_id=remote_id, as_of=received_at,
            money=money,
        )  # fmt: skip


async def run(shop, command, *arguments):
    """Run a command as its line says."""
    with command.make_context("bloop", list(arguments), obj=shop.admin) as context:
        await command.invoke(context)


async def test_commands_show_what_is_known_and_note_what_came(shop, capsys):
    _, id_ = await bought(shop)
    with pytest.raises(UnsupportedError, match="tells by itself"):
        await run(shop, cli.paid, "1", "--reference", "b1")
    shop.admin.providers.given["payments"]["till"] = Desk(None)
    for _ in range(2):
        await run(shop, cli.paid, "1", "--reference", "b1", "--on", "2026-01-02")
    assert "captured" in capsys.readouterr().out
    assert shop.sums() == {"cash:till": 4900, "sales": -4900}
    with pytest.raises(click.BadParameter, match="no amount"):
        await run(shop, cli.refund, "1", "--amount", "10,00")
    with pytest.raises(PreconditionFailedError):
        await run(shop, cli.refund, "1", "--amount", "49.01")
    await run(shop, cli.list_orders, "--state", "paid", "--json")
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == [id_]
    await run(shop, cli.products)
    assert "49.00 EUR" in capsys.readouterr().out
    await run(shop, cli.balance, "--deep")
    assert "nothing is out of balance" in capsys.readouterr().out
    await run(shop, cli.export, "balance")
    assert capsys.readouterr().out.splitlines()[-1] == "together,0.00,,EUR,0"
    with pytest.raises(NotFoundError):
        await run(shop, cli.order, "9")


async def test_accountants_get_lines_that_no_spreadsheet_takes_for_formulas(shop):
    for title in ("=1+1", "Waves; 'x', \"y\"\n"):
        _, id_ = await bought(shop, title=title, courses=["c1"])
        shop.learn(shop.till.pay(shop.order(id_).remote_id, fee=50))

    def rows(what):
        return list(csv.reader(io.StringIO(shop.read(exports.written, what, None, None))))

    head, *lines = rows("ledger")
    assert len(lines) == 6
    amount = head.index("minor_units")
    assert sum(int(one[amount]) for one in lines) == 0
    titles = [one[2] for one in rows("orders")]
    assert titles == ["product", "'=1+1", "Waves; 'x', \"y\""]
    assert rows("balance")[-1] == ["together", "0.00", "", "EUR", "0"]
    year = datetime.now(UTC).year
    since = datetime(year + 1, 1, 1, tzinfo=UTC).date()
    assert len(shop.read(exports.written, "ledger", since, None).splitlines()) == 1
    assert str(Money(amount=1234, currency="KWD")) == "1.234 KWD"


async def test_a_command_sells_a_course_or_a_single_lesson(shop, capsys):
    for options, found in ((["--lesson"], ([], ["ID"])), ([], (["ID"], []))):
        asked_for = ["ID", "3.00", "EUR", "--title", "The film", "--json", *options]
        await run(shop, offering.command, *asked_for)
        made = json.loads(capsys.readouterr().out)
        assert (made["courses"], made["items"]) == found
        assert [one["amount"] for one in made["prices"]] == [300]


async def test_what_is_not_there_is_not_sold_and_what_has_gone_can_be_taken_off_sale(shop):
    product = shop.sell(courses=["c1", "c2"], items=["i1"])
    shop.database.absent |= {"c1", "none"}
    for options, noun in ((["--lesson"], "lessons"), ([], "courses")):
        with pytest.raises(UnsupportedError, match=f"{noun}: 1 of 1 are not here .*: none"):
            await run(shop, offering.command, "none", "3.00", "EUR", "--title", "x", *options)
    given = {"title": "Waves", "courses": ["c1", "none"], "on_sale": False}
    with pytest.raises(UnsupportedError, match="1 of 1 are not here to be given: none"):
        shop.run(catalogue.change, product, catalogue.read_offer(given), 1)
    offer = catalogue.read_offer(given | {"courses": ["c1"]})
    assert not shop.run(catalogue.change, product, offer, 1).on_sale
    assert len(shop.read(catalogue.products, on_sale=False)) == 1
