"""Commerce in a real hub: bought by HTTP, let in for every read, and many at once on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import sys
import tomllib
from pathlib import Path

import pytest
import till as tills
from sqlalchemy import func, select

from bloop.accounts.models import User
from bloop.content.queries import CONTAINER_IS_VISIBLE
from bloop.content.service import create_container
from bloop.hub import Hub
from bloop_sdk.testing.distributions import write_plugin
from tests.support.database import make_call
from tests.support.hub import add_institution
from tests.web.conftest import csrf_of

HERE = Path(__file__).parent
SOURCE = HERE.parent
HUB_TOML = """
[access]
guests = "read"

[plugins.commerce]
enabled = true
seller_name = "Riverside"

[plugins.till]
enabled = true
"""
# It is the test's own till that the hub's plugin uses.
PLUGIN = "from till import Main, TillProvider"


@pytest.fixture
def installed(site):
    """Commerce as `pip install -e` leaves it, and the till."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    name = f"bloop_commerce-{project['version']}.dist-info"
    if not any(Path(path, name).exists() for path in sys.path):
        info = site / name
        info.mkdir()
        head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (info / "METADATA").write_text(head)
        points = project["entry-points"]["bloop.plugins"].items()
        lines = "".join(f"{key} = {target}\n" for key, target in points)
        (info / "entry_points.txt").write_text(f"[bloop.plugins]\n{lines}")
    manifest = {"provides": {"payments": "bloop_till.plugin:TillProvider"}, "family": "payments"}
    write_plugin(site, "till", code=PLUGIN, manifest=manifest)


@pytest.fixture
async def hub(hub_toml, installed):
    tills.TILL.clear()
    with hub_toml.open("a") as file:
        file.write(HUB_TOML)
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.upgrade)
    await hub.start()
    await hub.loaded()
    states = {name: one.status for name, one in hub.kernel.plugins.items()}
    assert {"commerce", "till"} <= {name for name, one in states.items() if one.state == "ready"}, (
        states
    )
    yield hub
    await hub.stop()


@pytest.fixture
async def shop(hub):
    """What commerce's code has for an admin."""
    return await context(hub, "admin", "admin")


async def context(hub, user, role="learner", institution=None):
    from bloop.hub.contexts import PluginCall, open_context

    call = make_call(institution or hub.institution, role=role, name=user)
    return await open_context(hub, PluginCall, "commerce", call)


def course_of(hub):
    with hub.database.unit(make_call(hub.institution, role="admin")) as unit:
        made = create_container(unit, title="Sold", audience="enrolled", published=True)
        return made.id


def user_of(hub, name):
    with hub.database.unit(make_call(hub.institution, role="admin")) as unit:
        user = User(institution_id=unit.institution, name=name, role="learner")
        unit.session.add(user)
        unit.session.flush()
        return user.id


async def sees(hub, user, course):
    call = make_call(hub.institution, name=user, role="learner")
    return await hub.database.read_one(CONTAINER_IS_VISIBLE, call, id=course) is not None


async def sell(shop, **offer):
    from bloop_commerce import catalogue

    given = {"title": "Waves", "courses": ["c1"], "on_sale": True} | offer
    made = await shop.transaction(catalogue.add, catalogue.read_offer(given))
    await shop.transaction(catalogue.set_price, made.id, 4900, "EUR")
    return made.id


def asks_for_json(page):
    """The headers of a program that has a browser's session."""
    return {"x-csrf-token": csrf_of(page), "accept": "application/json"}


async def test_a_course_is_sold_by_http_paid_by_a_call_and_given_back(hub, visit):
    course = await hub.database.run(course_of, hub)
    admin, learner = await visit("admin"), await visit("learner")
    token, mine = asks_for_json(await admin.get("/")), asks_for_json(await learner.get("/"))
    order = await ordered(admin, token, learner, mine, course)
    assert await sees(hub, order["buyer"], course) is False
    await called(hub, await visit())
    assert await sees(hub, order["buyer"], course) is True

    mine_now = (await learner.get("/x/commerce/access", headers=mine)).json()["items"]
    assert [(one["course"], one["open"]) for one in mine_now] == [(course, True)]
    await no_text_breaks_it(admin, token, learner, mine, course)
    shown = f"/x/commerce/orders/{order['id']}"
    assert (await learner.get(shown, headers=mine)).json()["state"] == "paid"
    assert (await (await visit("learner")).get(shown, headers=mine)).status_code == 404
    assert (await learner.post(f"{shown}/refunds", json={}, headers=mine)).status_code == 403
    back = await admin.post(f"{shown}/refunds", json={"reason": "asked"}, headers=token)
    assert (back.status_code, back.json()["state"]) == (200, "refunded"), back.text
    assert await sees(hub, order["buyer"], course) is False
    sums = (await admin.get("/x/commerce/trial-balance", headers=token)).json()
    assert sums["sums"] == {"EUR": 0}
    assert (await admin.get("/x/commerce/balance?deep=1", headers=token)).json() == {"items": []}
    await papers(admin, learner, await visit("learner"), mine_order=shown)
    text = (await admin.get("/x/commerce/export/balance.csv", headers=token)).text
    assert text.splitlines()[-1] == "together,0.00,,EUR,0"


