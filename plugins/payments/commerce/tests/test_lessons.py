"""A single lesson is sold from its page and by command, in a real hub, and lost with the money."""

from __future__ import annotations

import till as tills
from sqlalchemy import select
from test_hub import asks_for_json, context, hub, installed, shop  # noqa: F401 - fixtures

from bloop.content.service import create_container, create_item
from tests.support.database import make_call
from tests.web.conftest import csrf_of


def lessons_of(home):
    with home.database.unit(make_call(home.institution, role="admin")) as unit:
        course = create_container(unit, title="Whole", audience="enrolled", published=True)
        made = []
        for title in ("Sold film", "Kept back"):
            item = create_item(unit, course.id, kind="page", title=title, html="<p>x</p>")
            item.published = True
            made.append(item.id)
        return course.id, *made


async def learner_form(learner, item):
    form = {"title": "x", "price": "0", "currency": "EUR", "csrf": csrf_of(await learner.get("/"))}
    return await learner.post(f"/x/commerce/lessons/{item}/sell", data=form)


async def test_a_lesson_is_sold_by_itself_and_taken_away_with_its_money(hub, visit):  # noqa: F811
    course, sold, other = await hub.database.run(lessons_of, hub)
    admin, learner = await visit("admin"), await visit("learner")
    page = await admin.get(f"/lessons/{sold}")
    assert f"/x/commerce/lessons/{sold}/sell" in page.text
    form = {"title": "The film", "price": "3.00", "currency": "EUR", "csrf": csrf_of(page)}
    done = await admin.post(f"/x/commerce/lessons/{sold}/sell", data=form)
    assert done.status_code == 303, done.text[-1500:]
    assert done.headers["location"] == f"/lessons/{sold}"
    token = asks_for_json(page)
    for path, sent in (
        (f"lessons/{course}/sell", {"data": form}),
        (f"courses/{sold}/sell", {"data": form}),
        ("products", {"json": {"title": "x", "courses": [course], "items": [course]}}),
    ):
        absent = await admin.post(f"/x/commerce/{path}", headers=token, **sent)
        assert (absent.status_code, "not here to be given" in absent.text) == (422, True), (
            absent.text
        )
    refused = await learner_form(learner, sold)
    assert refused.status_code == 403

    mine = asks_for_json(await learner.get("/"))
    (product,) = (await learner.get("/x/commerce/products", headers=mine)).json()["items"]
    assert (product["courses"], product["items"]) == ([], [sold])
    order = await learner.post(
        "/x/commerce/orders",
        json={"product": product["id"]},
        headers=mine | {"idempotency-key": "1"},
    )
    assert (await learner.get(f"/lessons/{sold}")).status_code == 404

    (remote_id,) = tills.TILL.checkouts
    paid = tills.TILL.pay(remote_id)
    headers, body = tills.signed("e1", [paid])
    hook = f"/in/{hub.institution}/commerce/hooks/till"
    assert (await (await visit()).post(hook, content=body, headers=headers)).status_code == 200
    assert "Sold film" in (await learner.get(f"/lessons/{sold}")).text
    for path in (f"/lessons/{other}", f"/courses/{course}", f"/api/v1/containers/{course}/tree"):
        assert (await learner.get(path)).status_code == 404, path
    bought = await learner.get(f"/x/commerce/purchases/{order.json()['id']}")
    assert f'href="/lessons/{sold}"' in bought.text
    access = (await learner.get("/x/commerce/access", headers=mine)).json()["items"]
    assert [(one["item"], one["open"]) for one in access] == [(sold, True)]

    headers, body = tills.signed("e2", [tills.TILL.told("refunded", paid)])
    await (await visit()).post(hook, content=body, headers=headers)
    assert (await learner.get(f"/lessons/{sold}")).status_code == 404
    bought = await learner.get(f"/x/commerce/purchases/{order.json()['id']}")
    assert f'href="/lessons/{sold}"' not in bought.text


async def test_a_lesson_lapses_with_its_time(hub, shop):  # noqa: F811
    from datetime import timedelta

    from test_hub import user_of

    from bloop.content.queries import ITEM_IS_VISIBLE
    from bloop_commerce import catalogue, checkout, entitlements, orders
    from bloop_commerce.tables import Access, now
    from bloop_sdk.money import Money

    _, sold, _ = await hub.database.run(lessons_of, hub)
    ada = await hub.database.run(user_of, hub, "ada")
    offer = catalogue.read_offer({"title": "Film", "items": [sold], "days": 1, "on_sale": True})
    product = await shop.transaction(catalogue.add, offer)
    await shop.transaction(catalogue.set_price, product.id, 300, "EUR")
    buyer = await context(hub, ada)
    wanted = checkout.Wanted(product=product.id, currency="EUR")
    order = await checkout.start(buyer, await checkout.buy(buyer, wanted), "https://hub.example/x")
    at = now() - timedelta(hours=23, minutes=59)
    fact = tills.TILL.pay(order.remote_id)
    assert fact.money == Money(amount=300, currency="EUR")
    await shop.transaction(orders.learn, "till", [fact])
    call = make_call(hub.institution, name=ada, role="learner")

    async def sees():
        return await hub.database.read_one(ITEM_IS_VISIBLE, call, id=sold) is not None

    assert await sees()

    def passes(unit):
        # The day is over: what covers it is of the past.
        from bloop_commerce.tables import Cover, Entitlement

        for row in (
            *unit.session.scalars(select(Cover)),
            *unit.session.scalars(select(Entitlement)),
        ):
            row.spans = [f"{(at - timedelta(days=1)).isoformat()}/{at.isoformat()}"]
        unit.session.scalars(select(Access)).one().next_at = at

    await shop.transaction(passes)
    assert await shop.transaction(entitlements.lapse, 10) == 1
    assert not await sees()