async def papers(admin, learner, stranger, mine_order):
    """The invoice and the credit note: for the buyer and who keeps the books, and nobody else."""
    found = (await learner.get(mine_order, headers={"accept": "application/json"})).json()
    assert [(one["kind"], one["total"]) for one in found["invoices"]] == [
        ("invoice", 4900),
        ("credit", -4900),
    ]
    path = found["invoices"][0]["pdf"]
    for who in (learner, admin, learner):
        answer = await who.get(path)
        assert (answer.status_code, answer.content[:5]) == (200, b"%PDF-"), answer.text
        assert "private" in answer.headers["cache-control"]
    assert (await stranger.get(path)).status_code == 404


async def ordered(admin, token, learner, mine, course):
    """A learner's order of a course that an admin sells: once, however often it is sent."""
    offer = {"title": "Waves & <sound>", "courses": [course], "on_sale": True}
    made = (await admin.post("/x/commerce/products", json=offer, headers=token)).json()
    price, path = {"amount": 4900, "currency": "eur"}, f"/x/commerce/products/{made['id']}/prices"
    assert (await admin.post(path, json=price, headers=token)).status_code == 201
    assert (await learner.post(path, json=price, headers=mine)).status_code == 403
    wanted, keyed = {"product": made["id"]}, mine | {"idempotency-key": "once"}
    first, again, other = [
        await learner.post("/x/commerce/orders", json=wanted | more, headers=keyed)
        for more in ({}, {}, {"quantity": 1})
    ]
    assert first.json() == again.json()
    assert other.status_code == 409
    (remote_id,) = tills.TILL.checkouts
    assert first.json()["checkout_url"] == f"https://till.example/{remote_id}"
    return first.json()


async def no_text_breaks_it(admin, token, learner, mine, course):
    """What no database keeps is refused by name, and what looks odd is kept."""
    offer, path = {"courses": [course], "on_sale": False}, "/x/commerce/products"
    for text, status in (("a\0b", 422), ("\ud800", 422), ("Wéllen \u202e \U0001f30a", 201)):
        sent = json.dumps(offer | {"title": text})
        headers = token | {"content-type": "application/json"}
        answer = await admin.post(path, content=sent, headers=headers)
        assert answer.status_code == status, (text.encode("unicode-escape"), answer.text)
    for odd in ("%00", "%F0%9F%8C%8A", "x" * 3000):
        answer = await learner.get(f"/x/commerce/orders/{odd}", headers=mine)
        assert answer.status_code == 404, (odd[:9], answer.text)
        coupon = {"product": odd, "coupon": "\0\ud800"}
        answer = await learner.post(
            "/x/commerce/orders",
            content=json.dumps(coupon),
            headers=mine | {"content-type": "application/json", "idempotency-key": odd[:9]},
        )
        assert answer.status_code == 422, answer.text


async def called(hub, stranger):
    """The till tells that it was paid: here, at another institution, and unsigned."""
    (remote_id,) = tills.TILL.checkouts
    headers, body = tills.signed("e1", [tills.TILL.pay(remote_id)])
    hook = f"/in/{hub.institution}/commerce/hooks/till"
    forged = await stranger.post(hook, content=body, headers=headers | {"x-till": "0" * 64})
    assert forged.status_code in range(400, 500)
    away = await hub.database.run(add_institution, hub, "away")
    there = hook.replace(hub.institution, away)
    for path, state in ((there, "applied"), (hook, "applied"), (hook, "duplicate")):
        answer = await stranger.post(path, content=body, headers=headers)
        assert answer.json() == {"state": state}
    from bloop_commerce import facts, orders

    elsewhere = await context(hub, "admin", "admin", away)
    assert len(await elsewhere.read(facts.unmatched)) == 1
    assert await elsewhere.read(orders.newest) == []


async def test_many_at_once_oversell_nothing_book_once_and_keep_access(hub, shop):
    course = await hub.database.run(course_of, hub)
    people = [await hub.database.run(user_of, hub, f"p{number}") for number in range(6)]
    order = await coupons_run_out(shop, people, course)
    await facts_come_together(shop, order)
    await seats_run_out(hub, shop, order, people, course)
    await refunds_stop_at_what_came(shop, order)
    await one_purchase_ends_as_another_begins(hub, shop, people[0])
    await numbers_have_no_gaps(shop)


async def coupons_run_out(shop, people, course):
    from bloop_commerce import checkout, coupons
    from bloop_commerce.tables import Coupon, Order

    bundle = await sell(shop, kind="seats", seats=2, courses=[course])
    await shop.transaction(coupons.make, "HALF", percent=50, most=2)
    wanted = checkout.Wanted(product=bundle, currency="EUR", coupon="HALF")
    placed = await asyncio.gather(
        *(shop.transaction(checkout.place, user, wanted, "till") for user in people),
        return_exceptions=True,
    )
    made = [one for one in placed if isinstance(one, Order)]
    assert sorted(one.number for one in made) == [1, 2]
    assert {one.code for one in placed if not isinstance(one, Order)} == {"precondition_failed"}
    assert await shop.read(lambda unit: unit.session.scalar(select(Coupon.used))) == 2
    return await checkout.start(shop, made[0], "https://hub.example/x/commerce")


async def facts_come_together(shop, order):
    from bloop_commerce import ledger, orders
    from bloop_commerce.tables import Entry

    paid = tills.TILL.pay(order.remote_id)
    others = [tills.TILL.told("refunded", paid, 10, id_=f"r{number}") for number in range(3)]
    told = [paid, *others] * 3
    await asyncio.gather(*(shop.transaction(orders.learn, "till", [one]) for one in told))
    order = await shop.read(orders.one, order.id)
    assert (order.state, order.captured, order.refunded) == ("paid", 2450, 30)
    assert await shop.read(lambda unit: unit.session.scalar(select(func.count(Entry.id)))) == 4
    sums = {one.account: one.amount for one in await shop.read(ledger.trial_balance)}
    assert sums == {"cash:till": 2420, "refunds": 30, "sales": -2450}


async def seats_run_out(hub, shop, order, people, course):
    from bloop_commerce import entitlements, seats

    given = await asyncio.gather(
        *(shop.transaction(seats.assign, order.id, user) for user in people),
        return_exceptions=True,
    )
    assert given.count(None) == 2
    seated = await shop.read(entitlements.seated, order.id)
    assert {user for user in people if await sees(hub, user, course)} == set(seated)


async def refunds_stop_at_what_came(shop, order):
    from bloop_commerce import refunds

    asked = await asyncio.gather(
        *(shop.transaction(refunds.ask, order.id, "admin", amount=1000) for _ in range(4)),
        return_exceptions=True,
    )
    assert len([one for one in asked if isinstance(one, list)]) == 2
    assert sum((await shop.read(refunds.left_of, order)).values()) == 420


async def one_purchase_ends_as_another_begins(hub, shop, user):
    from bloop_commerce import checkout, orders

    course = await hub.database.run(course_of, hub)
    product, buyer = await sell(shop, courses=[course]), await context(hub, user)
    wanted = checkout.Wanted(product=product, currency="EUR")
    both = [
        await checkout.start(shop, await checkout.buy(buyer, wanted), "https://hub.example/x")
        for _ in range(2)
    ]
    first, second = [tills.TILL.pay(one.remote_id) for one in both]
    await shop.transaction(orders.learn, "till", [first])
    told = (tills.TILL.told("refunded", first), second)
    await asyncio.gather(*(shop.transaction(orders.learn, "till", [one]) for one in told))
    assert await sees(hub, user, course)


async def numbers_have_no_gaps(shop):
    """Three orders were paid and four refunds made above, some at once."""
    from bloop_commerce.tables import Invoice

    rows = await shop.read(lambda unit: unit.session.scalars(select(Invoice)).all())
    counts = {
        kind: sorted(one.count for one in rows if one.kind == kind)
        for kind in ("invoice", "credit")
    }
    assert counts == {"invoice": [1, 2, 3], "credit": [1, 2, 3, 4]}
